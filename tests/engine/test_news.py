"""What became of files: each in exactly one state, each change named once."""

from pathlib import Path
from typing import Any

import pytest

from lineshape.engine.news import FileState, known, news_of, states_of, tell, to_record
from lineshape.engine.shards import FeatureStore, Quarantined


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
    assert {name: len(files) for name, files in news.items() if files} == ({kind: 1} if kind else {})
    told = [{"files": to_record({"new": [before]} if before else {})}, {"files": to_record(news)}]
    assert known(told).get(key, GONE).state == (now or GONE).state


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
