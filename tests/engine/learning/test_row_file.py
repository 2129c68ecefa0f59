"""Rows on disk for trees: those of the shards, in their order, once for both splits."""

from pathlib import Path

import numpy as np

from lineshape.engine.learning.data.columns import Columns
from lineshape.engine.learning.data.row_file import RowFile
from lineshape.engine.learning.roles.dataset import SPLITS
from tests.engine.learning.stores import dataset, make_store

N = 200_000


def test_rows_are_those_of_the_shards_in_order(tmp_path: Path, rng: np.random.Generator) -> None:
    values = {"a": rng.random(N), "b": rng.random(N), "w": rng.random(N), "truth": rng.random(N)}
    values["a"][::7] = np.nan  # trees know what to do with it
    make_store(tmp_path / "store", values, shards=5)
    data = dataset(tmp_path / "store", ("b", "a"))
    row_file = RowFile.write(data, Columns(("b", "a"), weight="w"), tmp_path / "rows")
    of = data.split.of(np.arange(N, dtype=np.uint64))
    for split in SPLITS:
        blocks = list(row_file.blocks(split))
        assert row_file.count(split) == of[split].sum() == sum(len(target) for _, target, _ in blocks)
        for place, expected in enumerate(([values["b"], values["a"]], [values["truth"]], [values["w"]])):
            found = np.concatenate([block[place] for block in blocks])
            wanted = np.column_stack(expected)[of[split]].astype(np.float32)
            assert np.array_equal(found.reshape(wanted.shape), wanted, equal_nan=True)
    assert len(list(row_file.blocks("training"))) > 1
    assert RowFile.write(data, Columns(("b", "a")), tmp_path / "without").count("training") == row_file.count(
        "training"
    )


def test_a_weight_may_be_a_feature_as_well(tmp_path: Path, rng: np.random.Generator) -> None:
    make_store(tmp_path / "store", {"a": rng.random(100), "b": rng.random(100), "truth": rng.random(100)})
    row_file = RowFile.write(
        dataset(tmp_path / "store", ("a", "b")), Columns(("a", "b"), weight="a"), tmp_path / "rows"
    )
    for x, _, weight in row_file.blocks("training"):
        assert weight is not None
        assert np.array_equal(weight, x[:, 0])


def test_shares_together_are_all_rows_and_what_is_written_is_kept(tmp_path: Path, rng: np.random.Generator) -> None:
    make_store(tmp_path / "store", {"a": rng.random(3000), "truth": rng.random(3000)}, shards=5)
    data = dataset(tmp_path / "store", ("a",))
    whole = RowFile.write(data, Columns(("a",)), tmp_path / "whole")
    shares = [RowFile.write(data, Columns(("a",)), tmp_path / str(rank), (rank, 3)) for rank in range(3)]
    first, *others = (
        np.concatenate([target for row_file in spools for _, target, _ in row_file.blocks("training")])
        for spools in ([whole], shares)
    )
    assert np.array_equal(first, *others)
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "whole").iterdir()}
    assert RowFile.write(data, Columns(("a",)), tmp_path / "whole") == whole
    assert written == {path: path.stat().st_mtime_ns for path in (tmp_path / "whole").iterdir()}


def test_rows_that_were_cut_short_are_written_anew(tmp_path: Path, rng: np.random.Generator) -> None:
    """As a machine leaves them that loses its power; trees would learn from fewer rows without a word."""
    make_store(tmp_path / "store", {"a": rng.random(100), "truth": rng.random(100)})
    data, columns, folder = dataset(tmp_path / "store", ("a",)), Columns(("a",)), tmp_path / "rows"
    whole = RowFile.write(data, columns, folder)
    content = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name, before in content.items():
        (folder / name).write_bytes(before[: len(before) // 2])
        again = RowFile.write(data, columns, folder)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == content
        assert again.count("training") == whole.count("training")
