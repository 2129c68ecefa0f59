"""What became of files: each in exactly one state, each change named once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lineshape.engine.execution.failures import Cause, Failure
from lineshape.engine.feature_store.store import FeatureStore, Quarantined
from lineshape.engine.input.catalogue import FileRecord
from lineshape.engine.reprocessing.file_changes import (
    FileState,
    known,
    news_of,
    state_to_come,
    states_of,
    tell,
)


def state(kind: Any, uuid: str = "u", size: int = 10) -> FileState:
    return FileState("s", "f", kind, uuid, size)


GONE, BAD, PART, DONE, COPY = (
    state("vanished"),
    state("quarantined", "", 0),
    state("processed in part"),
    state("processed"),
    state("repeated", "", 0),
)
OTHER = state("processed", "v")


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [
        (None, DONE, "new"),
        (None, BAD, "broken"),
        (None, PART, "broken"),
        (None, COPY, "repeated"),
        (GONE, DONE, "new"),
        (GONE, BAD, "broken"),
        (GONE, None, None),
        (DONE, DONE, None),
        (DONE, OTHER, "changed"),
        (DONE, state("processed", size=11), "changed"),  # ROOT's UPDATE keeps the UUID
        (replace(DONE, content="0badf00d"), replace(DONE, content="deadbeef"), "changed"),  # as ?reproducible does
        (DONE, replace(DONE, content="deadbeef"), None),  # of a version that kept no content
        (DONE, BAD, "broken"),
        (DONE, PART, "broken"),
        (DONE, COPY, "repeated"),
        (DONE, None, "vanished"),
        (BAD, BAD, None),
        (BAD, DONE, "repaired"),
        (BAD, None, "vanished"),
        (PART, PART, None),
        (PART, DONE, "repaired"),
        (PART, OTHER, "repaired"),
        (PART, BAD, "broken"),
        (COPY, DONE, "changed"),
        (COPY, COPY, None),
        (COPY, None, "vanished"),
    ],
)
def test_news(before: FileState | None, now: FileState | None, kind: str | None) -> None:
    key = "s", "f"
    news = news_of({key: before} if before else {}, {key: now} if now else {})
    assert {name: len(files) for name, files in news.items()} == ({kind: 1} if kind else {})
    told = [{"new": [before]} if before else {}, news]
    assert known(told).get(key, GONE).state == (now or GONE).state


LOOKED = FileRecord("s", "f", "tree", "u", 5, 10, {})
ANOTHER = replace(LOOKED, uuid="v")
LOST = Failure(Cause.CORRUPT, "not a ROOT file")


@pytest.mark.parametrize("old", [None, GONE, BAD, PART, DONE, COPY])
@pytest.mark.parametrize(
    ("outcome", "there", "found"),
    [
        (None, True, OTHER),
        (None, False, BAD),
        (ANOTHER, True, OTHER),
        (LOST, True, BAD),
    ],
)
def test_a_dry_run_calls_a_file_what_the_run_will(
    old: FileState | None, outcome: FileRecord | Failure | None, there: bool, found: FileState
) -> None:
    """found: the state that the run then finds it in."""
    if old is COPY and outcome is ANOTHER:
        return  # which of two copies is kept is not known from one
    before, key = {("s", "f"): old} if old else {}, ("s", "f")
    foreseen = news_of(before, {key: state_to_come(key, old, outcome, there)})
    assert {kind: len(files) for kind, files in foreseen.items()} == {
        kind: len(files) for kind, files in news_of(before, {key: found}).items()
    }


@pytest.mark.parametrize("old", [PART, DONE, COPY, replace(DONE, state="quarantined")])
def test_a_dry_run_has_no_news_of_a_file_that_was_looked_into(old: FileState) -> None:
    assert state_to_come(("s", "f"), old, LOOKED, there=True) == old
    assert state_to_come(("s", "f"), BAD, LOST, there=True) == BAD


def test_states_are_read_off_the_manifest() -> None:
    files = tuple(
        {"sample": "s", "path": path, "uuid": path.upper(), "tree": "t", "entries": 10, "size": 7}
        for path in ("whole", "part", "spoilt")
    )
    quarantined = (
        Quarantined("s", "part", 0, 5, "corrupt", "r1"),
        Quarantined("s", "spoilt", 0, 5, "corrupt", "r2"),
        Quarantined("s", "spoilt", 5, 10, "corrupt", "r3"),
        Quarantined("s", "missing", -1, -1, "corrupt", "r4"),
    )
    store = FeatureStore(Path(), (), {}, {}, 30, 15, quarantined, files)
    listed = [("s", path) for path in ("whole", "part", "spoilt", "missing", "copy")]
    states = states_of(listed, store)
    assert [(each.state, each.uuid, each.size, each.reason) for each in states.values()] == [
        ("processed", "WHOLE", 7, ""),
        ("processed in part", "PART", 7, "r1"),
        ("quarantined", "SPOILT", 7, "r2"),
        ("quarantined", "", 0, "r4"),
        ("repeated", "", 0, ""),
    ]


def test_telling() -> None:
    assert tell({"new": 2, "changed": 0, "broken": 1}) == "2 new, 1 broken"
    assert tell({"new": 0}) == "no news of files"
