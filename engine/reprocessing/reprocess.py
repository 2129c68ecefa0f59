"""Reprocess on a schedule: process new files, retrain models where due, and promote the better version.

One call is one run. It may be killed at any moment: existing shards, checkpoints, histograms and versions stay, the
champion is never touched, and the next run continues from them.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lineshape.engine.core import ledger
from lineshape.engine.core.errors import BusyError, IncompleteRunError, LineshapeError, RequestError, StorageError
from lineshape.engine.core.lock import held
from lineshape.engine.core.run_folder import ReprocessingFolder
from lineshape.engine.core.validation import validated
from lineshape.engine.execution.progress import Screen
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.job import Job
from lineshape.engine.reprocessing.champion import champion_before, champion_of, point, set_right, verify
from lineshape.engine.reprocessing.comparison import criterion_of
from lineshape.engine.reprocessing.output_folders import folder_of
from lineshape.engine.reprocessing.reprocessing_run import ReprocessingRun
from lineshape.engine.reprocessing.run_record import RunRecord, read_runs
from lineshape.engine.running.run import open_run
from lineshape.engine.running.variations import Simulate

if TYPE_CHECKING:
    from distributed import Client


class IncompleteReprocessingError(IncompleteRunError):
    """A run that is done except for quarantined parts of its input; record: its record in the ledger."""

    def __init__(self, record: RunRecord, message: str) -> None:
        super().__init__(message)
        self.record = record


def reprocess(
    job: Job,
    simulate: Simulate,
    output: str | Path | None = None,
    client: "Client | None" = None,
    screen: Screen | None = None,
) -> RunRecord:
    """Do one run of scheduled reprocessing, and return its record in the ledger.

    simulate: makes the files of a sample that the job file asks to simulate. output: the reprocessing folder,
    reprocessing/<study> by default. client: a Dask client; by default the job's own cluster is started when there is
    work to do.

    Raises RequestError where the request is wrong, BusyError where another run is going on, RunError where the run
    failed, and IncompleteRunError where it is done but more of the input is quarantined than the job tolerates.
    """
    if job.variations:
        # They are of a result, and not of which of two models is better on the same events.
        job = validated(Job, job.model_dump(mode="json") | {"variations": {}})
    folder = folder_of(job, output)
    criterion = criterion_of(job)
    with held(folder.lock) as lock:
        records = read_runs(folder.ledger)
        set_right(folder, records)
        with open_run(job, folder.latest.path, screen, client) as opened:
            night = ReprocessingRun(replace(opened, folder=folder.latest), folder, lock, records, criterion)
            try:
                night.go(simulate)
            except BusyError:
                raise
            except (KeyboardInterrupt, SystemExit):
                lock.check()
                night.close("interrupted", "the next run goes on from here")
                raise
            except Exception as error:
                with suppress(OSError, StorageError):  # the failure is most often a full disk
                    lock.check()
                    night.close("failed", _told(error))
                raise
            store = FeatureStore.load(folder.features)
            if store.quarantined and store.lost > job.tolerate:
                raise IncompleteReprocessingError(
                    night.record,
                    f"{len(store.quarantined)} parts of the input, about {store.lost:.2%} of its entries, are "
                    f"quarantined, more than 'tolerate: {job.tolerate}' allows; everything else is done. The list is "
                    f"in {folder.features}/manifest.json",
                )
    return night.record


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, LineshapeError) else f"{type(error).__name__}: {error}"


def roll_back(folder: ReprocessingFolder, version: str | None = None) -> RunRecord:
    """Make an earlier version champion, by default the one before the present; return the record in the ledger.

    The next run does not retrain the version that was left: a training is due only when code or data have changed since
    the last training.

    Raises RequestError where there is no such version, RunError where it is damaged, BusyError where a run is going on.
    """
    with held(folder.lock) as lock:
        records = read_runs(folder.ledger)
        now = champion_of(records)
        chosen = version or champion_before(records)
        if chosen is None:
            raise RequestError(
                f"there is no champion before {now or 'this'}: name one of the versions in {folder.versions}"
            )
        verify(folder, chosen, records)
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        record = RunRecord(
            run=len(records) + 1,
            what="rollback",
            started=moment,
            finished=moment,
            seconds=0.0,
            status="done",
            text=f"rolled back from {now}" if now != chosen else f"{chosen} is champion already",
            champion=chosen,
            versions=ledger.versions(),
        )
        lock.check()
        ledger.append(folder.ledger, record.to_dict())
        point(folder, chosen)
    return record
