"""What a plot shows, as JSON."""

import json

import numpy as np

from lineshape.engine.measures.plots import Band, Map, Plot, Series
from lineshape.engine.results.plot_data import data_of
from lineshape.engine.results.style import COLOURS, Style

EDGES = np.linspace(0, 40, 5)
STYLE = Style(("a", "b"), "", "", ("a", "b"))


def test_curves_and_their_ratios_are_all_there_and_missing_values_are_null() -> None:
    known = (np.array([0.98, 0.97, 0.96, np.nan]), np.full(4, 0.01))
    a = Series("a", "A", EDGES, np.array([1.0, 2.0, 3.0, 4.0]), np.full(4, 0.1))
    b = Series("b", r"$p_T$", EDGES, np.array([1.0, 2.0, np.nan, 4.0]), np.full(4, 0.1), ratio=known)
    plot = Plot(
        "p", "s", "c", r"True $p_T^{vis}$ [GeV]", "y", [a, b], ratio_to="a", bands=[Band(0.1, 0.2, "Published")]
    )
    data = json.loads(json.dumps(data_of(plot, STYLE), allow_nan=False))
    assert data["x_label"] == "True pT vis [GeV]"
    assert data["bands"] == [{"low": 0.1, "high": 0.2, "label": "Published"}]
    assert [curve["colour"] for curve in data["curves"]] == list(COLOURS[:2])
    assert data["curves"][1]["y"] == [1.0, 2.0, None, 4.0]
    assert data["curves"][1]["label"] == "pT"
    assert data["ratio"]["y_label"] == "/ A"
    assert data["ratio"]["curves"][0]["y"] == [1.0, 1.0, 1.0, 1.0]
    assert data["ratio"]["curves"][1]["y"] == [0.98, 0.97, 0.96, None], "as the measure knows them"
    low, high = data["ratio"]["y_range"]
    assert low < 0.96
    assert 1 < high < 1.1


def test_points_of_two_models_stand_side_by_side_within_their_bins() -> None:
    series = [Series(key, key, EDGES, np.ones(4), np.ones(4)) for key in "ab"]
    first, second = data_of(Plot("p", "s", "c", "x", "y", series), STYLE)["curves"]
    one, two = np.array(first["places"]), np.array(second["places"])
    assert (EDGES[:-1] < one).all()
    assert (one < two).all()
    assert (two < EDGES[1:]).all()


def test_a_plane_has_its_values_and_uncertainties() -> None:
    values = np.array([[0.5, np.nan]])
    plane = Map(np.array([0.0, 1.0]), np.array([0.0, 1.0, 2.0]), values, values / 10, "Efficiency", (0.0, 1.0))
    data = data_of(Plot("p", "s", "c", "x", "y", [], plane=plane), STYLE)
    assert data["plane"]["values"] == [[0.5, None]]
    assert data["plane"]["errors"] == [[0.05, None]]
    assert data["curves"] == []
