"""What tests share: real ROOT files, a real Dask cluster, one finished run."""

import fcntl
import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, Scheduler
from hypothesis import HealthCheck, settings

from lineshape.engine.clusters.kinds.local import Local
from lineshape.engine.execution.progress import Bars, Screen
from lineshape.engine.execution.workers import Workers
from lineshape.engine.input.catalogue import Chunk, FileRequest
from lineshape.engine.input.events import EventReader
from lineshape.engine.input.inspection import inspect_file
from lineshape.engine.input.processor import Selected, StudyProcessor
from lineshape.engine.input.root_files import open_file
from lineshape.engine.input.sources import FileSource
from lineshape.engine.job.job import Job
from lineshape.jobs import api
from lineshape.jobs.simulate.families.gamma_tautau import GammaTauTau
from lineshape.jobs.simulate.writing import FileOrder, write_file
from tests.work import COUNTER, count_processes

TREE = "CollectionTree"
#: Set by `make soak`, under which tests with random inputs try many more of them.
SOAK = "LINESHAPE_SOAK"


def examples(few: int = 50, many: int = 500) -> settings:
    """Return the number of inputs that a hypothesis test tries: few, and many under `make soak`.

    They are the same at every run but for `make soak`, which looks for new ones.
    """
    soak = bool(os.environ.get(SOAK))
    return settings(
        max_examples=many if soak else few,
        derandomize=not soak,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


@pytest.fixture(scope="session")
def shared() -> Path:
    """Data to test against that a user does not have: genuine ATLAS files and Pythia samples."""
    path = Path(__file__).parents[2] / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"no {path}: genuine ATLAS files and Pythia samples are not there")
    return path


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """Two worker processes on loopback."""
    with ExitStack() as stack:
        with COUNTER.uncounted():
            opened = stack.enter_context(Local(workers=2).open())
        yield opened


@pytest.fixture(scope="session")
def workers(client: Client) -> Workers:
    return Workers(lambda: client)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort files: first those that wait long for other processes, last those that compute in this process alone.

    Two run side by side (`make test`), and neither is left with a long one at the end.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    waiting = ("batch", "hub", "processes")

    def wait(path: Path) -> int:
        marks = {mark.name for item in files[path] for mark in item.iter_markers()}
        return next((number for number, name in enumerate(waiting) if name in marks), len(waiting))

    items[:] = [item for path in sorted(files, key=lambda path: (wait(path), path)) for item in files[path]]


def pytest_configure() -> None:
    count_processes()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Count the processes that a test starts, with its fixtures."""
    COUNTER.begin(item)
    try:
        return (yield)
    finally:
        COUNTER.end(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Hold a test's file to the number of processes that it may start."""
    found = yield
    COUNTER.check(item)
    return found


def tasks_of(client: Client) -> set[str]:
    """Keys of the tasks that a client's scheduler knows, anybody's."""

    def keys(dask_scheduler: Scheduler) -> set[str]:
        return {str(key) for key in dask_scheduler.tasks}

    found: set[str] = client.run_on_scheduler(keys)
    return found


@pytest.fixture
def bars() -> Iterator[Bars]:
    with Screen().bars() as opened:
        yield opened


@contextmanager
def once(factory: pytest.TempPathFactory, name: str) -> Iterator[tuple[Path, bool]]:
    """Yield a folder for all of the processes that run the tests, and whether it is there already; one makes it."""
    root = factory.getbasetemp()
    folder = (root.parent if os.environ.get("PYTEST_XDIST_WORKER") else root) / name
    done = folder.with_suffix(".done")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder.mkdir(exist_ok=True)
        yield folder, done.exists()
        done.touch()


@pytest.fixture(scope="session")
def ntuples(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two simulated ROOT files of 3,000 taus."""
    with once(tmp_path_factory, "ntuples") as (folder, done):
        paths = [folder / f"taus_{number}.root" for number in range(2)]
        for number, path in enumerate(paths if not done else []):
            write_file(FileOrder(GammaTauTau(), 3000, 11, number, TREE, path))
    return paths


def small_job(files: list[Path] | list[str], **changes: object) -> Job:
    """The tau energy scale with little training, and three of its binnings, on given files."""
    by = {
        "truthPtVis": {"low": 10, "high": 200, "bins": 15},
        "eta": {"low": -2.5, "high": 2.5, "bins": 35},
        "truthDecayMode": {"names": ["1p0n", "1p1n", "1pXn", "3p0n", "3pXn"]},
    }
    quick = {
        "measures.response.by": by,
        "models.brt.rounds": 20,
        "models.brt.minimum_entries": 100,
        "models.dnn.epochs": 2,
        "models.dnn.minimum_entries": 100,
        "models.mdn.epochs": 2,
        "models.mdn.minimum_entries": 100,
        "chunk_entries": 1000,
        "variations": {},
    }
    return api.load("tau_energy_scale", {"ntuples": [str(path) for path in files]}, quick | changes)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, ntuples: list[Path], client: Client) -> api.Result:
    """A whole run on the two small files, not to be changed: tests copy it."""
    with once(tmp_path_factory, "finished") as (folder, done):
        return api.open_result(folder) if done else api.run(small_job(ntuples), folder, client)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260101)


def select(processor: StudyProcessor, path: Path, tree: str = TREE) -> Selected:
    """What a processor makes of a whole file."""
    branches = {name: (default,) if isinstance(default, str) else default for name, default in processor.inputs.items()}
    record = inspect_file(FileRequest("s", FileSource(str(path)), tree, branches))
    with open_file(str(path)) as file:
        return processor.process(EventReader(file, record).events(Chunk(record, 0, record.entries)))
