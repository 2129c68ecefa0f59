"""Draw the result of a search: losses trial by trial, and against each setting."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lineshape.engine.learning.search import JOB_FILE, Found
from lineshape.engine.results.drawing import canvas, save
from lineshape.engine.results.style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_search(found: Found, folder: Path, model: str) -> None:
    """Write search.png and search.pdf into a folder.

    The job file's own settings are the first trial, with a ring around it, where the search began with them.
    """
    done = [trial for trial in found.trials if trial.loss is not None]
    losses = np.array([trial.loss for trial in done])
    names = list(found.best.settings)
    panels = len(names) + 1
    columns = min(3, panels)
    rows = -(-panels // columns)
    # Bad trials need only be seen as bad: the axis is cut above them.
    low, high = losses.min(), np.quantile(losses, 0.8)
    margin = 0.15 * (high - low) + 1e-9
    with canvas() as plt:
        figure, axes = plt.subplots(rows, columns, figsize=(4.4 * columns, 3.4 * rows), squeeze=False, sharey=True)
        figure.subplots_adjust(wspace=0.16, hspace=0.42)
        shown = np.minimum(losses, high + 0.8 * margin)
        for number, panel in enumerate(axes.flat):
            if number >= panels:
                panel.set_visible(False)
                continue
            if number == 0:
                x = np.array([trial.number for trial in done], dtype=float)
                panel.step(x, np.minimum.accumulate(losses), where="post", color=COLOURS[0])
                panel.set_xlabel("trial", loc="right")
            else:
                x = _positions(panel, names[number - 1], [trial.settings[names[number - 1]] for trial in done])
            panel.plot(x, shown, "o", color=COLOURS[1], markersize=4)
            panel.plot(x[losses.argmin()], losses.min(), "o", color=COLOURS[4], markersize=7)
            if done[0].number == 0 and found.begun_with_job_file:
                panel.plot(x[0], shown[0], "o", mfc="none", mec="black", markersize=10)
            if number % columns == 0:
                panel.set_ylabel("validation loss", loc="top")
            panel.set_ylim(low - margin, high + margin)
            panel.margins(x=0.08)
        figure.suptitle(
            f"Search for {model} (ring: {JOB_FILE}; red: best; line: best so far; worst fifth at the upper edge)",
            fontsize=13,
        )
        save(figure, folder, "search")
        plt.close(figure)


def _positions(panel: "Axes", name: str, values: list[object]) -> np.ndarray:
    """Return the positions of a setting's values on the axis; values that are not numbers become categories."""
    panel.set_xlabel(name, loc="right")
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        numbers = np.array(values, dtype=float)
        if numbers.min() > 0 and numbers.max() / numbers.min() > 8:
            panel.set_xscale("log")
        return numbers
    words = [str(value) for value in values]
    known = sorted(set(words))
    panel.set_xticks(range(len(known)), known, rotation=20, ha="right", fontsize=8)
    panel.minorticks_off()
    return np.array([known.index(word) for word in words], dtype=float)
