"""A night that is stopped, or fails in a way that nobody foresaw, has one record, and that is true."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from distributed import Client

from lineshape import jobs
from lineshape.engine.core.errors import StorageError
from lineshape.engine.core.run_folder import ReprocessingFolder
from lineshape.engine.core.signals import ending_in_order
from lineshape.engine.execution.progress import Screen
from lineshape.engine.reprocessing.run_record import read_runs
from lineshape.jobs import api
from tests.jobs.nights import small_study, write_taus

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def one_night(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Path:
    """A job and its first version."""
    root = tmp_path_factory.mktemp("night")
    (root / "data").mkdir()
    write_taus(root / "data" / "0.root", 0)
    job = small_study(root / "job.yaml", f"{root}/data/*.root", reprocess={"promote": "always"})
    jobs.reprocess(job, root / "study", client)
    return root


@pytest.fixture
def night(one_night: Path, tmp_path: Path) -> tuple[Path, ReprocessingFolder]:
    shutil.copytree(one_night / "study", tmp_path / "study")
    return one_night / "job.yaml", ReprocessingFolder(tmp_path / "study")


@contextmanager
def asked_again_and_again(moment: Callable[[], bool]) -> Iterator[None]:
    """From a moment on this process is asked to end every few milliseconds, until the block does."""
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.002):
            if moment():
                os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Telling(Screen):
    """Does something when a stage is done."""

    do: Callable[[str], None]

    def done(self, stage: str, text: str, seconds: float) -> None:
        self.do(stage)


def telling(do: Callable[[str], None]) -> Telling:
    screen = Telling()
    screen.do = do
    return screen


def test_asked_to_end_more_than_once_it_writes_its_record(
    night: tuple[Path, ReprocessingFolder], client: Client
) -> None:
    """As timeout does: it asks the command, and then the group that it is of."""
    job, folder = night
    trained = threading.Event()

    def train(stage: str) -> None:
        if stage == "training":
            trained.set()
            time.sleep(1)

    changed = api.load(job, None, {"models.brt.depth": 3})
    with pytest.raises(SystemExit) as stop, ending_in_order(), asked_again_and_again(trained.is_set):
        jobs.reprocess(changed, folder.path, client, telling(train))
    assert stop.value.code == 143
    (_, record) = read_runs(folder.ledger)
    assert (record.status, record.champion) == ("interrupted", "0001")
    assert not folder.lock.exists()
    assert jobs.reprocess(changed, folder.path, client)["version"] == "0002"


def test_asked_to_end_while_it_publishes_it_does_that(night: tuple[Path, ReprocessingFolder], client: Client) -> None:
    job, folder = night
    changed = api.load(job, None, {"models.brt.depth": 3})
    with suppress(SystemExit), ending_in_order(), asked_again_and_again(folder.version("0002").is_dir):
        jobs.reprocess(changed, folder.path, client)
    (_, record) = read_runs(folder.ledger)
    assert (record.status, record.version, record.champion) == ("done", "0002", "0002")
    assert folder.pointed() == "0002"
    assert jobs.reprocess(changed, folder.path, client)["status"] == "nothing"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(116, "Stale file handle"), "OSError: [Errno 116] Stale file handle"),
        (ZeroDivisionError("nobody foresaw it"), "ZeroDivisionError: nobody foresaw it"),
        (StorageError("the disk is full"), "the disk is full"),
    ],
)
def test_whatever_ends_a_night_is_recorded(
    error: Exception, said: str, night: tuple[Path, ReprocessingFolder], client: Client
) -> None:
    job, folder = night

    def fail(stage: str) -> None:
        raise error

    with pytest.raises(type(error)):
        jobs.reprocess(api.load(job, None, {"models.brt.depth": 3}), folder.path, client, telling(fail))
    (_, record) = read_runs(folder.ledger)
    assert (record.status, record.text, record.champion) == ("failed", said, "0001")
