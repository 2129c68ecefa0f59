"""The rows of a training on disk: what is in them, and what is said of those that nothing can be learnt from."""

from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from lineshape.engine.core.errors import RunError
from lineshape.engine.learning.data.columns import Columns
from lineshape.engine.learning.data.table import make_table
from tests.engine.learning.stores import dataset, make_store

N = 3000


def columns(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"a": rng.random(N), "b": rng.random(N), "w": rng.random(N), "truth": rng.random(N)}


def test_rows_are_those_of_the_shards_in_order(tmp_path: Path, rng: np.random.Generator) -> None:
    values = columns(rng)
    tracks = ak.unflatten(rng.random(2 * N), rng.multinomial(2 * N, np.full(N, 1 / N)))
    make_store(tmp_path / "store", values | {"pt": tracks, "eta": -tracks}, shards=4)
    data = dataset(tmp_path / "store", ("b", "a"))
    asked = Columns(("b", "a"), ("truth",), "w", (("tracks", ("pt", "eta")),))
    table = make_table(data, asked, tmp_path / "table")
    rows = table.rows("training")
    here = data.split.of(np.arange(N, dtype=np.uint64))["training"]
    expected = np.column_stack([values[name][here] for name in ("b", "a", "truth", "w", "truth")]).astype(np.float32)
    assert np.array_equal(rows.flat, expected)
    assert table.mean_weight == pytest.approx(values["w"][here].mean(), rel=1e-6)
    offsets, content = rows.sequences["tracks"]
    assert np.array_equal(np.diff(offsets), ak.to_numpy(ak.num(tracks))[here])
    flat = ak.to_numpy(ak.flatten(tracks[here])).astype(np.float32)
    assert np.array_equal(content, np.column_stack([flat, -flat]))
    assert len(rows) + len(table.rows("validation")) < N


@pytest.mark.parametrize(
    ("spoil", "classes", "message"),
    [
        ({"a": np.nan}, None, r"NaN or infinite: a \([\d,]+\) of [\d,]+ rows; leave these features out"),
        ({"w": np.inf}, None, r"NaN or infinite: w \([\d,]+\)"),
        ({"a": 3.5}, None, r"the same in all [\d,]+ training rows: a \(3.5\); leave these out"),
        ({"truth": 2}, 2, r"column truth holds labels 2 in [\d,]+ of [\d,]+ rows; expected 0 to 1"),
        ({"truth": 0.5}, 2, r"column truth holds labels 0.5 in"),
        ({"truth": 1}, 2, r"column truth: no training rows of class 0; there are [\d,]+ of 1"),
        ({"w": 0}, None, r"column w: the weights of the training rows add up to 0"),
    ],
    ids=["nan", "infinite weight", "constant", "label", "no label", "empty class", "no weight"],
)
def test_what_cannot_be_learnt_from_is_named(
    spoil: dict[str, float], classes: int | None, message: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    values = columns(rng)
    for name, value in spoil.items():
        values[name][:] = value
    make_store(tmp_path / "store", values, shards=2)
    with pytest.raises(RunError, match=message):
        make_table(
            dataset(tmp_path / "store", ("a", "b")), Columns(("a", "b"), (), "w", (), classes), tmp_path / "table"
        )
    assert not (tmp_path / "table" / "table.json").exists()


def test_lists_of_one_kind_have_the_same_lengths(tmp_path: Path, rng: np.random.Generator) -> None:
    lists = {"pt": ak.Array([[1.0, 2.0]] * N), "eta": ak.Array([[1.0]] * N)}
    make_store(tmp_path / "store", columns(rng) | lists)
    asked = Columns(("a",), (), None, (("tracks", ("pt", "eta")),))
    with pytest.raises(RunError, match="columns pt and eta have lists of different lengths"):
        make_table(dataset(tmp_path / "store", ("a",)), asked, tmp_path / "table")


@pytest.mark.parametrize(("value", "count", "said"), [(2.0, 3, r"same \(2\)"), (0.0, 0, "all are empty")])
def test_lists_that_say_nothing_are_named(
    tmp_path: Path, rng: np.random.Generator, value: float, count: int, said: str
) -> None:
    lists = ak.unflatten(np.full(count * N, value), np.full(N, count))
    make_store(tmp_path / "store", columns(rng) | {"pt": lists})
    asked = Columns(("a", "b"), (), None, (("tracks", ("pt",)),))
    with pytest.raises(RunError, match=f"column pt is the .*{said}"):
        make_table(dataset(tmp_path / "store", ("a", "b")), asked, tmp_path / "table")
