"""Publish versions, verify them before they are used, and point at the champion.

The ledger is the truth: a version is published, and is champion, once the record that says so is on disk. If a run is
killed before that, the next one finds a version that no record names and takes it up again as the challenger in
progress; if it is killed after that, the next one finds a pointer that disagrees and corrects it.
"""

import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from lineshape.engine.core.digests import digest
from lineshape.engine.core.errors import RequestError, RunError, listing, nearest
from lineshape.engine.core.records import digest_of_file, find_record, save_record
from lineshape.engine.core.run_folder import ReprocessingFolder, RunFolder
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.reprocessing.run_record import RunRecord

#: File in a version: digests of all files in it.
CONTENT = "content.json"
_FILE, _FOLDER, _OPEN_FILE, _OPEN_FOLDER = 0o444, 0o555, 0o644, 0o755


def champion_of(records: Sequence[RunRecord]) -> str | None:
    """Return the version that is champion after these records, None where there is none."""
    return next((record.champion for record in reversed(records) if record.champion), None)


def champion_before(records: Sequence[RunRecord]) -> str | None:
    """Return the version that was champion before the present one first became it, None where there was none."""
    now = champion_of(records)
    before: str | None = None
    for record in records:
        if record.champion == now:
            return before
        before = record.champion or before
    return None


def recorded(records: Sequence[RunRecord]) -> dict[str, str]:
    """Return the digest of the content of each version in the ledger."""
    return {record.version: record.content or "" for record in records if record.version}


def start_with(run: RunFolder, models: Iterable[str], to: RunFolder) -> None:
    """Copy bundles of models from a version, so that a model whose inputs are unchanged is not trained again."""
    for name in models:
        if (run.models / name).is_dir():
            shutil.copytree(run.models / name, to.models / name, copy_function=shutil.copyfile)
            _thaw(to.models / name)


def snapshot(folder: ReprocessingFolder, to: RunFolder) -> None:
    """Write the present feature store into a run folder: histograms, and a manifest that names the shared shards."""
    store = FeatureStore.load(folder.features)
    up = Path("../../..") / folder.features.name
    shards = tuple(replace(shard, path=str(up / shard.path)) for shard in store.shards)
    to.features.mkdir(parents=True, exist_ok=True)
    for name in ("control.json", "control.root"):
        shutil.copyfile(folder.features / name, to.features / name)
    replace(store, folder=to.features, shards=shards).save()


def missing_shards(store: FeatureStore) -> int:
    """Return the number of shards in a manifest that no longer exist, as they were damaged on disk and removed."""
    return sum(not store.path(shard).is_file() for shard in store.shards)


def publish(folder: ReprocessingFolder, records: Sequence[RunRecord]) -> tuple[str, str]:
    """Turn the challenger into a read-only version; return its number and the digest of its content."""
    numbers = [int(name) for name in (*folder.published(), *recorded(records))]
    version = f"{max(numbers, default=0) + 1:04d}"
    run = folder.challenger
    shutil.rmtree(run.histograms / "parts", ignore_errors=True)
    run.exports.mkdir(exist_ok=True)
    files = sorted(path for path in run.path.rglob("*") if path.is_file() and path.name != CONTENT)
    content = {path.relative_to(run.path).as_posix(): digest_of_file(path) for path in files}
    save_record(run.path / CONTENT, content)
    run.path.rename(folder.version(version))
    _freeze(folder.version(version))
    return version, digest(content)


def unrecorded(folder: ReprocessingFolder, records: Sequence[RunRecord]) -> list[str]:
    """Return versions that were being published when a run was killed, oldest first.

    Other folders are not mistaken for one: the number of such a version is above all in the ledger, and its content is
    not a copy of a recorded version's.
    """
    known = recorded(records)
    last = max(map(int, known), default=0)
    return [
        name for name in folder.published() if int(name) > last and _content(folder, name) not in {"", *known.values()}
    ]


def _content(folder: ReprocessingFolder, version: str) -> str:
    """Return the digest of the content that a version lists, empty where it lists nothing."""
    content = find_record(folder.version(version) / CONTENT, dict[str, str])
    return "" if content is None else digest(content)


def take_up(folder: ReprocessingFolder, records: Sequence[RunRecord]) -> None:
    """Make the last unrecorded version, which was being published when a run was killed, the challenger again."""
    for version in unrecorded(folder, records)[-1:]:
        _thaw(folder.version(version))
        discard(folder)
        folder.version(version).rename(folder.challenger.path)


def set_right(folder: ReprocessingFolder, records: Sequence[RunRecord]) -> None:
    """Make pointer and challenger agree with the ledger.

    Raises RunError where the pointer names a version that is not in the ledger: the pointer is set after the ledger is
    written, so the ledger must have lost lines since.
    """
    pointed = _pointed(folder)
    if pointed and pointed not in recorded(records):
        raise RunError(
            f"{folder.pointer} names version {pointed} as champion, of which {folder.ledger} does not know (it knows "
            f"{listing(recorded(records)) or 'none'}): put the ledger back from a copy. If there is none, remove "
            f"{folder.pointer.name}: a version above the last that the ledger knows is then taken for one in the making"
        )
    point(folder, champion_of(records))
    take_up(folder, records)


def _pointed(folder: ReprocessingFolder) -> str:
    """Return the version that the pointer names, empty where the pointer is damaged."""
    try:
        return folder.pointed()
    except RunError:
        return ""


def discard(folder: ReprocessingFolder) -> None:
    """Remove the challenger, complete or not."""
    shutil.rmtree(folder.challenger.path, ignore_errors=True)


def superfluous(folder: ReprocessingFolder, records: Sequence[RunRecord], keep: int | None) -> list[str]:
    """Return versions to remove: all but the last `keep`, the champion, and the one before it (for a rollback).

    keep: None removes no version.
    """
    needed = {champion_of(records), champion_before(records)}
    return [name for name in folder.published()[:-keep] if name not in needed] if keep else []


def remove(folder: ReprocessingFolder, versions: Iterable[str]) -> None:
    """Remove versions; what remains after a kill or a full disk is removed another time."""
    for version in versions:
        with suppress(OSError):
            _thaw(folder.version(version))
        shutil.rmtree(folder.version(version), ignore_errors=True)


def verify(folder: ReprocessingFolder, version: str, records: Sequence[RunRecord]) -> None:
    """Raise RequestError where there is no such version, RunError where its content differs from what was published."""
    contents = recorded(records)
    if version not in contents:
        raise RequestError(
            f"no version '{version}' in {folder.versions}: there are {listing(contents) or 'none'}"
            f"{nearest(version, contents)}"
        )
    run = folder.version(version)
    if not run.is_dir():
        raise RunError(f"version {version} is not there any more: {_instead(folder, version, contents)}")
    content = find_record(run / CONTENT, dict[str, str])
    whole = content is not None and digest(content) == contents[version]
    try:
        damaged = [name for name, known in (content or {}).items() if digest_of_file(run / name) != known]
    except OSError as error:
        damaged = [str(error)]
    if damaged or not whole:
        raise RunError(
            f"version {version} is not what was published: {listing(damaged, 3) or CONTENT} in {run} changed or is "
            f"gone. Put it back from a copy, or {_instead(folder, version, contents)}"
        )


def _instead(folder: ReprocessingFolder, damaged: str, known: Iterable[str]) -> str:
    """Return advice on how to continue without a version."""
    others = [name for name in known if name != damaged and folder.version(name).is_dir()]
    if others:
        return f"take another champion of {listing(others)}: lineshape ledger rollback {folder.path} VERSION"
    return (
        "let one that is trained anew take its place, as there is no other version: "
        "lineshape reprocess … --set reprocess.promote=always"
    )


def point(folder: ReprocessingFolder, version: str | None) -> None:
    """Set the pointer to the champion."""
    if version and _pointed(folder) != version:
        save_record(folder.pointer, {"version": version, "run": str(Path(folder.versions.name) / version)})


def _freeze(run: Path) -> None:
    """Make everything in a version read-only, except the folder of exports."""
    for path in sorted(run.rglob("*"), reverse=True):
        if path != run / "export":
            path.chmod(_FOLDER if path.is_dir() else _FILE)
    run.chmod(_FOLDER)


def _thaw(run: Path) -> None:
    run.chmod(_OPEN_FOLDER)
    for path in sorted(run.rglob("*")):
        with suppress(FileNotFoundError):
            path.chmod(_OPEN_FOLDER if path.is_dir() else _OPEN_FILE)
