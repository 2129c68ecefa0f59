"""Weights that are found from the rows."""

import numpy as np
import pytest
from pydantic import ValidationError

from lineshape.engine.core.errors import RunError
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.learning.roles.weight import WEIGHT, built_weight, weight_column, weight_reads
from lineshape.engine.learning.weights.flat import FlatWeights

SETTINGS = {"kind": "flat", "column": "pt", "low": 10, "high": 60, "bins": 10, "classes": "origin"}


@pytest.fixture
def tables(rng: np.random.Generator) -> list[dict[str, np.ndarray]]:
    """A spectrum that falls from 10 on, steeper for class 1; three shards."""
    origin = rng.choice(3, 30_000, p=[0.6, 0.3, 0.1]).astype(float)
    pt = 10 + rng.exponential(np.where(origin == 1, 12.0, 25.0))
    return [{"pt": pt[rows], "origin": origin[rows]} for rows in np.array_split(np.arange(30_000), 3)]


def test_each_class_is_flat_and_has_its_share(tables: list[dict[str, np.ndarray]]) -> None:
    weigh = FlatWeights(column="pt", low=10, high=60, bins=10, classes="origin", shares={0: 1, 1: 2, 2: 1}).fit(tables)
    pt, origin = (np.concatenate([table[name] for table in tables]) for name in ("pt", "origin"))
    weight = np.concatenate([weigh(table) for table in tables])
    inside = pt < 60
    sums = [
        np.histogram(pt[own], np.linspace(10, 60, 11), weights=weight[own])[0]
        for own in (origin == i for i in range(3))
    ]
    for found, share in zip(sums, (1, 2, 1), strict=True):
        np.testing.assert_allclose(found, share * sums[0][0], rtol=1e-9)
    assert weight.mean() == pytest.approx(1)
    assert inside.mean() < 0.95
    # What lies above has the weight of the last bin, not a larger one.
    assert weight[origin == 0].max() == weight[(origin == 0) & (pt >= 55)][0]


def test_classes_that_are_not_named_weigh_nothing(tables: list[dict[str, np.ndarray]]) -> None:
    weigh = FlatWeights(column="pt", low=10, high=60, bins=10, classes="origin", shares={1: 1}).fit(tables)
    weight = weigh(tables[0])
    assert (weight[tables[0]["origin"] != 1] == 0).all()
    assert (weight[tables[0]["origin"] == 1] > 0).all()


@pytest.mark.parametrize("label", [0.5, np.nan])
def test_a_class_that_is_no_whole_number_is_named(label: float, tables: list[dict[str, np.ndarray]]) -> None:
    tables[1]["origin"][:3] = label
    with pytest.raises(RunError, match=rf"origin: 3 of 10,000 rows have no whole number as .* such as {label:g}"):
        FlatWeights(column="pt", low=10, high=60, bins=10, classes="origin").fit(tables)


def test_a_class_without_rows_is_named(tables: list[dict[str, np.ndarray]]) -> None:
    with pytest.raises(RunError, match=r"origin has no rows of class 7 to weigh; there are 0, 1, 2|0, 2, 1"):
        FlatWeights(column="pt", low=10, high=60, bins=10, classes="origin", shares={1: 1, 7: 1}).fit(tables)
    with pytest.raises(ValidationError, match="must be less than high"):
        FlatWeights(column="pt", low=10, high=10, bins=10, classes="origin")


def test_a_weight_is_a_column_or_a_kind() -> None:
    assert (built_weight("w"), weight_column("w"), weight_reads("w")) == (None, "w", ("w",))
    assert (built_weight(None), weight_column(None), weight_reads(None)) == (None, None, ())
    spec = KindSpec(**SETTINGS)
    assert isinstance(built_weight(spec), FlatWeights)
    assert weight_column(spec) == WEIGHT
    assert weight_reads(spec) == ("pt", "origin")


def test_an_empty_bin_weighs_as_its_neighbour() -> None:
    """Two rows far above, behind an empty bin: they get the weight of the last bin that has rows."""
    pt = np.concatenate([np.repeat(np.arange(12.0, 55.0, 5.0), 100), [70.0, 80.0]])
    table = {"pt": pt, "origin": np.zeros(len(pt))}
    weight = FlatWeights(column="pt", low=10, high=60, bins=10, classes="origin").fit([table])(table)
    assert weight == pytest.approx(np.ones(len(pt)))


def test_a_row_without_a_value_is_named() -> None:
    table = {"pt": np.array([20.0, np.nan]), "origin": np.zeros(2)}
    with pytest.raises(RunError, match="column pt: 1 rows have no finite value"):
        FlatWeights(column="pt", low=10, high=60, bins=10, classes="origin").fit([table])
