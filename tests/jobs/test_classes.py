"""Classes come from samples, from groups of them and from conditions: the same as from a label in the file."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from distributed import Client
from jsonschema import Draft202012Validator

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.job.subjects import subjects_of
from lineshape.jobs import api
from lineshape.jobs.schema import schema
from tests.jobs.commands import here
from tests.jobs.toys import events, job_of, toy_values, write_events

PROCESSES = 5

pytestmark = pytest.mark.processes

CLASSES = {"signal": ["s"], "background": ["b1", "b2"]}
ROWS = 6000


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All events in one file with a label, and by sample: signal, and background in two halves."""
    folder = tmp_path_factory.mktemp("classes")
    branches = events(ROWS)
    signal, even = branches["label"] == 1, branches["event"] % 2 == 0
    write_events(folder / "all.root", branches)
    for name, rows in {"s": signal, "b1": ~signal & even, "b2": ~signal & ~even}.items():
        write_events(folder / f"{name}.root", {key: values[rows] for key, values in branches.items()})
    return folder


def values_of(files: Path, **changes: Any) -> dict[str, Any]:
    """A job of three samples, whose measure has no truth of its own."""
    values = toy_values("")
    tagging = {key: value for key, value in values["measures"]["tagging"].items() if key not in {"truth", "classes"}}
    samples = {name: {"tree": "tree", "files": [str(files / f"{name}.root")]} for name in ("s", "b1", "b2")}
    return values | {"samples": samples, "target": {"classes": CLASSES}, "measures": {"tagging": tagging}} | changes


@pytest.fixture(scope="module")
def labelled(files: Path, client: Client) -> api.Result:
    return api.run(api.Job.model_validate(toy_values(str(files / "all.root"))), files / "labelled", client)


@pytest.fixture(scope="module")
def by_sample(files: Path, client: Client) -> api.Result:
    return api.run(job_of(files, values_of(files)), files / "by_sample", client)


def test_figures_are_those_of_a_label(labelled: api.Result, by_sample: api.Result) -> None:
    """Of all samples together, figure by figure; of a sample alone there is no class to tell it from."""
    known = {(row.figure, row.by, row.low): row for row in labelled.rows if row.model == "d0"}
    found = {(row.figure, row.by, row.low): row for row in by_sample.rows if row.model == "d0"}
    assert {row.sample for row in by_sample.rows} == {"all"}
    assert found.keys() == known.keys()
    for key, row in found.items():
        assert (row.value, row.uncertainty, row.entries) == (
            known[key].value,
            known[key].uncertainty,
            known[key].entries,
        )
    assert by_sample.figure("brt", "auc").value == pytest.approx(labelled.figure("brt", "auc").value, abs=0.01)
    assert by_sample.figure("brt", "auc").value > 0.7, "the first of two classes is the one that models look for"


def test_the_schema_takes_them(files: Path) -> None:
    """In the short form, which editors see, and as the job is saved; not both a truth and classes."""
    values = values_of(files)
    validator = Draft202012Validator(schema())
    validator.validate(values)
    values["measures"]["tagging"] |= {"classes": CLASSES}
    validator.validate(values)
    validator.validate(json.loads(job_of(files, values).model_dump_json()))
    values["target"]["truth"] = "label"
    assert not validator.is_valid(values)


def test_the_report_shows_them_together(by_sample: api.Result) -> None:
    page = by_sample.page.read_text(encoding="utf-8")
    assert "<h3>all: tagging" in page
    assert "Nothing is measured" not in page
    assert "all_roc_background" in {plot.name for plot in by_sample.plots()}
    ((title, lines),) = by_sample.tables()
    assert title.startswith("all: tagging")
    assert lines[0][:2] == ["model", "AUC"]


def test_other_classes_read_no_file_and_train_anew(files: Path, by_sample: api.Result, client: Client) -> None:
    folder = RunFolder(by_sample.folder)
    before = {path: path.stat().st_mtime_ns for path in folder.features.rglob("*.parquet")}
    values = values_of(files, target={"classes": {"signal": ["s"], "background": ["b1"]}}, groups={"b": ["b1", "b2"]})
    job = job_of(files, values)
    with pytest.raises(RequestError, match="the classes that the job file defines are not those of the feature store"):
        api.train(job, folder.path, client)
    result = api.run(job, folder.path, client)
    assert {path: path.stat().st_mtime_ns for path in folder.features.rglob("*.parquet")} == before
    assert {row.sample for row in result.rows} == {"target_classes"}
    assert result.figure("brt", "auc").entries < by_sample.figure("brt", "auc").entries
    api.run(by_sample.job, folder.path, client)


def test_groups_are_measured_beside_their_samples(files: Path, tmp_path: Path, client: Client) -> None:
    """Counts of a group are those of its samples together; a measure may be of a group alone."""
    values = toy_values("") | {"samples": values_of(files)["samples"], "groups": {"b": ["b1", "b2"]}}
    tagging = values["measures"]["tagging"]
    values["measures"] = {"each": tagging, "together": tagging | {"samples": ["b"]}}
    values["models"].pop("brt")
    result = api.run(job_of(tmp_path, values), tmp_path / "run", client)
    rows = {
        (row.sample, row.measure): row for row in result.rows if (row.figure, row.by) == ("efficiency_background", "")
    }
    assert set(rows) == {("b", "each"), ("b1", "each"), ("b2", "each"), ("b", "together")}
    assert rows["b", "each"].entries == rows["b1", "each"].entries + rows["b2", "each"].entries
    assert vars(rows["b", "together"]) == vars(rows["b", "each"]) | {"measure": "together"}
    values["groups"] = {"b": ["b1", "s"]}
    other = api.run(job_of(tmp_path, values), tmp_path / "run", client)
    (row,) = (each for each in other.rows if (each.measure, each.figure, each.by) == ("together", "auc", ""))
    assert row.entries > 0, "a sample that joins a group is filled"


def test_conditions_and_samples(files: Path, tmp_path: Path, client: Client) -> None:
    """Classes of a column and of samples at once; a measure may have classes of its own."""
    parts = {
        "high": {"samples": ["s"], "where": {"pt": {"low": 40}}},
        "low": {"samples": ["s"], "where": {"pt": {"high": 40}}},
    }
    values = values_of(files, target={"classes": parts | {"rest": ["b1", "b2"]}})
    values["measures"]["tagging"] |= {"signal": "high", "classes": parts}
    values["models"].pop("brt")
    job = job_of(tmp_path, values)
    assert list(job.class_columns) == ["target_classes", "classes_of_tagging"]
    assert list(job.class_columns["target_classes"].parts) == ["high", "low", "rest"], "three are in order"
    result = api.run(job, tmp_path / "run", client)
    assert result.figure("d0", "auc", "s").entries > 0
    assert {row.sample for row in result.rows} == {"all", "s"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"target": {"classes": CLASSES, "truth": "label"}}, "target: it has both truth and classes"),
        (
            {"target": {"classes": {"signal": ["s"], "background": ["b3"]}}},
            "target.classes.background: 'b3' is not a sample of this job; nearest: b",
        ),
        ({"target": {"classes": {"signal": ["s"], "background": ["s", "b1"]}}}, "sample 's' is of"),
        ({"measures": {"response": {"kind": "response"}}}, "measures.response.truth: key 'truth' is missing"),
        ({"groups": {"s": ["b1"]}}, "groups.s: a sample has this name"),
        ({"groups": {"b": ["b1", "b4"]}}, "groups.b: 'b4' is not a sample of this job"),
        ({"target": {"classes": {"signal": ["s"]}}}, "at least 2 items"),
        (
            {"target": {"classes": {"signal": {"where": {"ptt": [1]}}, "b": ["s"]}}},
            "the processor makes no column 'ptt'; nearest: pt",
        ),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], said: str, files: Path, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump(values_of(files) | changes, sort_keys=False), encoding="utf-8")
    status, _, err = here("process", str(path))
    assert status == 2
    assert said in " ".join(err.split())


def test_a_group_of_the_job_file_keeps_its_name(files: Path, tmp_path: Path) -> None:
    job = job_of(tmp_path, values_of(files, groups={"all": ["b1", "b2"]}))
    members = subjects_of(job, ["s", "b1", "b2"]).members
    assert members["all"] == ("b1", "b2")
    assert members["target_classes"] == ("s", "b1", "b2")


def test_an_empty_class_is_named_with_the_reason(files: Path, tmp_path: Path) -> None:
    parts = {"signal": {"samples": ["s"], "where": {"pt": {"low": 1e4}}}, "background": ["b1"]}
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump(values_of(files, target={"classes": parts}), sort_keys=False), encoding="utf-8")
    status, _, err = here("run", str(path), "-o", str(tmp_path / "run"), "--workers", "1")
    assert status == 1
    assert "no measure gives a figure: no object has both an estimate and a true value" in " ".join(err.split())
    assert re.search(r"class signal has no training rows: s has \d,\d\d\d objects, of which none meets", err)


def test_a_row_of_two_classes_is_an_error(files: Path, tmp_path: Path) -> None:
    parts = {"signal": {"where": {"pt": {"low": 40}}}, "low": {"where": {"pt": {"high": 50}}}}
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump(values_of(files, target={"classes": parts}), sort_keys=False), encoding="utf-8")
    status, _, err = here("run", str(path), "-o", str(tmp_path / "run"), "--workers", "1")
    assert status == 1
    assert "are of two classes, such as" in " ".join(err.split())
