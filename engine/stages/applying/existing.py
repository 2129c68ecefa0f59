"""Find outputs that are there already, and tell whether each is of its input and of these models."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.records import find_record, save_record
from lineshape.engine.feature_store.store import Quarantined
from lineshape.engine.stages.applying.plan import ApplyPlan, ScoreFile
from lineshape.engine.stages.applying.writers import read_about

#: File that lists the outputs of a folder, each with its input, models and size.
INDEX: Final = "applied.json"


@dataclass(frozen=True)
class OutputRecord:
    """A finished output.

    rows: number of objects, or entries, with scores. collection: column that has the objects, empty where scores are of
    entries. models: digest of each. size, modified: of the file, in bytes and nanoseconds, by which a change is seen.
    """

    input: str
    uuid: str
    entries: int
    rows: int
    collection: str
    models: dict[str, str]
    identity: str
    size: int
    modified: int


@dataclass(frozen=True)
class _Index:
    """The finished outputs of a folder, as JSON, by name, and the files without an output in the last attempt."""

    outputs: dict[str, OutputRecord] = field(default_factory=dict)
    quarantined: list[Quarantined] = field(default_factory=list)


@dataclass(frozen=True)
class Existing:
    """Outputs that are there. done: those that are as wanted, by name. stale: the others, with what they are."""

    done: dict[str, OutputRecord]
    stale: dict[str, str]


def find_existing(plan: ApplyPlan, outputs: Sequence[ScoreFile]) -> Existing:
    """Return which outputs are there.

    Raises RequestError where a file in the place of one was not written by this program, or is an input.
    """
    inputs = {Path(output.file.path).absolute() for output in outputs if "://" not in output.file.path}
    known = read_index(plan.to)
    done, stale = {}, {}
    for output in outputs:
        path = plan.to / output.name
        if path in inputs:
            raise RequestError(f"{path} is an input, and would be overwritten: name another folder with --to")
        if not path.exists():
            continue
        record = known.get(output.name)
        if record is None or (record.size, record.modified) != _state(path):
            record = _opened(plan, path)
        if record.identity == output.identity(plan) and record.entries == output.file.entries:
            done[output.name] = record
        else:
            stale[output.name] = _difference(record, output, plan)
    return Existing(done, stale)


def record_of(plan: ApplyPlan, output: ScoreFile, rows: int, collection: str) -> OutputRecord:
    """Return the record of an output that was just written."""
    file, path = output.file, plan.to / output.name
    identity, models = output.identity(plan), dict(plan.digests)
    return OutputRecord(file.path, file.uuid, file.entries, rows, collection, models, identity, *_state(path))


def read_index(to: Path) -> Mapping[str, OutputRecord]:
    """Return the finished outputs of a folder, as far as they are listed."""
    found = find_record(to / INDEX, _Index)
    return found.outputs if found else {}


def save_index(
    to: Path, records: Mapping[str, OutputRecord], gone: Iterable[str], quarantined: Sequence[Quarantined]
) -> None:
    """List finished outputs beside those that are listed already. gone: outputs that are not there any more."""
    kept = {name: record for name, record in read_index(to).items() if name not in gone}
    outputs = {name: asdict(record) for name, record in sorted({**kept, **records}.items())}
    save_record(to / INDEX, {"outputs": outputs, "quarantined": [asdict(item) for item in quarantined]})


def _state(path: Path) -> tuple[int, int]:
    there = path.stat()
    return there.st_size, there.st_mtime_ns


def _opened(plan: ApplyPlan, path: Path) -> OutputRecord:
    """Return what a file that is not listed, or changed since, says about itself; raise RequestError where it can't."""
    found = read_about(plan.wanted.format, path)
    try:
        about, entries = found or ({}, 0)
        told = {name: about[name] for name in ("input", "uuid", "rows", "collection", "models", "identity")}
        size, modified = _state(path)
        return OutputRecord(**told, entries=entries, size=size, modified=modified)
    except (KeyError, TypeError) as error:
        raise RequestError(
            f"{path} is there, and is no output of 'lineshape apply', or is damaged: expected to write one there; move "
            "it away, or name another folder with --to"
        ) from error


def _difference(record: OutputRecord, output: ScoreFile, plan: ApplyPlan) -> str:
    """Return in words what an output is instead of what is wanted."""
    if record.entries != output.file.entries:
        return f"it had {record.entries:,} entries, and its input has {output.file.entries:,}"
    if record.uuid != output.file.uuid:
        return f"it was of another file, {record.input}"
    if record.models != dict(plan.digests):
        return f"it was of other models ({', '.join(record.models)})"
    return "its input, the processor or what is asked of the output changed"
