"""Colours, markers and headings of plots, the same for a model in all of them."""

import re
from dataclasses import dataclass, replace

from lineshape.engine.core.columns import Column
from lineshape.engine.measures.plots import DATA, SIMULATION, Plot

#: Colours that colour-blind readers can distinguish (Petroff 2021), the baseline's first; his second grey is a green.
COLOURS = ("#3f90da", "#717581", "#ffa90e", "#832db6", "#bd1f01", "#92dadd", "#a96b59", "#e76300", "#b9ac70", "#005028")
MARKERS = ("o", "s", "^", "v", "D", "P", "X", "<", ">", "*")


@dataclass(frozen=True)
class Style:
    """Colour and marker of each model, the same in all plots, and the heading and note above each plot."""

    keys: tuple[str, ...]
    heading: str
    note: str
    #: Models that were trained: panels of ratios are scaled to them, where there are any beside the reference.
    trained: tuple[str, ...] = ()

    def of(self, plot: Plot) -> "Style":
        """Return the style of a plot: with colours of its own where it shows no models, or some of many."""
        shown = dict.fromkeys(series.key for series in plot.series if series.key not in (DATA, SIMULATION))
        known = [key for key in self.keys if key in shown]
        if known and len(self.keys) <= len(COLOURS):
            return self
        return replace(self, keys=tuple(dict.fromkeys([self.keys[0], *known]) if known else shown))

    def colour(self, key: str) -> str:
        """Return the colour of a model; grey for simulation, and black for any other key."""
        if key == SIMULATION:
            return "#444444"
        return COLOURS[self.keys.index(key) % len(COLOURS)] if key in self.keys else "black"

    def line(self, key: str) -> str:
        """Return the line style of a model: dots and dashes where its colour is used a second time."""
        return "-." if key in self.keys and self.keys.index(key) >= len(COLOURS) else "-"

    def marker(self, key: str) -> str:
        """Return the marker of a model."""
        return MARKERS[self.keys.index(key) % len(MARKERS)] if key in self.keys else "o"


def plain(text: str) -> str:
    """Return a label without mathtext, as on a page that has no TeX."""
    return Column(text, "", 0, 1).plain


def barred(text: str) -> str:
    """Replace letters with a combining bar (t̄) by mathtext, as fonts set the bar beside the letter."""
    return re.sub("(\\w)\u0304", r"$\\bar{\\mathrm{\1}}$", text)
