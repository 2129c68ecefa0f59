"""Versions: published once, verified, rolled back; consistent at whatever moment a run is killed."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lineshape.engine.core import ledger
from lineshape.engine.core.errors import RequestError, RunError
from lineshape.engine.core.files import write_json
from lineshape.engine.core.run_folder import ReprocessingFolder, RunFolder
from lineshape.engine.reprocessing import champion
from lineshape.engine.reprocessing.run_record import RunRecord, read_runs


@pytest.fixture
def folder(tmp_path: Path) -> ReprocessingFolder:
    return ReprocessingFolder(tmp_path / "study")


def make(folder: ReprocessingFolder, text: str = "weights") -> None:
    """A challenger that is ready."""
    run = folder.challenger
    write_json(run.job, {})
    for name in ("models/brt/bundle.json", "histograms/parts/x.npz", "features/manifest.json"):
        write_json(run.path / name, text)


def record(now: str | None, version: str | None = None, content: str | None = None) -> RunRecord:
    """A record of what decides about versions; now: the champion."""
    told = RunRecord(run=1, what="", started="", finished="", seconds=0, status="done", text="")
    return replace(told, champion=now, version=version, content=content)


def close(folder: ReprocessingFolder, version: str, content: str, now: str) -> None:
    ledger.append(folder.ledger, record(now, version, content).to_dict())
    champion.point(folder, now)


def published(folder: ReprocessingFolder, *promoted: bool) -> list[RunRecord]:
    """So many versions, some of which became champion."""
    now = ""
    for yes in promoted:
        make(folder, f"weights {len(folder.published())}")
        version, content = champion.publish(folder, read_runs(folder.ledger))
        now = version if yes else now
        close(folder, version, content, now)
    return read_runs(folder.ledger)


def test_a_version_is_there_and_nobody_changes_it(folder: ReprocessingFolder) -> None:
    records = published(folder, True)
    run = folder.version("0001")
    assert folder.published() == ["0001"]
    assert not folder.challenger.path.exists()
    assert not (run / "histograms" / "parts").exists()
    champion.verify(folder, "0001", records)
    assert RunFolder.find(folder.path).path == run
    modes = {path.relative_to(run).as_posix(): path.stat().st_mode & 0o777 for path in run.rglob("*")}
    assert modes.pop("export") == 0o755
    assert set(modes.values()) == {0o444, 0o555}


@pytest.mark.parametrize(
    ("promoted", "advice"),
    [
        ((True, False), r"take another champion of 0002: lineshape ledger rollback .*study VERSION"),
        ((True,), r"there is no other version: lineshape reprocess … --set reprocess\.promote=always"),
    ],
)
@pytest.mark.parametrize("harm", ["change", "remove", "content"])
def test_what_is_not_what_was_published_is_found(
    folder: ReprocessingFolder, harm: str, promoted: tuple[bool, ...], advice: str
) -> None:
    records = published(folder, *promoted)
    run = folder.version("0001")
    path = run / ("content.json" if harm == "content" else "models/brt/bundle.json")
    for each in (run, path.parent, path):
        each.chmod(0o755)
    if harm == "remove":
        path.unlink()
    else:
        path.write_text(json.dumps({}), encoding="utf-8")
    with pytest.raises(RunError, match=rf"version 0001 is not what was published: .*{advice}"):
        champion.verify(folder, "0001", records)


def test_a_version_that_there_is_not(folder: ReprocessingFolder) -> None:
    with pytest.raises(RequestError, match=r"no version '0007' .* there are 0001, 0002; nearest"):
        champion.verify(folder, "0007", published(folder, True, False))


def test_killed_before_the_record_the_version_is_a_challenger_again(folder: ReprocessingFolder) -> None:
    records = published(folder, True)
    make(folder, "better")
    champion.publish(folder, records)
    champion.take_up(folder, records)
    assert folder.published() == ["0001"]
    assert folder.pointed() == "0001"
    assert (folder.challenger.path / "models/brt/bundle.json").read_text(encoding="utf-8") == '"better"\n'
    version, content = champion.publish(folder, records)
    close(folder, version, content, version)
    champion.verify(folder, "0002", read_runs(folder.ledger))


def test_killed_while_the_record_was_written(folder: ReprocessingFolder) -> None:
    """Half a line is none: the version is the challenger again, the champion who it was."""
    published(folder, True, True)
    write_json(folder.pointer, {"version": "0001"})  # it is set after the record
    folder.ledger.write_bytes(folder.ledger.read_bytes()[:-20])
    records = read_runs(folder.ledger)
    assert champion.champion_of(records) == "0001"
    champion.take_up(folder, records)
    champion.point(folder, champion.champion_of(records))
    assert (folder.published(), folder.pointed()) == (["0001"], "0001")
    assert folder.challenger.path.is_dir()


def test_killed_after_the_record_the_pointer_is_set_right(folder: ReprocessingFolder) -> None:
    records = published(folder, True, True)
    write_json(folder.pointer, {"version": "0001"})
    champion.take_up(folder, records)
    champion.point(folder, champion.champion_of(records))
    assert (folder.published(), folder.pointed()) == (["0001", "0002"], "0002")


@pytest.mark.parametrize(
    ("champions", "now", "before"),
    [
        ([], None, None),
        ([None], None, None),
        (["1"], "1", None),
        (["1", "1", "2", None, "2"], "2", "1"),
        (["1", "2", "1"], "1", None),  # rolled back once
        (["1", "2", "3", "2"], "2", "1"),  # and once more leads on, not back and forth
        (["1", "2", "3", "2", "4"], "4", "2"),
    ],
)
def test_the_champion_and_the_one_before(champions: list[str | None], now: str | None, before: str | None) -> None:
    records = [record(each) for each in champions]
    assert champion.champion_of(records) == now
    assert champion.champion_before(records) == before


def test_numbers_are_never_given_twice(folder: ReprocessingFolder) -> None:
    """Also where someone removed the last version."""
    records = published(folder, True, False)
    champion._thaw(folder.version("0002"))
    for path in sorted(folder.version("0002").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.version("0002").rmdir()
    make(folder)
    assert champion.publish(folder, records)[0] == "0003"


@pytest.mark.parametrize(
    ("promoted", "keep", "removed"),
    [
        ((True, True, True), None, []),
        ((True, True, True), 3, []),
        ((True, True, True), 1, ["0001"]),  # 0003 is champion, and a rollback leads to 0002
        ((True, False, False, True), 1, ["0002", "0003"]),
        ((True, False, False, False), 2, ["0002"]),
        ((True, False), 1, []),
    ],
)
def test_old_versions_are_removed(
    folder: ReprocessingFolder, promoted: tuple[bool, ...], keep: int | None, removed: list[str]
) -> None:
    records = published(folder, *promoted)
    assert champion.superfluous(folder, records, keep) == removed
    champion.remove(folder, removed)
    assert set(champion.recorded(records)) - set(folder.published()) == set(removed)
    assert champion.superfluous(folder, records, keep) == []
    for version in removed:
        others = (
            rf"{version} is not there any more: take another champion of {', '.join(folder.published())}: lineshape"
        )
        with pytest.raises(RunError, match=others):
            champion.verify(folder, version, records)


def copy(folder: ReprocessingFolder, version: str, name: str) -> None:
    shutil.copytree(folder.version(version), folder.version(name))


@pytest.mark.parametrize("name", ["0001.bak", "0001_old", "0001-copy", "0009"])
def test_a_copy_that_someone_made_is_left_alone(folder: ReprocessingFolder, name: str) -> None:
    records = published(folder, True, False)
    copy(folder, "0001", name)
    champion.set_right(folder, records)
    assert folder.version(name).is_dir()
    assert not folder.challenger.path.exists()
    assert folder.pointed() == "0001"


def test_of_several_that_no_record_knows_the_last_is_taken_up(folder: ReprocessingFolder) -> None:
    records = published(folder, True)
    for number in range(9):
        make(folder, f"lost {number}")
        champion.publish(folder, records)
    champion.take_up(folder, records)
    assert (folder.challenger.path / "models/brt/bundle.json").read_text(encoding="utf-8") == '"lost 8"\n'
    assert folder.published() == [f"{number:04d}" for number in range(1, 10)]


def test_a_version_that_was_recorded_before_others_is_no_challenger(folder: ReprocessingFolder) -> None:
    """Of a ledger that lost a line in the middle."""
    records = published(folder, True, True, False)
    champion.set_right(folder, records[1:])
    assert folder.published() == ["0001", "0002", "0003"]


def test_a_champion_of_which_the_ledger_does_not_know_stays(folder: ReprocessingFolder) -> None:
    published(folder, True)
    with pytest.raises(RunError, match=r"names version 0001 as champion, of which .* put the ledger back from a copy"):
        champion.set_right(folder, [])
    assert (folder.published(), folder.pointed()) == (["0001"], "0001")


def test_a_damaged_pointer_is_set_right(folder: ReprocessingFolder) -> None:
    records = published(folder, True)
    for text in ("", "{", "[]", "null", "{}"):
        folder.pointer.write_text(text, encoding="utf-8")
        with pytest.raises(RunError, match=r"champion.json is damaged \(.*writes it anew from the ledger"):
            RunFolder.find(folder.path)
        champion.set_right(folder, records)
        assert folder.pointed() == "0001"


def test_a_pointer_to_what_is_gone_is_said(folder: ReprocessingFolder) -> None:
    published(folder, True, True)
    folder.version("0002").rename(folder.path / "elsewhere")
    with pytest.raises(
        RequestError, match=r"names version 0002 as champion.* take another champion of 0001: lineshape"
    ):
        RunFolder.find(folder.path)
