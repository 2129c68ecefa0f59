"""Scheduled reprocessing, run by run: what is refused, foreseen, promoted and rolled back."""

import hashlib
import json
import os
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from lineshape import jobs
from lineshape.engine.core import ledger
from lineshape.engine.core.errors import BusyError, IncompleteRunError, RequestError, RunError
from lineshape.engine.core.files import write_json
from lineshape.engine.core.lock import Holder, held
from lineshape.engine.core.run_folder import ReprocessingFolder, RunFolder
from lineshape.engine.execution.progress import Screen
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.job import Job
from lineshape.engine.reprocessing.champion import champion_of
from lineshape.engine.reprocessing.comparison import criterion_of
from lineshape.engine.reprocessing.dry_run import describe
from lineshape.engine.reprocessing.reprocess import roll_back
from lineshape.engine.reprocessing.run_record import read_runs
from lineshape.jobs import api
from lineshape.jobs.cli.reprocess import summary
from tests.conftest import small_job
from tests.jobs.commands import here
from tests.jobs.nights import called, called_here, small_study, write_taus

PROCESSES = 3

pytestmark = pytest.mark.processes


@pytest.fixture(scope="session")
def two_nights(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Path:
    """A job, three files and then a fourth: two versions, of which the second is champion whatever it is worth."""
    root = tmp_path_factory.mktemp("nights")
    (root / "data").mkdir()
    job = small_study(root / "job.yaml", f"{root}/data/*.root", reprocess={"grown": 0.3, "promote": "always"})
    for number in range(4):
        write_taus(root / "data" / f"{number}.root", number)
        if number > 1:
            jobs.reprocess(job, root / "study", client)
    return root


@pytest.fixture
def nights(two_nights: Path, tmp_path: Path) -> tuple[Path, ReprocessingFolder]:
    """A copy of it, to be changed: its job file and its folder. The files stay where they are."""
    shutil.copytree(two_nights / "study", tmp_path / "study")
    return two_nights / "job.yaml", ReprocessingFolder(tmp_path / "study")


def contents(folder: Path) -> dict[str, tuple[str, int]]:
    """Digest and time of change of all files."""
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_two_nights(two_nights: Path) -> None:
    folder = ReprocessingFolder(two_nights / "study")
    first, second = ledger.read(folder.ledger)
    assert (first["version"], first["champion"]) == ("0001", "0001")
    assert (second["version"], second["champion"]) == ("0002", "0002")
    assert second["decision"]["reason"] == "every challenger is promoted (promote: always)"
    assert second["comparison"]["champion"] == "0001"
    assert second["comparison"]["uncertainty"] > 0
    assert [file["state"] for file in second["files"]["new"]] == ["processed"]
    assert second["files"]["new"][0]["uuid"]
    page = folder.latest.page.read_text(encoding="utf-8")
    for said in ("Champion 0001", "Challenger takes its place", "population stability index"):
        assert said in " ".join(page.replace("<em>", "").split()) or said.lower() in page.lower()
    summary = api.open_result(folder.path)
    assert summary.folder == folder.version("0002")
    assert {row.model for row in summary.rows} == {"brt"}


def test_nothing_to_do_starts_no_cluster_and_leaves_all_as_it_is(nights: tuple[Path, ReprocessingFolder]) -> None:
    job, folder = nights
    before = contents(folder.versions) | contents(folder.latest.report)
    record = jobs.reprocess(
        api.load(job, None, {"cluster": {"kind": "facility", "cluster": "no.such:Cluster"}}), folder.path
    )
    assert (record["status"], record["text"]) == ("nothing", "nothing to do")
    assert contents(folder.versions) | contents(folder.latest.report) == before
    assert len(ledger.read(folder.ledger)) == 3


def test_a_dry_run_changes_nothing(nights: tuple[Path, ReprocessingFolder], tmp_path: Path) -> None:
    job, folder = nights
    before = contents(folder.path)
    data = tmp_path / "data"
    shutil.copytree(job.parent / "data", data)
    (data / "0.root").unlink()
    write_taus(data / "9.root", 9)
    changes = {"samples.taus.files": [f"{data}/*.root", str(job.parent / "data" / "[12].root")]}
    found = describe(api.load(job, None, changes), folder.path)
    assert found.would.files == {"new": 4, "vanished": 2}
    assert found.would.train == ["train if the new files bring the new objects from 0% to 30%"]
    changed = describe(api.load(job, None, {"models.brt.depth": 3, "processor.maximum_ratio": 20}), folder.path)
    assert changed.would.train == [
        "train: the processor's code or settings changed",
        "train: code or settings of brt changed",
    ]
    assert asdict(describe(api.load(job), folder.path).would) == {"files": {}, "train": []}
    assert contents(folder.path) == before
    status, told, said = called_here(tmp_path, "reprocess", str(job), "-o", "nowhere", "--dry-run")
    assert (status, told["would"]["files"]) == (0, {"new": 4})
    assert "would: train: nothing was trained before" in said
    assert not (tmp_path / "nowhere").exists()


def test_a_second_run_exits_at_once_with_75(nights: tuple[Path, ReprocessingFolder]) -> None:
    job, folder = nights
    before = ledger.read(folder.ledger)
    with held(folder.lock):
        for call, changes in ((called, ()), (called_here, ("--set", "models.brt.depth=2"))):
            status, told, said = call(folder.path.parent, "reprocess", str(job), *changes, "-o", str(folder.path))
            assert (status, told["status"]) == (75, "busy")
            assert f"is held by process {os.getpid()} on" in " ".join(said.split())
    assert ledger.read(folder.ledger) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--set", "reprocess.promote=mostly"), "Input should be 'better', 'not_worse', 'always' or 'never'"),
        (("--set", "reprocess.grow=1"), "unknown key 'grow'; nearest: grown"),
        (("--set", "reprocess.model=btr"), "expected one of brt; nearest: brt"),
        (("--set", "reprocess.measure=density"), "expected one of response"),
        (("--set", "reprocess.figure=half_86_over_baseline"), "nearest: half_68_over_baseline"),
        (("--set", "reprocess.sample=tau"), "reprocess.sample: 'tau' is not a sample; nearest: taus"),
        (("--sample", "taus=none_*.root"), "no file matches none_*.root"),
    ],
)
def test_a_users_mistake(arguments: tuple[str, ...], said: str, two_nights: Path, tmp_path: Path) -> None:
    status, told, printed = called_here(tmp_path, "reprocess", str(two_nights / "job.yaml"), *arguments)
    assert (status, told["status"], told["job"]) == (2, "refused", str(two_nights / "job.yaml"))
    assert said in " ".join(printed.split())


def test_the_folder_of_a_run_is_left_alone(
    tmp_path: Path, nights: tuple[Path, ReprocessingFolder], client: Client
) -> None:
    job, folder = nights
    write_json(tmp_path / "run" / "job.json", {})
    with pytest.raises(RequestError, match="is the folder of an ordinary run: name another folder with -o"):
        jobs.reprocess(job, tmp_path / "run", client)
    with pytest.raises(RequestError, match="belongs to scheduled reprocessing: name another folder with -o"):
        jobs.run(job, folder.path, client)


def test_a_rollback_stays(nights: tuple[Path, ReprocessingFolder], client: Client) -> None:
    """The version that was left is not made again, nor promoted, though every challenger would be."""
    job, folder = nights
    done = roll_back(folder)
    assert (done.champion, done.text, folder.pointed()) == ("0001", "rolled back from 0002", "0001")
    record = jobs.reprocess(job, folder.path, client)
    assert (record["text"], record["champion"]) == ("the champion on the data of now", "0001")
    assert "training" not in record
    assert jobs.reprocess(job, folder.path, client)["status"] == "nothing"
    with pytest.raises(RequestError, match="there is no champion before 0001"):
        roll_back(folder)
    assert roll_back(folder, "0002").champion == "0002"
    assert champion_of(read_runs(folder.ledger)) == folder.pointed() == "0002"


def test_a_challenger_that_was_turned_down_is_not_made_again(
    nights: tuple[Path, ReprocessingFolder], client: Client
) -> None:
    job, folder = nights
    worse = api.load(job, None, {"models.brt.depth": 12, "models.brt.rate": 1, "reprocess.promote": "better"})
    first = jobs.reprocess(worse, folder.path, client)
    assert (first["version"], first["champion"]) == ("0003", "0002")
    assert first["training"]["reasons"] == ["code or settings of brt changed"]
    assert first["comparison"]["significance"] < -2
    assert jobs.reprocess(worse, folder.path, client)["status"] == "nothing"


def test_only_what_is_new_is_measured(
    nights: tuple[Path, ReprocessingFolder], tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The champion on new files; and a challenger that was promoted not again as champion."""
    monkeypatch.setattr("lineshape.engine.stages.histogramming.stage.GROUP_ROWS", 1)  # each shard is a group

    def measured(**changes: object) -> dict[Path, int]:
        values = {
            "samples.taus.files": [f"{job.parent}/data/*.root", *map(str, sorted(tmp_path.glob("*.root")))]
        } | changes
        assert jobs.reprocess(api.load(job, None, values), folder.path, client)["status"] == "done"
        return {path: path.stat().st_mtime_ns for path in (folder.latest.histograms / "parts").iterdir()}

    job, folder = nights
    few: dict[str, object] = {"reprocess.grown": 10}
    first = measured(**few)
    shards = len(FeatureStore.load(folder.latest.features).shards)
    assert len(first) == shards
    write_taus(tmp_path / "new.root", 8)
    second = measured(**few, **{"models.brt.depth": 3})
    assert champion_of(read_runs(folder.ledger)) == "0003"
    now = len(FeatureStore.load(folder.latest.features).shards)
    assert now > shards
    assert len(second) == 2 * now
    assert first.items() <= second.items()
    write_taus(tmp_path / "newer.root", 9)
    third = measured(**few, **{"models.brt.depth": 3})
    assert len(third) == len(FeatureStore.load(folder.latest.features).shards)
    assert len(third.items() & second.items()) == len(third.keys() & second.keys()) == now
    assert not third.keys() & first.keys()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"split.test": 0.4, "reprocess.model": "brt"}, "the split changed since"),
        ({"reprocess.model": "other"}, "it has no model other"),
    ],
)
def test_what_cannot_be_compared_is_said_and_not_promoted(
    changes: dict[str, Any], problem: str, nights: tuple[Path, ReprocessingFolder], client: Client
) -> None:
    job, folder = nights
    values = api.load(job, None, {"reprocess.promote": "better"}).model_dump(mode="json")
    values["models"]["other"] = values["models"]["brt"]
    changed = Job.model_validate(values)
    path = folder.path.parent / "changed.json"
    path.write_text(changed.model_dump_json(), encoding="utf-8")
    record = jobs.reprocess(api.load(path, None, changes), folder.path, client)
    made = {name: (folder.version("0003") / "models" / name / "bundle.json").read_text() for name in ("brt", "other")}
    before = (folder.version("0002") / "models" / "brt" / "bundle.json").read_text()
    assert (made["brt"] == before) == ("split.test" not in changes)  # a model that would be the same is kept
    assert record["champion"] == "0002"
    assert record["comparison"]["value"] is None
    assert problem in record["decision"]["reason"]
    assert record["drift"] == {"problem": "the champion cannot be measured on the data of now"}
    assert "Nor is the drift of its features known" in folder.latest.page.read_text(encoding="utf-8")
    assert "cannot be measured on the data of now" in folder.latest.page.read_text(encoding="utf-8")


def test_a_champion_whose_columns_are_gone(nights: tuple[Path, ReprocessingFolder], client: Client) -> None:
    job, folder = nights
    values = json.loads((folder.version("0002") / "models" / "brt" / "bundle.json").read_text(encoding="utf-8"))
    columns = [name for name in values["features"] if name != "mu"]
    changes = {"reprocess.promote": "not_worse", "processor.kind": "tests.jobs.without_mu:WithoutMu"}
    record = jobs.reprocess(api.load(job, None, {**changes, "models.brt.features": columns}), folder.path, client)
    assert record["champion"] == "0002"
    assert "it needs what the processor no longer makes: no column 'mu'" in record["decision"]["reason"]


def spoil(folder: ReprocessingFolder, version: str) -> Path:
    """Cut a model of a version short, as a disk may."""
    model = next((folder.version(version) / "models" / "brt").glob("*.ubj"))
    model.chmod(0o644)
    model.write_bytes(model.read_bytes()[:-1])
    return model


def test_a_spoilt_champion_is_not_used(nights: tuple[Path, ReprocessingFolder], client: Client) -> None:
    """It stays, as no challenger can be compared with it, until a person says what is to be."""
    job, folder = nights
    model = spoil(folder, "0002")
    changed = api.load(job, None, {"models.brt.depth": 3, "reprocess.promote": "better"})
    record = jobs.reprocess(changed, folder.path, client)
    said = f"champion 0002 cannot be measured: version 0002 is not what was published: models/brt/{model.name} in"
    assert (record["status"], record["version"], record["champion"]) == ("done", "0003", "0002")
    assert "it cannot be compared with 0002" in record["decision"]["reason"]
    assert "It cannot be measured on the data of now" in folder.latest.page.read_text(encoding="utf-8")
    quiet = jobs.reprocess(changed, folder.path, client)
    for night in (record, quiet):
        assert said in night["problem"]
        assert f": lineshape ledger rollback {folder.path} VERSION" in night["problem"]
        assert "version 0003 could not be compared with champion 0002: a person decides" in night["problem"]
        assert summary(night.record, 0)["problem"] == night["problem"]
    assert quiet["status"] == "nothing"
    assert "take another champion of 0001, 0003: lineshape" in quiet["problem"]
    roll_back(folder, "0003")
    assert "problem" not in jobs.reprocess(changed, folder.path, client)


def test_a_spoilt_champion_without_another_version_is_replaced_on_request(
    two_nights: Path, tmp_path: Path, client: Client
) -> None:
    """Its model is trained anew from the same, not copied from what is spoilt."""
    job, folder = two_nights / "job.yaml", ReprocessingFolder(tmp_path / "study")
    samples, as_told = {"taus": [str(two_nights / "data" / "[01].root")]}, {"reprocess.promote": "always"}
    careful = api.load(job, samples, {"reprocess.promote": "better"})
    jobs.reprocess(careful, folder.path, client)
    whole = next((folder.version("0001") / "models" / "brt").glob("*.ubj")).read_bytes()
    spoil(folder, "0001")
    assert "--set reprocess.promote=always" in jobs.reprocess(careful, folder.path, client)["problem"]
    record = jobs.reprocess(api.load(job, samples, as_told), folder.path, client)
    assert (record["version"], record["champion"]) == ("0002", "0002")
    assert record["training"]["reasons"] == ["champion 0001 is damaged"]
    assert next((folder.version("0002") / "models" / "brt").glob("*.ubj")).read_bytes() == whole
    assert jobs.reprocess(api.load(job, samples, as_told), folder.path, client)["status"] == "nothing"


def test_old_versions_are_removed(nights: tuple[Path, ReprocessingFolder], client: Client) -> None:
    job, folder = nights
    record = jobs.reprocess(api.load(job, None, {"models.brt.depth": 3, "reprocess.keep": 1}), folder.path, client)
    assert (record["champion"], record["removed"]) == ("0003", ["0001"])
    assert folder.published() == ["0002", "0003"]
    with pytest.raises(RunError, match="version 0001 is not there any more: take another champion of 0002, 0003"):
        roll_back(folder, "0001")
    assert roll_back(folder).champion == "0002"


def test_a_version_may_be_removed_by_hand(nights: tuple[Path, ReprocessingFolder], client: Client) -> None:
    """The last that was trained: nights go on, by the number of rows that it was trained on."""
    job, folder = nights
    roll_back(folder)
    old = folder.version("0002")
    for path in (old, *old.rglob("*")):
        path.chmod(0o755)
    shutil.rmtree(old)
    assert describe(api.load(job), folder.path).would.train == []
    assert jobs.reprocess(job, folder.path, client)["champion"] == "0001"
    assert jobs.reprocess(api.load(job, None, {"models.brt.depth": 3}), folder.path, client)["version"] == "0003"


def test_a_model_that_has_too_few_rows_is_left_out(tmp_path: Path, two_nights: Path, client: Client) -> None:
    changes = {"models.brt.minimum_entries": 100_000}
    record = jobs.reprocess(api.load(two_nights / "job.yaml", None, changes), tmp_path / "study", client)
    assert "are too few: expected at least 100,000" in record["training"]["left_out"]
    assert record["champion"] is None
    assert "version" not in record
    assert (
        jobs.reprocess(api.load(two_nights / "job.yaml", None, changes), tmp_path / "study", client)["status"]
        == "nothing"
    )


def test_a_run_that_lost_its_lock_publishes_nothing(nights: tuple[Path, ReprocessingFolder], client: Client) -> None:
    """Another run takes over while the training goes on."""
    job, folder = nights
    other = json.dumps(asdict(replace(Holder.here(), host="elsewhere", token="another")))

    class TakingOver(Screen):
        """What a run tells of its progress is the moment at which it loses its lock."""

        def done(self, stage: str, text: str, seconds: float) -> None:
            if stage == "training":
                folder.lock.write_text(other, encoding="utf-8")

    with pytest.raises(BusyError, match="it stops before it publishes anything"):
        jobs.reprocess(api.load(job, None, {"models.brt.depth": 3}), folder.path, client, TakingOver())
    assert folder.published() == ["0001", "0002"]
    assert len(ledger.read(folder.ledger)) == 2
    assert folder.lock.read_text(encoding="utf-8") == other
    folder.lock.unlink()
    assert jobs.reprocess(api.load(job, None, {"models.brt.depth": 3}), folder.path, client)["version"] == "0003"


def test_the_ledger_is_shown(nights: tuple[Path, ReprocessingFolder], monkeypatch: pytest.MonkeyPatch) -> None:
    _, folder = nights
    monkeypatch.chdir(folder.path.parent)
    monkeypatch.setenv("COLUMNS", "120")
    status, table, _ = here("ledger", "study")
    assert status == 0
    assert "0001 promoted: there was no champion" in table
    assert json.loads(here("ledger", "study", "--json")[1]) == ledger.read(folder.ledger)
    assert "champion: 0001 (rolled back from 0002)" in here("ledger", "rollback", "study")[1]
    for arguments, said in (
        (("rollback", "study", "0009"), "no version '0009'"),
        (("studi",), "nothing was reprocessed in studi"),
        (("a", "b"), "expected FOLDER, or rollback FOLDER [VERSION]"),
    ):
        status, _, refused = here("ledger", *arguments)
        assert status == 2
        assert said in " ".join(refused.split())
        assert "Traceback" not in refused


def test_shipped_studies_need_no_section_of_their_own() -> None:
    for name, judged in {
        "tau_energy_scale": ("mdn", "response", "half_68_over_baseline", "lower"),
        "tau_muons": None,
        "hadronic_recoil": None,
        "event_variables_mass": None,
    }.items():
        criterion = criterion_of(api.load(name))
        if judged:
            assert (criterion.model, criterion.measure, criterion.figure, criterion.better) == judged
    assert criterion_of(small_job(["x.root"])).model == "mdn"


def test_the_champion_is_a_run_like_any_other(nights: tuple[Path, ReprocessingFolder]) -> None:
    _, folder = nights
    assert RunFolder.find(folder.path) == RunFolder(folder.version("0002"))
    assert {row.model for row in api.open_result(folder.version("0001")).rows} == {"brt"}


def test_paths_do_not_depend_on_where_workers_are(
    two_nights: Path, tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the local cluster were started in another folder than this process is in now."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(two_nights / "data")
    job = api.load(two_nights / "job.yaml", {"taus": ["data/[01].root"]})
    record = jobs.reprocess(job, client=client)
    folder = ReprocessingFolder(tmp_path / "reprocessing" / job.study)
    assert (record["status"], record["champion"]) == ("done", "0001")
    assert len(list(folder.features.rglob("taus/*.parquet"))) == len(FeatureStore.load(folder.features).shards)
    assert jobs.reprocess(job, client=client)["status"] == "nothing"


def test_features_of_which_no_drift_is_known_are_named(nights: tuple[Path, ReprocessingFolder], client: Client) -> None:
    job, folder = nights
    changes = {"reprocess.promote": "never", "processor.kind": "tests.jobs.wider_mu:WiderMu"}
    record = jobs.reprocess(api.load(job, None, changes), folder.path, client)
    assert record["champion"] == "0002"
    assert record["drift"]["left_out"] == {"mu": "its control histogram has another axis now"}
    assert record["drift"]["worst"]
    page = folder.latest.page.read_text(encoding="utf-8")
    assert "Drift is not known of mu" in page
    assert "Drift of mu is not known: its control histogram has another axis now." in page


class Heard(Screen):
    """Keeps what it warns of."""

    def warn(self, text: str) -> None:
        self.heard = [*getattr(self, "heard", []), text]


def test_a_night_that_is_incomplete_gathers_no_logs(two_nights: Path, tmp_path: Path, client: Client) -> None:
    """No worker failed: what is wrong is a file."""
    (tmp_path / "spoilt.root").write_bytes(b"nothing of use")
    samples = {"taus": [str(two_nights / "data" / "0.root"), str(tmp_path / "spoilt.root")]}
    screen = Heard()
    with pytest.raises(IncompleteRunError):
        jobs.reprocess(api.load(two_nights / "job.yaml", samples), tmp_path / "study", client, screen)
    assert any("quarantined" in text for text in screen.heard)
    assert not any("what the workers said" in text for text in screen.heard)


def test_a_night_shows_itself(nights: tuple[Path, ReprocessingFolder], client: Client) -> None:
    job, folder = nights
    record = jobs.reprocess(job, folder.path, client)
    assert record == ledger.read(folder.ledger)[-1]
    assert repr(record).splitlines()[:3] == ["status: nothing", "what: nothing to do", "champion: 0002"]
    assert f"Run 3 of {folder.path}" in record._repr_html_()
    assert str(folder.latest.page) in record._repr_html_()


def test_the_ledger_names_a_line_that_is_no_record(nights: tuple[Path, ReprocessingFolder]) -> None:
    _, folder = nights
    with folder.ledger.open("a") as file:
        file.write('{"note": "of mine"}\n')
    status, _, said = here("ledger", str(folder.path))
    assert status == 1
    assert "ledger.jsonl, line 3: expected a record of reprocessing, found" in " ".join(said.split())
    assert "Traceback" not in said
