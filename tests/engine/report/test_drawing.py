"""How plots are drawn, as far as it can be told without pixels."""

import numpy as np

from lineshape.engine.report.drawing import COLOURS, Style, _barred
from lineshape.engine.report.plots import Plot, Series


def plot(*keys: str) -> Plot:
    x = np.array([0.0, 1.0])
    return Plot("p", "s", "c", "x", "y", [Series(key, key, x, x[1:]) for key in keys])


def test_curves_of_a_plot_have_colours_of_their_own_however_many_models_there_are() -> None:
    models = tuple(f"m{i}" for i in range(25))
    style = Style(models, "", "").of(plot("m3", "m13", "m23"))
    assert len({style.colour(key) for key in ("m3", "m13", "m23")}) == 3
    assert style.colour("m0") == COLOURS[0]


def test_with_few_models_each_keeps_its_colour() -> None:
    style = Style(("a", "b", "c"), "", "")
    assert style.of(plot("c")).colour("c") == style.colour("c") == COLOURS[2]


def test_what_is_no_model_has_colours_too() -> None:
    style = Style(("a", "b"), "", "").of(plot("prompt", "tau", "prompt"))
    assert [style.colour(key) for key in ("prompt", "tau")] == list(COLOURS[:2])


def test_bars_over_letters_are_mathtext() -> None:
    assert _barred("tt̄: tagging") == r"t$\bar{\mathrm{t}}$: tagging"
    assert _barred("Z→ℓℓ") == "Z→ℓℓ"
