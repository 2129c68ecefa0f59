"""How plots are drawn, as far as it can be told without pixels."""

import numpy as np

from lineshape.engine.report.drawing import COLOURS, Style, _barred, _ratio_panel, canvas
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


def test_points_of_a_ratio_are_shown_or_pointed_at() -> None:
    """One and a half times the reference is in the panel; what is five times it, or a tenth, has an arrow."""
    edges = np.linspace(0, 40, 5)
    ratios = {"a": [1.0, 1.0, 1.0, 1.0], "b": [1.515, 1.6, 0.9, 1.2], "c": [5.0, 1.2, np.nan, 0.1]}
    series = {key: Series(key, key, edges, 10 * np.array(ratio)) for key, ratio in ratios.items()}
    style = Style(tuple(ratios), "", "")
    with canvas() as plt:
        for keys, arrows in (("ab", []), ("abc", [(8.0, 0.99), (38.0, 0.01)])):
            figure, axes = plt.subplots()
            _ratio_panel(axes, Plot("p", "s", "c", "x", "y", [series[key] for key in keys], ratio_to="a"), style)
            low, high = axes.get_ylim()
            assert low < 0.9
            assert 1.6 < high <= 3
            assert [text.xy for text in axes.texts] == arrows
            plt.close(figure)


def test_bars_over_letters_are_mathtext() -> None:
    assert _barred("tt̄: tagging") == r"t$\bar{\mathrm{t}}$: tagging"
    assert _barred("Z→ℓℓ") == "Z→ℓℓ"
