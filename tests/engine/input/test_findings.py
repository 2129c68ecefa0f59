"""What is refused, and what is said, of what was found in files, before anything is processed."""

from pathlib import Path

import pytest

from lineshape.engine.core.errors import RequestError, RunError
from lineshape.engine.execution.failures import Cause, Failure
from lineshape.engine.feature_store.store import Quarantined
from lineshape.engine.input.catalogue import NOT_THERE, FileRecord, FileRequest
from lineshape.engine.input.findings import in_some_alone, require_there, require_usable, without_events
from lineshape.engine.input.sources import FileSource


def request(sample: str, path: str, version: str = "1") -> FileRequest:
    return FileRequest(sample, FileSource(path), "tree", {}, version)


def record(sample: str, entries: int, **branches: str | None) -> FileRecord:
    return FileRecord(sample, f"{entries}.root", "tree", "u", entries, 1, branches)


def test_a_sample_of_which_no_file_is_there_is_refused() -> None:
    gone, there = request("ttbar", "gone.root", NOT_THERE), request("ttbar", "a.root")
    require_there([gone, there, request("zee", "b.root")])
    with pytest.raises(RequestError, match=f"sample ttbar: gone.root: no such file; .*{Path.cwd()}"):
        require_there([gone, request("zee", "b.root")])


def test_a_sample_of_which_no_file_can_be_used_is_refused_or_tried_another_time() -> None:
    corrupt, busy = Failure(Cause.CORRUPT, "a.root: not ROOT"), Failure(Cause.TRANSIENT, "the server is busy")
    good = (request("zee", "b.root"), record("zee", 5))
    require_usable([good, (request("zee", "c.root"), corrupt)])
    with pytest.raises(RequestError, match=r"sample ttbar: no file can be used:\na.root: not ROOT"):
        require_usable([good, (request("ttbar", "a.root"), corrupt)])
    with pytest.raises(RunError, match=r"(?s)sample ttbar: no file can be used:.*the server is busy"):
        require_usable([good, (request("ttbar", "a.root"), corrupt), (request("ttbar", "c.root"), busy)])


def test_a_sample_without_events_is_said_where_that_is_known() -> None:
    records = [record("none", 0), record("some", 0), record("some", 5), record("lost", 0)]
    lost = [Quarantined("lost", "x.root", -1, -1, "corrupt", "cut short")]
    assert without_events(records, lost) == ["sample none has no events: none of its files has any entries"]


def test_columns_of_some_files_alone_are_said() -> None:
    """Where they are missing a processor puts what it thinks best, such as a weight of 1."""
    files = [record("s", 5, wt="weight", pt="pt"), record("s", 6, wt=None, pt="pt"), record("s", 0)]
    assert in_some_alone(files) == ["sample s: columns that may be missing are in some of its 2 files alone: wt in 1"]
    assert in_some_alone([files[0], record("t", 6, wt=None, pt="pt")]) == []
