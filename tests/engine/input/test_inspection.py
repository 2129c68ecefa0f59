"""What a look at a file finds: its content, the store that it has, and whether all that is wanted can be read."""

import uuid
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from isal import isal_zlib

from lineshape.engine.core.errors import DataError
from lineshape.engine.execution.failures import Cause, classify
from lineshape.engine.input.catalogue import Chunk, FileRecord, FileRequest
from lineshape.engine.input.content import same_as_far_as_both_go
from lineshape.engine.input.copies import is_copy
from lineshape.engine.input.events import EventReader, flat, numbers
from lineshape.engine.input.inspection import inspect_file
from lineshape.engine.input.root_files import open_file
from lineshape.engine.input.sources import FileSource


def columns(seed: int = 1, entries: int = 50) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {"event": np.arange(entries), "pt": rng.exponential(40, entries).astype(np.float32)}


def write(path: Path, branches: dict[str, Any], tree: str = "tree", **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with uproot.recreate(path, **options) as file:
        file.mktree(tree, {name: getattr(values, "dtype", "var * float32") for name, values in branches.items()})
        file[tree].extend(branches)
    return path


def look(path: Path, tree: str = "tree", **branches: Any) -> FileRecord:
    wanted = {name: (value,) if isinstance(value, str) else value for name, value in branches.items()}
    return inspect_file(FileRequest("s", FileSource(str(path)), tree, wanted or {"event": ("event",), "pt": ("pt",)}))


def read(record: FileRecord, column: str) -> Any:
    with open_file(record.path) as file:
        events = EventReader(file, record).events(Chunk(record, 0, record.entries))
        return flat(events, column)[0]


def test_zlib_is_read_by_the_faster_library_and_damage_is_found(tmp_path: Path) -> None:
    """With the values of Python's own; a basket with one bit changed has another checksum."""
    wanted = columns(entries=5000)
    record = look(write(tmp_path / "a.root", wanted, compression=uproot.ZLIB(4)))
    assert read(record, "event").tobytes() == wanted["event"].tobytes()
    assert uproot.compression._decompress_ZLIB.library == "isal"
    assert uproot.ZLIB.library == "zlib"
    with uproot.open(record.path) as file:
        _, place = file["tree/event"].basket_chunk_cursor(0)
        size = file["tree/event"].basket_compressed_bytes(0)
    content = bytearray(Path(record.path).read_bytes())
    content[place.index + size - 1] ^= 1
    Path(record.path).write_bytes(content)
    with pytest.raises(isal_zlib.error) as error:
        read(record, "event")
    assert classify(error.value).cause is Cause.CORRUPT


SAME = {"uuid_function": lambda *_: uuid.UUID(int=0), "compression": None}


def test_files_of_one_uuid_and_size_are_told_apart(tmp_path: Path) -> None:
    """As ROOT's ?reproducible makes them, uncompressed: all that differs are the numbers."""
    one, other, copy = (
        look(write(tmp_path / name, columns(seed), **SAME))
        for name, seed in (("a.root", 1), ("b.root", 2), ("c.root", 1))
    )
    assert (one.uuid, one.size, one.entries) == (other.uuid, other.size, other.entries)
    assert one.identity != other.identity
    assert not is_copy(one, other)
    assert is_copy(one, look(Path(one.path).rename(tmp_path / "moved.root")))
    assert copy.entries == one.entries


@pytest.mark.parametrize("entries", [2_000, 2_000_000])
def test_what_is_left_of_a_file_is_a_copy_of_it(entries: int, tmp_path: Path) -> None:
    """uproot writes what is needed to open a file first: one that was cut short opens."""
    whole = look(write(tmp_path / "whole.root", columns(1, entries)))
    content = Path(whole.path).read_bytes()
    (tmp_path / "cut.root").write_bytes(content[: len(content) * 7 // 8])
    with uproot.open(tmp_path / "cut.root") as file:
        assert file["tree"].num_entries == entries
    cut = look(tmp_path / "cut.root")
    assert is_copy(cut, whole)
    assert cut.identity != whole.identity
    other = look(write(tmp_path / "other.root", columns(2, entries)))
    assert not same_as_far_as_both_go(cut.content, other.content)


def test_a_tree_without_entries_is_a_known_zero(tmp_path: Path) -> None:
    none = {name: values[:0] for name, values in columns().items()}
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mktree("tree", {name: values.dtype for name, values in none.items()})
    assert look(tmp_path / "a.root").entries == 0
    assert look(tmp_path / "a.root", pt="a_branch_that_a_skim_without_events_lacks").branches == {}


def test_an_empty_file_of_a_skim(shared: Path) -> None:
    assert look(shared / "real" / "nano_dy_empty.root", "Events", pt="Muon_pt").entries == 0


@pytest.mark.parametrize("branch", ["weight muR=0.5,muF=0.5", "pt!", "a,!load", "a b", "x.y", "%2C", "é", "pt[0]"])
@pytest.mark.parametrize("optional", [True, False])
def test_a_branch_by_whatever_name_is_read(branch: str, optional: bool, tmp_path: Path) -> None:
    """Comma and exclamation mark are separators in coffea's keys."""
    expected = columns()["pt"]
    write(tmp_path / "a.root", {"event": columns()["event"], branch: expected})
    record = look(tmp_path / "a.root", event="event", pt=(branch, None) if optional else branch, again=branch)
    assert read(record, "pt").tolist() == expected.tolist()
    assert read(record, "again").tolist() == expected.tolist()


def test_a_list_by_a_name_with_a_comma_is_read(tmp_path: Path) -> None:
    values = ak.Array([[1.0, 2.0], [], [3.0]])
    write(tmp_path / "a.root", {"event": np.arange(3), "jets,pt": values})
    record = look(tmp_path / "a.root", event="event", pt="jets,pt")
    assert read(record, "pt").tolist() == [1, 2, 3]


@pytest.mark.parametrize("optional", [True, False])
def test_text_is_no_number(optional: bool, tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "a.root") as file:
        file["tree"] = {"event": np.arange(3), "name": ak.Array(["one", "two", "three"])}
    with pytest.raises(
        DataError,
        match=r"(?s)1 of 2 columns of tree tree cannot be read; expected a number.*pt: branch name is of type "
        r"(char\*|std::string): text, no numbers\n  name other branches under 'branches:'",
    ):
        look(tmp_path / "a.root", event="event", pt=("name", None) if optional else "name")


@pytest.mark.parametrize(
    ("name", "tree", "branch", "said"),
    [
        ("delphes.root", "Delphes", "GenJet/GenJet.Constituents", r"TRefArray\[\]: its part fName is text"),
        ("aod_r21_three_events.root", "CollectionTree", "Electrons", r"DataVector<xAOD::Electron_v1>: coffea and"),
        ("aod_r21_three_events.root", "MetaDataHdr", "DataHeader", "DataHeader_p5"),
    ],
)
def test_a_type_that_is_no_number_is_named(name: str, tree: str, branch: str, said: str, shared: Path) -> None:
    with pytest.raises(DataError, match=f"pt: branch {branch} is of type {said}"):
        look(shared / "real" / name, tree, pt=branch)


@pytest.mark.parametrize("values", [np.arange(3) % 2 == 0, np.zeros((3, 2), np.int64)])
def test_a_type_that_holds_no_event_number_is_refused(values: Any, tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "a.root") as file:
        file["tree"] = {"flag": values}
    with pytest.raises(DataError, match=r"branch flag is of type \S+; expected one whole number an entry"):
        look(tmp_path / "a.root", event="flag")


def test_a_list_of_one_event_number_is_one(shared: Path) -> None:
    record = look(shared / "real" / "delphes.root", "Delphes", event="Event/Event.Number")
    assert len(read(record, "event")) == record.entries


def test_links_and_vectors_are_records_of_numbers_and_no_number(shared: Path) -> None:
    for name, tree, branch in (
        ("delphes.root", "Delphes", "GenJet/GenJet.Area"),
        ("physlite_r22_zee.root", "CollectionTree", "AnalysisElectronsAuxDyn.trackParticleLinks"),
    ):
        record = look(shared / "real" / name, tree, p4=branch)
        with open_file(record.path) as file:
            events = EventReader(file, record).events(Chunk(record, 0, record.entries))
            assert numbers(events, "p4").size
            with pytest.raises(DataError, match=r"column p4 (is of records|has 2 levels of lists)"):
                flat(events, "p4")


def test_a_folder_in_the_place_of_a_tree_says_which_trees_are_in_it(tmp_path: Path) -> None:
    write(tmp_path / "a.root", columns(), tree="nominal/taus")
    with pytest.raises(DataError, match=r"'nominal' is a folder of the file \(TDirectory\).*in it: nominal/taus"):
        look(tmp_path / "a.root", "nominal")
    assert look(tmp_path / "a.root", "nominal/taus").entries == 50
    with pytest.raises(DataError, match=r"no tree 'taus': it has nominal/taus; nearest: nominal/taus"):
        look(tmp_path / "a.root", "taus")


def test_a_histogram_in_the_place_of_a_tree_is_named(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "a.root") as file:
        file["cutflow"] = np.histogram([1, 2, 3])
        file["tree"] = columns()
    with pytest.raises(DataError, match=r"'cutflow' is a TH1D?, expected a tree: it has tree"):
        look(tmp_path / "a.root", "cutflow")


@pytest.mark.parametrize(("asked", "there"), [("CollectionTree", "EventData"), ("EventData", "CollectionTree")])
@pytest.mark.parametrize("kind", ["TTree", "RNTuple"])
def test_the_stores_of_a_format_are_tried_by_themselves(asked: str, there: str, kind: str, tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "a.root") as file:
        (file.mkrntuple if kind == "RNTuple" else file.mktree)(there, {k: v.dtype for k, v in columns().items()})
        file[there].extend(columns())
    record = look(tmp_path / "a.root", asked)
    assert (record.tree, record.entries) == (there, 50)
    assert read(record, "pt").tolist() == columns()["pt"].tolist()
    with pytest.raises(DataError, match=f"no tree 'Events': it has {there}"):
        look(tmp_path / "a.root", "Events")


@pytest.mark.parametrize(
    "name", ["a:b.root", "x.root:tree/f.root", "s::t.root", "st*r.root", "x%20y.root", "q?x#1.root"]
)
def test_a_path_is_read_as_it_is_written(name: str, tmp_path: Path) -> None:
    write(tmp_path / "plain.root", columns())
    (tmp_path / name).parent.mkdir(exist_ok=True)
    record = look((tmp_path / "plain.root").rename(tmp_path / name))
    assert read(record, "pt").tolist() == columns()["pt"].tolist()
