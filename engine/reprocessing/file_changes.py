"""Classify how files changed since the last run: new, changed, repaired, broken, repeated or vanished. No I/O here."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from lineshape.engine.execution.failures import Failure
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.input.catalogue import FileRecord

State = Literal["processed", "processed in part", "quarantined", "repeated", "vanished"]
Kind = Literal["new", "changed", "repaired", "broken", "repeated", "vanished"]
KINDS: tuple[Kind, ...] = ("new", "changed", "repaired", "broken", "repeated", "vanished")

#: States of files with lost entries.
BROKEN: tuple[State, ...] = ("quarantined", "processed in part")

#: Sample and path of a file.
Key = tuple[str, str]


@dataclass(frozen=True)
class FileState:
    """A file and its state, of which it always has exactly one.

    uuid, size, content: of the file that was processed; empty and 0 where it could not be opened, or is a copy of
    another file. reason: why some or all of it was not processed, the first of several.
    """

    sample: str
    path: str
    state: State
    uuid: str = ""
    size: int = 0
    reason: str = ""
    content: str = ""


#: Files by kind of change, a Kind; the ledger of a later version of this program may hold others.
News = dict[str, list[FileState]]


def states_of(listed: Iterable[Key], store: FeatureStore) -> dict[Key, FileState]:
    """Return the state of each requested file, from the manifest of the feature store."""
    reasons: dict[Key, str] = {}
    lost: Counter[Key] = Counter()
    for item in store.quarantined:
        reasons.setdefault((item.sample, item.file), item.reason)
        lost[item.sample, item.file] += item.stop - item.start
    used = {(file["sample"], file["path"]): file for file in store.files}
    found: dict[Key, FileState] = {}
    for key in listed:
        if key in used:
            whole, left = lost[key] == 0, lost[key] < used[key]["entries"]
            state: State = "processed" if whole else "processed in part" if left else "quarantined"
            about = used[key]["uuid"], used[key]["size"], reasons.get(key, ""), used[key].get("content", "")
            found[key] = FileState(*key, state, *about)
        else:
            found[key] = FileState(*key, "quarantined" if key in reasons else "repeated", reason=reasons.get(key, ""))
    return found


def state_to_come(key: Key, old: FileState | None, outcome: FileRecord | Failure | None, there: bool) -> FileState:
    """Return the state in which a run would find a file, as far as an inspection can predict it.

    old: as the last run left it. outcome: result of inspecting the present file; a file that exists but was not
    inspected is assumed to be processable.
    """
    if isinstance(outcome, FileRecord):
        new = FileState(*key, "processed", outcome.uuid, outcome.size, content=outcome.content)
        return old if old and (old.state == "repeated" or _is_same(old, new)) else new
    if isinstance(outcome, Failure) or not there:
        same = old and old.state == "quarantined"
        return old if old and same else FileState(*key, "quarantined")
    return FileState(*key, "processed", "not known yet")


def _is_same(old: FileState, new: FileState) -> bool:
    """Return whether a file is unchanged; earlier versions of this program did not save its content."""
    return (old.uuid, old.size) == (new.uuid, new.size) and (old.content == new.content or not old.content)


def news_of(before: Mapping[Key, FileState], now: Mapping[Key, FileState]) -> News:
    """Return the files that changed, by kind of change; unchanged files, and kinds without a file, are left out."""
    news: News = {kind: [] for kind in KINDS}
    for key, state in now.items():
        kind = _kind(before.get(key), state)
        if kind:
            news[kind].append(state)
    for key, old in before.items():
        if key not in now and old.state != "vanished":
            news["vanished"].append(FileState(*key, "vanished", old.uuid, old.size))
    return {kind: files for kind, files in news.items() if files}


def _kind(old: FileState | None, new: FileState) -> Kind | None:
    if old and old.state == new.state and _is_same(old, new):
        return None
    if new.state != "processed":
        return "repeated" if new.state == "repeated" else "broken"
    if old is None or old.state == "vanished":
        return "new"
    return "repaired" if old.state in BROKEN else "changed"


def known(changes: Iterable[News]) -> dict[Key, FileState]:
    """Return the latest state of every file, from the changes that each run recorded, oldest first."""
    return {(file.sample, file.path): file for news in changes for files in news.values() for file in files}


def tell(counts: Mapping[str, int]) -> str:
    """Format the numbers of changed files, as in `3 new, 1 broken`, or say that there are none."""
    return ", ".join(f"{number} {kind}" for kind, number in counts.items() if number) or "no news of files"
