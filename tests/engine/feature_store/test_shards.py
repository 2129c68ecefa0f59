"""Shards hold their rows, their units and what became of their chunk."""

from pathlib import Path

import awkward as ak
import hist
import numpy as np
import pyarrow.parquet as pq
import pytest

from lineshape.engine.core.columns import Column
from lineshape.engine.core.errors import DataError, ProcessorError, RunError
from lineshape.engine.feature_store.shards import ShardInfo, read_columns, read_info, write_shard
from lineshape.engine.feature_store.store import FeatureStore, Quarantined

MEANINGS = {"pt": Column(r"$p_T$", "GeV", 0, 100), "clusters": Column("Clusters", "GeV", 0, 10)}


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    histogram = hist.Hist(MEANINGS["pt"].axis(), storage=hist.storage.Int64()).fill([1, 2, 50])
    info = ShardInfo({"file": "a.root", "start": 0, "stop": 5}, 3, {"read": 5, "cut": 3}, {"pt": histogram})
    columns = {
        "event": ak.Array(np.array([2**63, 2, 3], dtype=np.uint64)),
        "pt": ak.Array([1.5, 2.5, np.nan]),
        "clusters": ak.Array([[1.0, 2.0], [], [3.0]]),
    }
    path = tmp_path / "s" / "shard.parquet"
    write_shard(path, columns, MEANINGS, info)
    return path


def test_round_trip(shard: Path) -> None:
    table = read_columns(shard, ["event", "pt"])
    assert table["event"].tolist() == [2**63, 2, 3]
    assert table["pt"].dtype == np.float32
    assert np.isnan(table["pt"][2])
    assert ak.from_parquet(shard)["clusters"].to_list() == [[1.0, 2.0], [], [3.0]]


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        (np.array([1, 2**24], dtype=np.int64), None),
        (np.array([1, 2**24 + 1], dtype=np.int64), "column x: holds whole numbers such as 16,777,217, .*exact up to"),
        (np.array([2**31 + 1], dtype=np.uint32), "column x: holds whole numbers such as 2,147,483,649"),
        (np.array([-(2**40), 2**50], dtype=np.int64), None),
        (np.array([1.0, np.nan, np.inf]), None),
        (np.array([1.0, 1e39]), "column x: holds values beyond 3.4e38, which become infinite"),
    ],
)
@pytest.mark.parametrize("jagged", [False, True])
def test_no_value_becomes_another_one_silently(
    values: np.ndarray, refused: str | None, jagged: bool, tmp_path: Path
) -> None:
    column = ak.unflatten(values, [len(values)]) if jagged else ak.Array(values)
    columns = {"event": ak.Array(np.arange(len(column), dtype=np.uint64)), "x": column}
    path, info = tmp_path / "x.parquet", ShardInfo({}, len(column), {}, {})
    if refused:
        with pytest.raises(ProcessorError, match=refused):
            write_shard(path, columns, {}, info)
        assert not path.exists()
    else:
        write_shard(path, columns, {}, info)
        written = ak.to_numpy(ak.flatten(ak.from_parquet(path)["x"], axis=None))
        assert written.tolist() == values.astype(np.float32).tolist() or np.isnan(written).any()


def test_what_it_says_of_itself(shard: Path) -> None:
    info = read_info(shard)
    assert info.chunk == {"file": "a.root", "start": 0, "stop": 5}
    assert info.cut_flow == {"read": 5, "cut": 3}
    assert info.histograms["pt"].sum() == 3
    assert pq.read_schema(shard).field("pt").metadata[b"unit"] == b"GeV"


def test_flipped_bits_are_noticed(shard: Path) -> None:
    column = pq.ParquetFile(shard).metadata.row_group(0).column(0)
    content = bytearray(shard.read_bytes())
    content[column.data_page_offset + column.total_compressed_size - 2] ^= 0xFF
    shard.write_bytes(content)
    with pytest.raises(
        DataError, match=r"(?i)was damaged on disk, and is removed: .*(crc|corrupt|checksum|decompress)"
    ):
        read_columns(shard, ["event", "pt"])
    with pytest.raises(DataError, match="is not there: run 'lineshape process' again"):
        read_columns(shard, ["event", "pt"])


def test_plain_labels_are_for_sentences() -> None:
    assert Column(r"True $p_T^{vis}$", "GeV", 0, 1).plain == "True pT vis"
    assert Column(r"$\eta$", "", 0, 1).plain == "η"
    assert Column(r"$\sigma(u_\perp)\,/\,\mathrm{d}\beta$", "", 0, 1).plain == "σ(u⊥) / dβ"


def test_a_manifest_of_another_version_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"shards": [], "columns": {}}', encoding="utf-8")
    with pytest.raises(RunError, match=r"of another version of this program .*run 'lineshape process' again"):
        FeatureStore.load(tmp_path)


def test_what_is_lost_is_a_fraction_of_the_entries() -> None:
    """A chunk by its entries; a file that could not be counted as the average of the others."""
    files = ({"path": "a"}, {"path": "b"})
    chunk = Quarantined("s", "a", 0, 10, "corrupt", "")
    uncounted = Quarantined("s", "c", -1, -1, "corrupt", "")
    assert FeatureStore(Path(), (), {}, {}, 200, 200, (), files).lost == 0
    assert FeatureStore(Path(), (), {}, {}, 200, 190, (chunk,), files).lost == pytest.approx(0.05)
    assert FeatureStore(Path(), (), {}, {}, 200, 190, (chunk, uncounted), files).lost == pytest.approx(110 / 300)


def test_what_is_quarantined_is_said_once() -> None:
    assert Quarantined("s", "a.root", 0, 10, "processor", "KeyError: 'x'").line == (
        "a.root entries 0–10 (processor): KeyError: 'x'"
    )
    assert Quarantined("s", "a.root", -1, -1, "corrupt", "a.root: no such file").line == "a.root: no such file"
