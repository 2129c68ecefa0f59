"""The drop-in for coffea's Runner: the same accumulators, key by key, exactly once, whatever happens on the way."""

import importlib
import os
import signal
import subprocess
import sys
import warnings
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import awkward as ak
import boost_histogram
import hist
import numpy as np
import pytest
import uproot
from coffea import processor
from coffea.nanoevents import BaseSchema, DelphesSchema, NanoAODSchema, PHYSLITESchema
from coffea.util import load
from distributed import Client, LocalCluster

from lineshape.engine.accumulators.part import AccumulatorPart, Metrics
from lineshape.engine.clusters.kinds.local import Local
from lineshape.engine.core.errors import IncompleteRunError, RequestError, RunError
from lineshape.engine.execution.memory import PROCESSING_BASE
from lineshape.engine.stages.accumulating.merging import PartGroup
from lineshape.jobs import Runner
from tests.jobs import stock_processors as stock

PROCESSES = 9

pytestmark = pytest.mark.processes

NANO = {
    "dy": {"nano_dy.root": "Events", "nano_dy_empty.root": "Events"},
    "dimuon": {"nano_dimuon.root": "Events"},
}
CASES: dict[str, tuple[Any, Any, dict[str, dict[str, str]]]] = {
    "dimuons": (stock.Dimuons(), NanoAODSchema, NANO),
    "kept": (stock.KeptMuons(), NanoAODSchema, {"dimuon": {"nano_dimuon.root": "Events"}}),
    "cleaned": (stock.CleanedJets(), NanoAODSchema, {"tt": {"nano_tt_v12.root": "Events"}}),
    "scaled": (
        stock.ScaledJets(),
        NanoAODSchema,
        {"tt": {"nano_tt_v12.root": "Events"}, "pf": {"pfnano.root": "Events"}},
    ),
    "electrons": (
        stock.Electrons(),
        PHYSLITESchema,
        {"tt": {"physlite_r23_ttbar.root": "CollectionTree"}, "zee": {"physlite_r22_zee.root": "CollectionTree"}},
    ),
    "rntuple": (stock.Dimuons(), NanoAODSchema, {"rntuple": {"nano_dy_rntuple.root": "Events"}}),
    "towers": (stock.Towers(), DelphesSchema, {"qcd": {"delphes.root": "Delphes"}}),
}


def fileset_of(shared: Path, files: dict[str, dict[str, str]]) -> dict[str, Any]:
    return {
        dataset: {"files": {str(shared / "real" / name): tree for name, tree in of.items()}, "metadata": {"year": 2018}}
        for dataset, of in files.items()
    }


def coffeas(executor: Any, **others: Any) -> Any:
    return processor.Runner(executor, **others)


def require_same(one: Any, other: Any, place: str = "out") -> None:
    """Both hold the same; sums of weights may differ in the last digits, as they are added in another order."""
    assert type(one) is type(other), place
    if isinstance(one, dict):
        assert list(one) == list(other) or set(one) == set(other), place
        for key, value in one.items():
            require_same(value, other[key], f"{place}[{key!r}]")
    elif isinstance(one, boost_histogram.Histogram):
        assert one.axes == other.axes, place
        for what in ("values", "variances"):
            a, b = (getattr(each, what)(flow=True) for each in (one, other))
            assert (a is None and b is None) or np.allclose(a, b, rtol=1e-12, atol=0), place
    elif isinstance(one, processor.column_accumulator):
        assert ak.array_equal(ak.Array(one.value), ak.Array(other.value), equal_nan=True), place
    elif hasattr(one, "__dict__"):
        for key, value in vars(one).items():
            require_same(value, vars(other)[key], f"{place}.{key}")
    elif isinstance(one, list) and one and isinstance(one[0], ak.Array):
        assert all(ak.array_equal(a, b) for a, b in zip(one, other, strict=True)), place
    elif isinstance(one, float | np.floating):
        assert one == pytest.approx(other, rel=1e-12), place
    else:
        assert one == other, place


@pytest.mark.parametrize("case", CASES)
def test_the_same_as_coffeas(case: str, shared: Path, tmp_path: Path, client: Client) -> None:
    """One that runs here, chunk by chunk, or on Dask; and the metrics, but for the bytes, of which fewer are read."""
    own, schema, files = CASES[case]
    fileset = fileset_of(shared, files)
    # For each chunk coffea looks at all branches again, of an RNTuple for some seven seconds.
    entries = {"dimuons": 15, "towers": 10, "rntuple": 100}.get(case, 30)
    common: dict[str, Any] = {"chunksize": entries, "schema": schema, "savemetrics": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        executor = processor.IterativeExecutor(status=False)
        if case == "towers":
            executor = processor.DaskExecutor(client=client, status=False)
        known, about = coffeas(executor, **common)(fileset, own)
    runner = Runner(client, folder=tmp_path, **common)
    found, metrics = runner(fileset, own)
    require_same(known, found)
    assert metrics["lost"] == []
    assert {key: metrics[key] for key in ("entries", "chunks")} == {key: about[key] for key in ("entries", "chunks")}
    assert set(metrics["columns"]) == set(about["columns"])
    assert metrics["bytesread"] < about["bytesread"]
    for dataset in files:
        saved = load(tmp_path / "datasets" / f"{dataset}.coffea")
        assert set(saved) <= set(found)


def test_a_file_without_events_alone(shared: Path, tmp_path: Path, client: Client) -> None:
    fileset = fileset_of(shared, {"dy": {"nano_dy_empty.root": "Events"}})
    found = Runner(client, folder=tmp_path, schema=NanoAODSchema)(fileset, stock.Dimuons())
    assert found["entries"] == {"dy": 0}
    assert found["mass"].sum() == 0


class Counts(processor.ProcessorABC):
    """Entries and event numbers; raises, returns nothing or kills its worker at an entry, as told."""

    def __init__(self, at: int = -1, how: str = "", flag: str = "") -> None:
        self.at, self.how, self.flag = at, how, flag

    def process(self, events: Any) -> Any:
        start, stop = events.metadata["entrystart"], events.metadata["entrystop"]
        if start <= self.at < stop and events.metadata["filename"].endswith("0.root"):
            if self.how == "raise":
                raise ValueError("no such jet")
            if self.how == "nothing":
                return None
            if self.how == "kill" and not Path(self.flag).exists():
                Path(self.flag).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        event = ak.to_numpy(events.event)
        weight = hist.Hist.new.Reg(10, 0, 1, name="x").Weight().fill(event % 97 / 97, weight=event % 13 / 7)
        return {"n": len(events), "events": set(event.tolist()), "weight": weight}


def write_flat(path: Path, first: int, number: int) -> None:
    with uproot.recreate(path) as file:
        file.mktree("Events", {"event": np.uint64, "run": np.uint32, "x": np.float32})
        event = np.arange(first, first + number, dtype=np.uint64)
        for some in np.array_split(event, 4):
            file["Events"].extend({"event": some, "run": some.astype(np.uint32), "x": np.sqrt(some).astype(np.float32)})


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Three files in two datasets, of 4,000 entries each."""
    folder = tmp_path_factory.mktemp("flat")
    for number in range(3):
        write_flat(folder / f"{number}.root", 4000 * number, 4000)
    paths = [str(folder / f"{number}.root") for number in range(3)]
    return {"one": paths[:2], "two": paths[2:]}


def bits(folder: Path) -> dict[str, bytes]:
    """Contents of the sums by dataset, without what was measured."""
    found = {}
    for path in sorted(folder.glob("datasets/*.json")):
        found[path.name] = path.read_bytes() if not path.name.endswith(".saved.json") else b""
    return found


def run(flat: Any, folder: Path, client: Any, own: Any = None, **others: Any) -> Any:
    settings: dict[str, Any] = {"chunksize": 500, "schema": "BaseSchema", "folder": folder} | others
    return Runner(client, **settings)(flat, own or Counts(), treename="Events")


def test_what_raises_is_quarantined_and_the_rest_is_complete(
    flat: dict[str, list[str]], tmp_path: Path, client: Client
) -> None:
    """Where coffea's Runner ends, or leaves a chunk out without a word."""
    broken = Counts(2300, "raise")
    stock_runner = coffeas(processor.IterativeExecutor(status=False, retries=0), chunksize=500, schema=BaseSchema)
    with pytest.raises(Exception, match="no such jet"):
        stock_runner(flat, broken, treename="Events")
    with pytest.raises(IncompleteRunError, match=r"1 part of the input cannot be used") as told:
        run(flat, tmp_path, client, broken)
    assert "no such jet" in str(told.value)
    assert "entries 2000" in str(told.value) or "2,000" in str(told.value)
    partial = told.value.partial_output  # type: ignore[attr-defined]
    assert partial["n"] == 11_500
    assert partial["events"] == {*range(12_000)} - {*range(2000, 2500)}
    with pytest.raises(IncompleteRunError, match="no such jet") as told:
        run(flat, tmp_path, client, broken, skipbadfiles=True, savemetrics=True)
    found, metrics = told.value.partial_output  # type: ignore[attr-defined]
    assert found["n"] == 11_500
    assert len(metrics["lost"]) == 1


def test_a_file_cut_short_is_mended_and_that_part_done_alone(
    flat: dict[str, list[str]], tmp_path: Path, client: Client
) -> None:
    folder, files = tmp_path / "run", {name: list(paths) for name, paths in flat.items()}
    whole = Path(files["two"][0]).read_bytes()
    cut = tmp_path / "cut.root"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    files["one"][1] = str(cut)
    files["two"] = flat["one"][1:]
    with pytest.raises(IncompleteRunError, match="expected Chunk of length"):
        run(files, folder, client)
    before = {path: path.stat().st_mtime_ns for path in folder.glob("parts/*/*.part")}
    found, metrics = run(files, folder, client, skipbadfiles=True, savemetrics=True)
    assert found["n"] < 12_000
    assert metrics["lost"]
    cut.write_bytes(whole)
    assert run(files, folder, client)["n"] == 12_000
    after = {path: path.stat().st_mtime_ns for path in folder.glob("parts/*/*.part")}
    assert {path: after[path] for path in before} == before
    assert len(before) == 8 + 4 + 8
    assert len(after) - len(before) == 8, "all of the file, which is another one now"


def test_a_killed_worker_and_other_numbers_of_workers_leave_the_same_bits(
    flat: dict[str, list[str]], tmp_path: Path, client: Client
) -> None:
    known = run(flat, tmp_path / "known", client)
    assert known["events"] == {*range(12_000)}
    killing = Counts(2300, "kill", str(tmp_path / "flag"))
    found = run(flat, tmp_path / "killed", processor.FuturesExecutor(workers=1, status=False), killing)
    assert (tmp_path / "flag").exists()
    require_same(known, found)
    assert bits(tmp_path / "killed") == bits(tmp_path / "known")


class Deadly(Counts):
    """Kills every worker that comes to an entry."""

    def process(self, events: Any) -> Any:
        if events.metadata["entrystart"] <= self.at < events.metadata["entrystop"]:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().process(events)


@pytest.mark.drill
def test_a_chunk_that_kills_every_worker_is_quarantined(flat: dict[str, list[str]], tmp_path: Path) -> None:
    """On a cluster of the user's, which would give its workers up."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as own:
        files = {"one": flat["one"][:1]}
        with pytest.raises(IncompleteRunError, match="1 part of the input cannot be used") as told:
            run(files, tmp_path, own, Deadly(2300))
    assert told.value.partial_output["n"] == 3500  # type: ignore[attr-defined]


def test_a_repeat_does_nothing_and_changed_state_everything(
    flat: dict[str, list[str]], tmp_path: Path, client: Client
) -> None:
    run(flat, tmp_path, client)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("parts/*/*.part")}
    assert len(before) == 24
    run(flat, tmp_path, client)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("parts/*/*.part")} == before
    run(flat, tmp_path, client, Counts(-2))
    assert len([*tmp_path.glob("parts/*/*.part")]) == 48
    assert run(flat, tmp_path, client, maxchunks=3)["n"] == 3000


def returning(value: Any) -> Any:
    """A function of events that returns what this one does of their first entry."""
    return lambda events: value(events.metadata["entrystart"])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (lambda _: None, "process returned nothing"),
        (lambda start: {"a": {float("nan"): start}}, "NaN is a key"),
        (lambda _: {"a": [object()]}, "out['a'][0]: a builtins:object is not kept on disk"),
        (lambda _: {"a": lambda: 1}, "coffea's accumulators; return what it holds"),
        (
            lambda start: {"a": {"b": start}} if start else {"a": {"b": {}}},
            "out['a']['b']: a dict in one chunk and a int",
        ),
        (lambda start: {"a": np.zeros(2 + start // 500)}, "out['a']: arrays of shape (2,) in one chunk and (3,)"),
        (
            lambda start: {"h": hist.Hist.new.Reg(4, 0, 1 + start).Double()},
            "out['h']: histograms of other axes cannot be added: Regular(4, 0, 1, label='Axis 0') in one chunk",
        ),
    ],
    ids=["nothing", "nan", "object", "function", "types", "shapes", "axes"],
)
def test_accumulators_that_cannot_be(
    value: Any, said: str, flat: dict[str, list[str]], tmp_path: Path, client: Client
) -> None:
    with pytest.raises((RunError, IncompleteRunError)) as told:
        run({"two": flat["two"]}, tmp_path, client, returning(value))
    assert said in str(told.value)


def test_the_sum_of_arrays_without_dimensions_is_a_number(
    flat: dict[str, list[str]], tmp_path: Path, client: Client
) -> None:
    found = run({"two": flat["two"]}, tmp_path, client, returning(lambda start: {"n": np.array(start)}))
    assert type(found["n"]) is np.int64
    assert found["n"] == sum(range(0, 4000, 500))


def test_a_dataset_of_which_no_file_can_be_opened(flat: dict[str, list[str]], tmp_path: Path, client: Client) -> None:
    """All else is completed, as where a file of several is damaged."""
    broken = tmp_path / "broken.root"
    broken.write_bytes(b"root and no more")
    fileset = {**flat, "three": [str(broken)]}
    with pytest.raises(IncompleteRunError, match=r"broken\.root") as told:
        run(fileset, tmp_path / "run", client)
    assert told.value.partial_output["n"] == 12_000  # type: ignore[attr-defined]
    assert run(fileset, tmp_path / "run", client, skipbadfiles=True)["n"] == 12_000


def test_what_is_accepted_is_pickled(flat: dict[str, list[str]], tmp_path: Path, client: Client) -> None:
    accepted = ["fractions:Fraction"]
    found = run({"two": flat["two"]}, tmp_path, client, returning(lambda _: Fraction(1, 3)), pickle=accepted)
    assert found == Fraction(8, 3)


def test_a_set_that_grows_beyond_memory_is_refused(flat: dict[str, list[str]], tmp_path: Path) -> None:
    """Before it is added up, by the sizes that parts have."""
    parts = [AccumulatorPart({"seen": {*range(n, n + 5000)}}, {str(n): 1}, Metrics()) for n in range(0, 15_000, 5000)]
    paths = []
    for number, part in enumerate(parts):
        paths.append(tmp_path / f"{number}.part")
        part.save(paths[-1], ())
    group = PartGroup(tmp_path / "sum.part", tuple(paths), "one", PROCESSING_BASE + 500_000, ())
    with pytest.raises(RequestError, match=r"out\['seen'\], which grows with the number of chunks"):
        group()
    assert not group.path.exists()
    replace(group, limit=PROCESSING_BASE + 50_000_000)()
    assert len(AccumulatorPart.load(group.path, ()).value["seen"]) == 15_000


@pytest.mark.parametrize(
    ("settings", "fileset", "said"),
    [
        ({"align_clusters": True}, {}, "align_clusters is not supported"),
        ({"format": "parquet"}, {}, "format is not supported"),
        (
            {"schema": "NanoSchema"},
            {"one": {"files": {"a.root": "Events"}}},
            "schema 'NanoSchema': expected one of coffea's",
        ),
        ({"chunksize": 0}, {"one": {"files": {"a.root": "Events"}}}, "at least 1"),
        ({"chunksize": "100"}, {"one": {"files": {"a.root": "Events"}}}, "at least 1, found '100'"),
        ({"schema": 3}, {"one": {"files": {"a.root": "Events"}}}, "schema: expected a class"),
        ({"pickle": "a:B"}, {"one": {"files": {"a.root": "Events"}}}, "pickle: expected a list of types"),
        ({}, {1: {"files": {"a.root": "Events"}}}, "dataset 1: expected a text"),
        ({}, {}, "expected a dictionary of datasets"),
        ({}, {"one": {"files": ["a.root"], "tree": "Events"}}, "'tree' is not known"),
        ({}, {"one": {"files": {"a.root": None}}}, "expected the name of a tree"),
        ({}, {"one": {"files": {"a.root": "Events"}, "metadata": {"dataset": "x"}}}, "metadata 'dataset' is set"),
        ({}, {"one": {"files": {"a.root": {"object_path": "Events", "steps": [[0, 5]]}}}}, "'steps' divide it"),
    ],
)
def test_requests_that_are_refused(settings: Any, fileset: Any, said: str, tmp_path: Path, client: Client) -> None:
    with pytest.raises(RequestError) as told:
        Runner(client, folder=tmp_path, **settings)(fileset, Counts(), treename=None)
    assert said in str(told.value)


def test_a_dataset_named_twice_and_a_schema_that_does_not_fit(
    flat: dict[str, list[str]], tmp_path: Path, client: Client
) -> None:
    path = tmp_path / "fileset.json"
    path.write_text(
        '{"one": {"files": {"a.root": "Events"}}, "one": {"files": {"b.root": "Events"}}}', encoding="utf-8"
    )
    with pytest.raises(RequestError, match="one is named twice"):
        run(path, tmp_path, client)
    with pytest.raises((RunError, RequestError), match="no field named 'Electrons'"):
        run(flat, tmp_path, client, stock.Electrons(), schema=PHYSLITESchema)


_SCRIPT = """
import sys
from coffea import processor
from distributed import Client
from lineshape.jobs import Runner
CUT = 1

def cut():
    return CUT

class Own(processor.ProcessorABC):
    def process(self, events):
        return {"n": cut() * len(events)}
    def postprocess(self, accumulator):
        return accumulator

if __name__ == "__main__":
    client = Client(processes=False, n_workers=1, dashboard_address=None) if sys.argv[3] == "threads" else None
    run = Runner(client, schema="BaseSchema", chunksize=2000, folder=sys.argv[2])
    fileset = {"one": [sys.argv[1]]}
    found = [run(fileset, Own(), treename="Events")["n"]]
    CUT = 5
    found.append(run(fileset, Own(), treename="Events")["n"])
    print(found, Own().process([1, 2]), Own.process.__code__.co_filename == __file__)
"""


@pytest.mark.parametrize("workers", ["processes", "threads"])
def test_a_call_leaves_the_class_of_a_script_as_it_is(workers: str, flat: dict[str, list[str]], tmp_path: Path) -> None:
    """What it uses there may change afterwards, and a second call is of that."""
    path = tmp_path / "script.py"
    path.write_text(_SCRIPT, encoding="utf-8")
    words = [sys.executable, str(path), flat["one"][0], str(tmp_path / "run"), workers]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[4000, 20000] {'n': 10} True"


def test_workers_with_old_code_are_refused(
    flat: dict[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that has changed since workers imported it: results of the old would stand under the new."""
    module = tmp_path / "edited_module.py"
    code = "def process(events):\n    return {'n': FACTOR * len(events)}\n"
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Local(workers=1).open() as client:
        for factor in (1, 1000):
            module.write_text(code.replace("FACTOR", str(factor)), encoding="utf-8")
            sys.modules.pop("edited_module", None)
            importlib.invalidate_caches()
            own = importlib.import_module("edited_module").process
            if factor == 1:
                assert run({"two": flat["two"]}, tmp_path / "run", client, own)["n"] == 4000
        with pytest.raises(RequestError, match=r"edited_module\.py\), and would use the old: restart them"):
            run({"two": flat["two"]}, tmp_path / "run", client, own)
        client.restart()
        assert run({"two": flat["two"]}, tmp_path / "run", client, own)["n"] == 4_000_000


def test_metadata_count_whatever_they_are(flat: dict[str, list[str]], tmp_path: Path, client: Client) -> None:
    """Long arrays in full, sets in any order, keys of any type."""
    mask = np.zeros(2000)
    for value in (0.0, 5.0):
        mask[1000] = value
        about = {"mask": mask.copy(), "paths": {"HLT_a", "HLT_b", "HLT_c"}, 1: "x"}
        fileset = {"two": {"files": dict.fromkeys(flat["two"], "Events"), "metadata": about}}
        found = run(fileset, tmp_path, client, lambda events: {"sum": float(events.metadata["mask"].sum())})
        assert found["sum"] == 8 * value


def test_a_wrong_tree_is_no_damage_and_only_true_skips(
    flat: dict[str, list[str]], tmp_path: Path, client: Client
) -> None:
    fileset = {"one": {"files": {flat["one"][0]: "Events", flat["one"][1]: "Event"}}}
    with pytest.raises(IncompleteRunError, match="no tree 'Event'"):
        Runner(client, schema="BaseSchema", chunksize=500, folder=tmp_path, skipbadfiles=True)(fileset, Counts())
    with pytest.raises(RequestError, match="expected True, to leave damaged files out, or False"):
        run(fileset, tmp_path, client, skipbadfiles=(KeyError,))


def test_arrays_of_other_numbers_add_up(flat: dict[str, list[str]], tmp_path: Path, client: Client) -> None:
    one = returning(lambda start: {"a": np.ones(2, dtype=np.int64 if start else np.float32)})
    assert run({"two": flat["two"]}, tmp_path, client, one)["a"].tolist() == [8, 8]


def test_two_names_of_a_tree_are_refused(flat: dict[str, list[str]], tmp_path: Path, client: Client) -> None:
    fileset = {"one": {"files": {flat["one"][0]: "Event"}}}
    with pytest.raises(RequestError, match=r"its tree is 'Event', and 'treename' .* is 'Events'"):
        run(fileset, tmp_path, client)


def test_files_of_another_call_are_removed(flat: dict[str, list[str]], tmp_path: Path, client: Client) -> None:
    run(flat, tmp_path, client)
    assert {path.name.partition(".")[0] for path in (tmp_path / "datasets").iterdir()} == {"one", "two"}
    (tmp_path / "output.coffea").touch()
    run({"two": flat["two"]}, tmp_path, client)
    assert {path.name.partition(".")[0] for path in (tmp_path / "datasets").iterdir()} == {"two"}
    assert not (tmp_path / "output.coffea").exists()
