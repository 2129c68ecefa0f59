"""Versions and their champion: published once, verified before they are used, pointed at.

The ledger is the truth: a version is published, and is champion, once the record that says so is on the disk. Where a
run was killed before that, the next one finds a version that no record knows, and takes it up again as the challenger
in the making; where it was killed after that, it finds a pointer that says something else, and sets it right.
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from lineshape.engine.core.digests import digest
from lineshape.engine.core.errors import RequestError, RunError, listing, nearest
from lineshape.engine.core.records import digest_of_file, find_record, save_record
from lineshape.engine.core.run_folder import ReprocessingFolder, RunFolder
from lineshape.engine.feature_store.shards import FeatureStore

Record = Mapping[str, Any]

#: In a version: digests of all that it holds.
CONTENT = "content.json"
_FILE, _FOLDER, _OPEN_FILE, _OPEN_FOLDER = 0o444, 0o555, 0o644, 0o755


def champion_of(records: Sequence[Record]) -> str | None:
    """The version that is champion after these records."""
    return next((record["champion"] for record in reversed(records) if record.get("champion")), None)


def champion_before(records: Sequence[Record]) -> str | None:
    """The champion before the present one first became it."""
    now = champion_of(records)
    before: str | None = None
    for record in records:
        champion = record.get("champion")
        if champion == now:
            return before
        before = champion or before
    return None


def recorded(records: Sequence[Record]) -> dict[str, str]:
    """Digest of the content of each version that the ledger knows."""
    return {record["version"]: record["content"] for record in records if record.get("version")}


def start_with(run: RunFolder, models: Iterable[str], to: RunFolder) -> None:
    """Copy bundles of models from a version, so that one that would be trained from the same is not trained again."""
    for name in models:
        if (run.models / name).is_dir():
            shutil.copytree(run.models / name, to.models / name, copy_function=shutil.copyfile)
            _thaw(to.models / name)


def snapshot(folder: ReprocessingFolder, to: RunFolder) -> None:
    """Give a run folder the feature store as it is now: its manifest, which names the shared shards, and histograms."""
    store = FeatureStore.load(folder.features)
    up = Path("../../..") / folder.features.name
    shards = tuple(replace(shard, path=str(up / shard.path)) for shard in store.shards)
    to.features.mkdir(parents=True, exist_ok=True)
    for name in ("control.json", "control.root"):
        shutil.copyfile(folder.features / name, to.features / name)
    replace(store, folder=to.features, shards=shards).save()


def missing_shards(store: FeatureStore) -> int:
    """Shards of a manifest that are not there any more, spoilt by a disk and removed."""
    return sum(not store.path(shard).is_file() for shard in store.shards)


def publish(folder: ReprocessingFolder, records: Sequence[Record]) -> tuple[str, str]:
    """Make the challenger a version that nobody changes any more; returns its number and the digest of its content."""
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


def unrecorded(folder: ReprocessingFolder, records: Sequence[Record]) -> list[str]:
    """Versions that were being published when a run was killed, oldest first; no other folder is taken for one.

    Their numbers are above all that the ledger knows, and what they hold is not a copy of what it knows.
    """
    known = recorded(records)
    last = max(map(int, known), default=0)
    return [
        name for name in folder.published() if int(name) > last and _content(folder, name) not in {"", *known.values()}
    ]


def _content(folder: ReprocessingFolder, version: str) -> str:
    """Digest of what a version says that it holds, empty where it says nothing."""
    content = find_record(folder.version(version) / CONTENT, dict[str, str])
    return "" if content is None else digest(content)


def take_up(folder: ReprocessingFolder, records: Sequence[Record]) -> None:
    """Versions that no record knows were being published when a run was killed: the last is the challenger again."""
    for version in unrecorded(folder, records)[-1:]:
        _thaw(folder.version(version))
        discard(folder)
        folder.version(version).rename(folder.challenger.path)


def set_right(folder: ReprocessingFolder, records: Sequence[Record]) -> None:
    """Make pointer and challenger what the ledger says.

    Raises RunError where the pointer names a version of which the ledger does not know: it is set after the ledger is
    written, which must have lost lines since.
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
    """What the pointer says, empty where it is damaged."""
    try:
        return folder.pointed()
    except RunError:
        return ""


def discard(folder: ReprocessingFolder) -> None:
    """Remove what there is of a challenger."""
    shutil.rmtree(folder.challenger.path, ignore_errors=True)


def superfluous(folder: ReprocessingFolder, records: Sequence[Record], keep: int | None) -> list[str]:
    """Versions beyond the last so many, but the champion and the one before it, to which a rollback leads."""
    needed = {champion_of(records), champion_before(records)}
    return [name for name in folder.published()[:-keep] if name not in needed] if keep else []


def remove(folder: ReprocessingFolder, versions: Iterable[str]) -> None:
    """Remove versions; what a kill or a full disk leaves of them is removed another time."""
    for version in versions:
        with suppress(OSError):
            _thaw(folder.version(version))
        shutil.rmtree(folder.version(version), ignore_errors=True)


def verify(folder: ReprocessingFolder, version: str, records: Sequence[Record]) -> None:
    """Raise RequestError where there is no such version, RunError where its content is not what was published."""
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
        spoilt = [name for name, known in (content or {}).items() if digest_of_file(run / name) != known]
    except OSError as error:
        spoilt = [str(error)]
    if spoilt or not whole:
        raise RunError(
            f"version {version} is not what was published: {listing(spoilt, 3) or CONTENT} in {run} changed or is "
            f"gone. Put it back from a copy, or {_instead(folder, version, contents)}"
        )


def _instead(folder: ReprocessingFolder, spoilt: str, known: Iterable[str]) -> str:
    """What can be done without a version."""
    others = [name for name in known if name != spoilt and folder.version(name).is_dir()]
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
    """Nothing in it may be written but exports."""
    for path in sorted(run.rglob("*"), reverse=True):
        if path != run / "export":
            path.chmod(_FOLDER if path.is_dir() else _FILE)
    run.chmod(_FOLDER)


def _thaw(run: Path) -> None:
    run.chmod(_OPEN_FOLDER)
    for path in sorted(run.rglob("*")):
        with suppress(FileNotFoundError):
            path.chmod(_OPEN_FOLDER if path.is_dir() else _OPEN_FILE)
