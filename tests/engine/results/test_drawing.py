"""How plots are drawn, as far as it can be told without pixels."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from lineshape.engine.measures.plots import Plot, Series
from lineshape.engine.results import drawing
from lineshape.engine.results.curves import ratio_panel
from lineshape.engine.results.drawing import canvas, draw
from lineshape.engine.results.style import COLOURS, Style, barred


def plot(*keys: str) -> Plot:
    x = np.array([0.0, 1.0])
    return Plot("p", "s", "c", "x", "y", [Series(key, key, x, x[1:]) for key in keys])


def test_curves_of_a_plot_have_colours_of_their_own_however_many_models_there_are() -> None:
    models = tuple(f"m{i}" for i in range(25))
    style = Style(models, "", "").of(plot("m3", "m13", "m23"))
    assert len({style.colour(key) for key in ("m3", "m13", "m23")}) == 3
    assert style.colour("m0") == COLOURS[0]


def test_models_beyond_the_colours_have_other_lines() -> None:
    models = tuple(f"m{number}" for number in range(len(COLOURS) + 1))
    style = Style(models, "", "").of(plot(*models))
    assert len({(style.colour(key), style.line(key)) for key in models}) == len(models)


def test_colours_are_told_apart() -> None:
    """In CIELAB, by 24 for who sees all colours, and by 17.5 for who sees no green or no red (Machado et al. 2009).

    Two greys that were 19 apart were taken for one another.
    """
    seen = [
        (24, np.eye(3)),
        (17.5, np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]])),
        (17.5, np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]])),
    ]
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    opponents = np.array([[0, 116, 0], [500, -500, 0], [0, 200, -200]])
    codes = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in COLOURS]) / 255
    light = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    for least, sight in seen:
        parts = (light @ sight.T).clip(0, 1) @ xyz.T / xyz.sum(axis=1)
        lab = np.where(parts > 0.008856, np.cbrt(parts), 7.787 * parts + 16 / 116) @ opponents.T
        for first, second in combinations(range(len(COLOURS)), 2):
            assert np.hypot.reduce(lab[first] - lab[second]) > least, (COLOURS[first], COLOURS[second])


def test_with_few_models_each_keeps_its_colour() -> None:
    style = Style(("a", "b", "c"), "", "")
    assert style.of(plot("c")).colour("c") == style.colour("c") == COLOURS[2]


def test_what_is_no_model_has_colours_too() -> None:
    style = Style(("a", "b"), "", "").of(plot("prompt", "tau", "prompt"))
    assert [style.colour(key) for key in ("prompt", "tau")] == list(COLOURS[:2])


def test_points_of_a_ratio_are_shown_or_pointed_at() -> None:
    """One and a half times the reference is in the panel; what is five times it, or a tenth, has an arrow."""
    edges = np.linspace(0, 40, 5)
    ratios = {"a": [1.0, 1.0, 1.0, 1.0], "b": [1.515, 1.6, 0.9, 1.2], "c": [5.0, 1.2, np.nan, 0.1]}
    series = {key: Series(key, key, edges, 10 * np.array(ratio)) for key, ratio in ratios.items()}
    style = Style(tuple(ratios), "", "")
    with canvas() as plt:
        for keys, arrows in (("ab", []), ("abc", [(5 + 0.3 * 2.8, 0.99), (35 + 0.3 * 2.8, 0.01)])):
            figure, axes = plt.subplots()
            plot_of = Plot("p", "s", "c", "x", "y", [series[key] for key in keys], ratio_to="a")
            ratio_panel(axes, plot_of, series["a"], style)
            low, high = axes.get_ylim()
            assert low < 0.9
            assert 1.6 < high <= 3
            found = np.array([text.xy for text in axes.texts]).reshape(-1, 2)
            assert found.shape == (len(arrows), 2)
            assert np.allclose(found, np.array(arrows).reshape(-1, 2))
            plt.close(figure)


def test_a_panel_of_ratios_is_scaled_to_what_was_trained() -> None:
    """Two per cent between two of them are seen, whatever a quantity of the file does; it has arrows."""
    edges = np.linspace(0, 40, 5)
    ratios = {"a": [1.0, 1.0, 1.0, 1.0], "b": [0.98, 0.97, 0.99, 0.98], "file": [1.5, 2.0, 2.5, 1.4]}
    series = [Series(key, key, edges, 10 * np.array(ratio)) for key, ratio in ratios.items()]
    shown = Plot("p", "s", "c", "x", "y", series, ratio_to="a")
    with canvas() as plt:
        for trained, highest, arrows in ((("a", "b"), 1.1, 4), (("a",), 3, 0), ((), 3, 0)):
            figure, axes = plt.subplots()
            ratio_panel(axes, shown, shown.series[0], Style(tuple(ratios), "", "", trained))
            assert 1.02 < axes.get_ylim()[1] <= highest
            assert len(axes.texts) == arrows
            plt.close(figure)


def test_bars_over_letters_are_mathtext() -> None:
    assert barred("tt̄: tagging") == r"t$\bar{\mathrm{t}}$: tagging"
    assert barred("Z→ℓℓ") == "Z→ℓℓ"


def test_what_counts_something_has_whole_numbers_at_its_ticks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks: list[np.ndarray] = []
    monkeypatch.setattr(drawing, "save", lambda figure, *_: ticks.append(figure.axes[0].get_xticks()))
    epochs = np.arange(1.0, 4.0)
    curve = Series("a", "a", epochs, epochs, None, "line")
    draw(Plot("p", "s", "c", "Epoch", "Loss", [curve], x_whole=True), tmp_path, Style(("a",), "", ""))
    assert (ticks[0] == ticks[0].round()).all()


@pytest.mark.parametrize(
    "names",
    [("BRT",), ("Combined", "Particle flow", "BRT", "DNN", "MDN"), tuple("sample weights, seed 2" for _ in range(11))],
)
def test_a_legend_covers_neither_curves_nor_heading(
    names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def look(figure: object, folder: Path, name: str) -> None:
        axes = figure.axes[0]  # type: ignore[attr-defined]
        figure.canvas.draw()  # type: ignore[attr-defined]
        legend = axes.get_legend().get_window_extent()
        heading = min(text.get_window_extent().y0 for text in axes.texts)
        seen.append((axes.bbox.y1, legend, heading, axes.bbox.x1))

    monkeypatch.setattr(drawing, "save", look)
    keys = [f"{name}{number}" for number, name in enumerate(names)]
    drawn = plot(*keys)
    draw(drawn, tmp_path, Style(tuple(keys), "Tau energy scale", "taus"))
    ((top, legend, heading, right),) = seen
    assert legend.y0 >= top - 1
    assert legend.y1 <= heading + 6  # the legend's own margin
    assert legend.x1 <= right + 1


def test_a_point_outside_the_range_is_an_arrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrows = []
    monkeypatch.setattr(drawing, "arrows", lambda axes, series, *_: arrows.append(series.key))
    draw(replace(plot("a"), y_range=(0.0, 0.5)), tmp_path, Style(("a",), "", ""))
    draw(plot("b"), tmp_path, Style(("b",), "", ""))
    assert arrows == ["a"]
