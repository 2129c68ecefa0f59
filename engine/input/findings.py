"""Refuse unusable input before anything is processed, and write notes on what was found in files. No I/O here."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from lineshape.engine.core.errors import RequestError, RunError, listing
from lineshape.engine.execution.failures import Cause, Failure
from lineshape.engine.feature_store.store import Quarantined
from lineshape.engine.input.catalogue import NOT_THERE, FileRecord, FileRequest

T = TypeVar("T")
Found = list[tuple[FileRequest, FileRecord | Failure]]


def require_there(requests: Iterable[FileRequest]) -> None:
    """Raise RequestError where no file of a sample exists; if only some are missing, the run continues."""
    for sample, of_sample in _by_sample((request, request) for request in requests).items():
        if all(request.version == NOT_THERE for _, request in of_sample):
            paths = listing([request.source.path for _, request in of_sample], 5)
            raise RequestError(
                f"sample {sample}: {paths}: no such file; expected a ROOT file, a folder of them, or a text list of "
                f"them (.txt) (working folder: {Path.cwd()})"
            )


def require_usable(found: Found, whole: bool = True) -> None:
    """Raise RequestError where no file of a sample can be used: without the sample it would be another run.

    whole: whether each sample must have one that can; otherwise one sample that has is enough. Raises RunError instead
    where a retry may still read them.
    """
    if not whole and any(isinstance(outcome, FileRecord) for _, outcome in found):
        return
    for sample, of_sample in _by_sample(found).items():
        failures = [outcome for _, outcome in of_sample if isinstance(outcome, Failure)]
        if len(failures) == len(of_sample):
            reasons = sorted({failure.reason for failure in failures})
            more = f"\nand {len(reasons) - 5} more" if len(reasons) > 5 else ""
            text = f"sample {sample}: no file can be used:\n" + "\n".join(reasons[:5]) + more
            lasting = all(failure.cause is Cause.CORRUPT for failure in failures)
            raise RequestError(text) if lasting else RunError(text)


def _by_sample(found: Iterable[tuple[FileRequest, T]]) -> dict[str, list[tuple[FileRequest, T]]]:
    samples: dict[str, list[tuple[FileRequest, T]]] = {}
    for request, outcome in found:
        samples.setdefault(request.sample, []).append((request, outcome))
    return samples


def of_other_stores(found: Found) -> list[str]:
    """Return a note on each tree that is read in place of a missing one."""
    others = Counter(
        (request.sample, request.tree, outcome.tree)
        for request, outcome in found
        if isinstance(outcome, FileRecord) and outcome.tree != request.tree
    )
    return [
        f"sample {sample}: {f'{number} files have' if number > 1 else '1 file has'} no tree {tree}; "
        f"{'their' if number > 1 else 'its'} {other} is read, as the same format calls it too"
        for (sample, tree, other), number in sorted(others.items())
    ]


def in_some_alone(records: Iterable[FileRecord]) -> list[str]:
    """Return a note on each sample where only some of the files have columns that may be missing."""
    filled = [record for record in records if record.entries]
    files = Counter(record.sample for record in filled)
    having = Counter((record.sample, name) for record in filled for name, branch in record.branches.items() if branch)
    some: dict[str, list[str]] = {}
    for (sample, name), number in having.items():
        if number < files[sample]:
            some.setdefault(sample, []).append(f"{name} in {number}")
    return [
        f"sample {sample}: columns that may be missing are in some of its {files[sample]} files alone: {listing(names)}"
        for sample, names in some.items()
    ]


def without_events(records: Sequence[FileRecord], quarantined: Sequence[Quarantined]) -> list[str]:
    """Return a note on each sample that is known to have no events."""
    entries = Counter[str]()
    for record in records:
        entries[record.sample] += record.entries
    lost = {item.sample for item in quarantined}
    return [
        f"sample {sample} has no events: none of its files has any entries"
        for sample, number in entries.items()
        if not number and sample not in lost
    ]
