"""Runs are compared as models of one run are: on the same objects, with the uncertainty of their difference."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from lineshape.jobs import api
from tests.jobs.commands import here
from tests.jobs.toys import events, toy_job, toy_values, write_events

pytestmark = pytest.mark.processes

DEEPER = {"depth": 5, "rounds": 30}


@dataclass(frozen=True)
class Runs:
    """Two runs with trees of the same name, one with both of them, and one of other events."""

    first: Path
    second: Path
    both: api.Result
    others: Path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Runs:
    folder = tmp_path_factory.mktemp("compared")
    files = str(write_events(folder / "a.root", events(4000)))
    trees = toy_values(files)["models"]["brt"]

    def run(name: str, files: str, models: dict[str, Any]) -> api.Result:
        return api.run(toy_job(files, baseline="brt", models=models), folder / name, client)

    first = run("first", files, {"brt": trees})
    second = run("second", files, {"brt": trees | DEEPER})
    both = run("both", files, {"brt": trees, "deeper": trees | DEEPER})
    others = run("others", str(write_events(folder / "b.root", events(4000, 2))), {"brt": trees})
    return Runs(first.folder, second.folder, both, others.folder)


def test_differences_are_those_of_two_models_of_one_run(runs: Runs) -> None:
    status, out, _ = here("compare", str(runs.first), str(runs.second), "--json")
    assert status == 0
    found = {(each["figure"], each["by"], each["low"]): each for each in json.loads(out)}
    for figure, sign, ending in (("auc", "−", "_minus_baseline"), ("mean_rejection_background", "/", "_over_baseline")):
        row = runs.both.figure("deeper", f"{figure}{ending}")
        one = found[figure, "", None]
        assert one["sign"] == sign
        (relative,) = one["relative"]
        assert relative["value"] == pytest.approx(row.value, rel=1e-5)
        assert relative["uncertainty"] == pytest.approx(row.uncertainty, rel=1e-5)
        values = [runs.both.figure(model, figure).value for model in ("brt", "deeper")]
        assert [each["value"] for each in one["rows"]] == values
    assert ("efficiency_background", "pt", 50.0) in found


def test_of_other_events_there_is_no_difference(runs: Runs) -> None:
    status, out, _ = here("compare", str(runs.first), str(runs.others), "--json")
    assert status == 0
    assert {tuple(each["relative"]) for each in json.loads(out)} == {(None,)}


def test_the_screen_and_the_page_show_it(runs: Runs, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    status, out, _ = here("compare", str(runs.first), str(runs.second), "-o", str(page))
    assert status == 0
    line = next(line for line in out.splitlines() if re.search(r"brt\s+AUC\s", line))
    assert len(re.findall(r"\d ± \d", line)) == 3
    assert str(page) in out
    text = page.read_text(encoding="utf-8")
    assert "<th>second against first</th>" in text
    data = [json.loads(found) for found in re.findall(r'<script type="application/json" [^>]*>(.*?)</script>', text)]
    assert [curve["label"] for curve in data[0]["curves"]] == ["first", "second"]
    assert len(re.findall('data-plot="', text)) == len(data) > 2


def test_a_run_without_histograms_is_compared_by_its_figures(runs: Runs, tmp_path: Path) -> None:
    copy = shutil.copytree(runs.second, tmp_path / "second")
    shutil.rmtree(copy / "histograms")
    status, out, err = here("compare", str(runs.first), str(copy))
    assert status == 0
    assert "second is compared by its figures alone: no histograms in" in " ".join(err.split())
    assert re.search(r"brt +AUC .*–", out)


def test_what_cannot_be_compared_is_said(runs: Runs, finished: api.Result) -> None:
    for words, said in (
        ([str(runs.first)], "expected two runs or more to compare, found 1"),
        ([str(runs.first), str(runs.first)], "is given twice"),
        ([str(runs.first), "nosuch"], "nosuch"),
        ([str(runs.first), str(finished.folder)], "there is nothing to compare"),
    ):
        status, _, err = here("compare", *words)
        assert status == 2
        assert said in " ".join(err.split())
