"""The command line as a user runs it: real processes, messages without tracebacks, exit statuses."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
import uproot
import yaml
from distributed import Client

from lineshape.engine.core.files import write_json
from lineshape.jobs import api, job_files
from tests.conftest import TREE
from tests.engine.stages.test_processing import DAMAGES
from tests.jobs.commands import here, on
from tests.jobs.nights import environment
from tests.jobs.toys import events, figures_alone, toy_values, write_events

PROCESSES = 4

pytestmark = pytest.mark.processes


def lineshape(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lineshape.jobs.cli.main", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
        timeout=300,
    )


def quickly(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The same in this process, which has what a command imports, and a process that workers are forked from."""
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "120")
        return subprocess.CompletedProcess(arguments, *here(*arguments))


def toy(folder: Path) -> Path:
    """A job file of a study of two models, without files."""
    path = folder / "toy.yaml"
    path.write_text(
        yaml.safe_dump(toy_values("none.root", measures=figures_alone()), sort_keys=False), encoding="utf-8"
    )
    return path


def test_stages_one_by_one(client: Client, tmp_path: Path) -> None:
    """Each stage alone reads what the one before it wrote; a repeat of everything makes nothing."""
    job, files = str(toy(tmp_path)), f"--sample=s={tmp_path}/data/*.root"
    for seed in range(2):
        write_events(tmp_path / "data" / f"{seed}.root", events(2000, seed))
    for arguments, said in (
        (("process", job, files), "processing"),
        (("train", job), "d0, brt made"),
        (("histogram", job), "histograms of 2 models on test events"),
        (("report", job), "figures"),
    ):
        result = quickly(*arguments, *on(client), folder=tmp_path)
        assert result.returncode == 0, result.stderr
        assert said in result.stderr
        assert "workers started; --dashboard shows what they do" in result.stderr
    assert "AUC" in result.stdout
    assert str(tmp_path / "runs" / "toy" / "report" / "index.html") in result.stdout
    again = lineshape("run", job, files, "--workers=1", folder=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "d0, brt kept" in again.stderr
    status = quickly("status", job, folder=tmp_path)
    assert "reporting" in status.stdout
    rows = json.loads(quickly("status", "toy", "--json", folder=tmp_path).stdout)
    assert {row["model"] for row in rows} == {"d0", "brt"}
    assert {"auc", "efficiency_signal"} <= {row["figure"] for row in rows}
    keys = ["sample", "model", "measure", "figure", "by", "low", "high", "value", "uncertainty", "unit", "entries"]
    assert all(
        list(row) == [*keys, "remark", "shown", "training_mean", "training_spread", "systematic"] for row in rows
    )


def test_the_address_of_the_dashboard_is_printed(client: Client, tmp_path: Path) -> None:
    write_events(tmp_path / "data" / "0.root", events(500, 0))
    files = f"--sample=s={tmp_path}/data/*.root"
    said = quickly("process", str(toy(tmp_path)), files, *on(client), "--dashboard", folder=tmp_path).stderr
    found = re.search(r"dashboard (http://127\.0\.0\.1:\d+)/status", said)
    assert found, said
    with urlopen(f"{found[1]}/health", timeout=30) as answer:
        assert answer.read() == b"ok"
    assert "--dashboard shows" not in said


def test_the_figures_of_a_finished_run(finished: api.Result, tmp_path: Path) -> None:
    run = shutil.copytree(finished.folder, tmp_path / "run")
    rows = json.loads(quickly("status", str(run), "--json", folder=tmp_path).stdout)
    assert {row["model"] for row in rows} == {"combined", "particle_flow", "brt", "dnn", "mdn"}
    assert {"mean", "median", "half_68", "half_95", "nll", "coverage_68"} <= {row["figure"] for row in rows}
    assert "68 % half-width" in quickly("report", str(run), folder=tmp_path).stdout


def test_a_model_is_exported_and_read_back(finished: api.Result, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="pip install 'lineshape[export]'")
    run, file = str(finished.folder), tmp_path / "dnn.json"
    done = quickly("export", run, "dnn", "--to", "lwtnn", "-o", str(file), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Read back on 10,000 rows" in done.stdout
    assert "the estimate of truthPtVis is the output times ptCombined" in done.stdout
    assert json.loads(file.read_text(encoding="utf-8"))["outputs"] == ["truthPtVis"]
    for model, to, said in (
        ("mdn", "lwtnn", "output sigmas is a softplus of the last layer"),
        ("combined", "onnx", "there is nothing to export"),
        ("brt", "onnx", "use --to onnx-trees"),
        ("mdm", "onnx", "nearest: mdn"),
        ("mdn", "lwtn", "expected one of lwtnn, onnx, onnx-trees, xgboost-json; nearest: lwtnn"),
    ):
        refused = quickly("export", run, model, "--to", to, folder=tmp_path)
        assert refused.returncode == 2
        assert said in " ".join(refused.stderr.split())
        assert "Traceback" not in refused.stderr


def test_export_names_what_there_is(tmp_path: Path) -> None:
    write_json(tmp_path / "runs" / "hadronic_recoil" / "job.json", {})
    for arguments, said in (
        (("hadronic_recoli", "dense", "--to", "onnx"), "there are hadronic_recoil; nearest: hadronic_recoil"),
        (("hadronic_recoil", "dense"), "--to is missing: expected one of lwtnn, onnx, onnx-trees, xgboost-json"),
    ):
        refused = quickly("export", *arguments, folder=tmp_path)
        assert refused.returncode == 2
        assert said in " ".join(refused.stderr.split())
    told = " ".join(quickly("--help", folder=tmp_path).stdout.replace("│", "").split())
    assert "needs lineshape[export]" in told
    assert "needs lineshape[search]" in told


def test_simulate_alone(client: Client, tmp_path: Path) -> None:
    changes = [f"--set=samples.gammatautau.simulate.{each}" for each in ("taus=1000", "files=2")]
    result = quickly("simulate", "tau_energy_scale", *changes, *on(client), folder=tmp_path)
    assert result.returncode == 0, result.stderr
    made = list((tmp_path / "runs").rglob("*.root"))
    assert len(made) == 2
    assert "gammatautau" in result.stdout


def test_studies(tmp_path: Path) -> None:
    result = quickly("studies", folder=tmp_path)
    assert "tau_energy_scale" in result.stdout
    assert "Tau energy scale" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("run", "tau_energy_scal"), 2, "nearest: tau_energy_scale"),
        (("run", "none.yaml"), 2, "no such job file"),
        (("run", "tau_energy_scale", "--sample=wrong"), 2, "expected NAME=VALUE"),
        (("run", "tau_energy_scale", "--set=models.brt.dept=3"), 2, "nearest: depth"),
        (("run", "tau_energy_scale", "--sample=x=none_*.root", "--workers=1"), 2, "no file matches"),
        (("run", "tau_energy_scale", "--sample=x=none.root", "--workers=1"), 2, "no such file"),
        (("run", "tau_energy_scale_physlite", "--workers=1"), 2, "give your files with --sample"),
        (("run", "tau_energy_scale", "--set=processor.maximum_ratios=3"), 2, "nearest: maximum_ratio"),
        (("run", "tau_energy_scale", "--set=samples.gammatautau.simulate.tau=3"), 2, "nearest: taus"),
        (("run", "tau_energy_scale", "--set=branches.ptCombind=x"), 2, "nearest: ptCombined"),
        (("run", "tau_energy_scale", "--set=title=[a"), 2, "not valid YAML"),
        (("run", sys.executable), 2, "expected YAML, and it is not text"),
        (("train", "tau_energy_scale", "--workers=1"), 2, "run 'lineshape process' first"),
        (("search", "tau_energy_scale", "brt", "--workers=1"), 2, "run 'lineshape process' first"),
        (("status", "tau_energy_scale"), 2, "no run in tau_energy_scale"),
    ],
)
def test_a_users_mistake_is_a_message(arguments: tuple[str, ...], status: int, message: str, tmp_path: Path) -> None:
    result = quickly(*arguments, folder=tmp_path)
    assert result.returncode == status
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr + result.stdout


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("slurmm", "nearest: slurm"),
        ("cluster.example:8786", "cannot load 'cluster.example:8786'"),
        ("tcp://cluster.example:8786", "is plain TCP"),
        ("none.json", "cannot read none.json"),
        ("no_such_package:Cluster", "cannot load 'no_such_package:Cluster'"),
        ("none.yaml", "--cluster none.yaml: no such file (working folder:"),
        ("job.yaml", "--cluster job.yaml: expected one section, 'cluster:', with a 'kind', as a job file has it"),
        ("typo.yaml", "typo.yaml, line 3: cluster.worker: unknown key 'worker'; nearest: workers"),
        ("bytes.yaml", "bytes.yaml: not a job file: expected YAML, and it is not text"),
        ("os:getcwd", "os:getcwd is no cluster of Dask: it gave a str"),
        ("pbs.yaml", "no command 'qsub' here: a cluster of kind 'pbs' is used on a machine that can submit jobs"),
    ],
)
def test_where_to_run_may_be_said(said: str, message: str, tmp_path: Path) -> None:
    """Each way of saying it comes to the kind of cluster that it means, which then says what is wrong."""
    (tmp_path / "job.yaml").write_text("cluster: {kind: pbs}\nstudy: mine\n", encoding="utf-8")
    (tmp_path / "typo.yaml").write_text("# mine\ncluster: {kind: pbs,\n  worker: 3}\n", encoding="utf-8")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "pbs.yaml").write_text("cluster: {kind: pbs, maximum: 3}\n", encoding="utf-8")
    done = quickly("simulate", "event_variables_mass", "--cluster", said, folder=tmp_path)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_run_that_loses_data_says_so_and_keeps_the_rest(client: Client, tmp_path: Path) -> None:
    whole = write_events(tmp_path / "whole.root", events(2000))
    (tmp_path / "bad.root").write_bytes(write_events(tmp_path / "2.root", events(2000, 2)).read_bytes()[:10_000])
    job, samples = str(toy(tmp_path)), [f"--sample=s={path}" for path in (whole, tmp_path / "bad.root")]
    result = quickly("run", job, *samples, *on(client), folder=tmp_path)
    assert result.returncode == 1
    assert "damaged or cut short" in result.stderr
    assert "are quarantined, more than 'tolerate: 0.0' allows" in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    folder = tmp_path / "runs" / "toy"
    assert "This result is partial" in (folder / "report" / "index.html").read_text(encoding="utf-8")
    tolerated = quickly("run", job, *samples, "--set=tolerate=0.6", *on(client), folder=tmp_path)
    assert tolerated.returncode == 0, tolerated.stderr


@pytest.mark.parametrize("name", DAMAGES)
def test_bad_input_at_the_command_line(name: str, ntuples: list[Path], client: Client, tmp_path: Path) -> None:
    damage, message = DAMAGES[name]
    bad = tmp_path / "bad.root"
    damage(ntuples[0], bad)
    result = quickly("process", "tau_energy_scale", f"--sample=ntuples={bad}", *on(client), folder=tmp_path)
    assert result.returncode in {1, 2}
    assert re.search(message, result.stderr)
    assert "Traceback" not in result.stderr + result.stdout


def test_a_wrong_request_leaves_a_finished_run_as_it_was(finished: api.Result, tmp_path: Path) -> None:
    shutil.copytree(finished.folder, tmp_path / "run")
    before = (tmp_path / "run" / "job.json").read_bytes()
    wrong = quickly("run", "tau_energy_scale", "-o", "run", "--sample=x=none.root", "--workers=1", folder=tmp_path)
    assert wrong.returncode == 2
    assert (tmp_path / "run" / "job.json").read_bytes() == before
    result = quickly("report", "run", folder=tmp_path)
    assert result.returncode == 0, result.stderr


def test_a_stage_that_fails_stands_in_the_ledger(finished: api.Result, client: Client, tmp_path: Path) -> None:
    shutil.copytree(finished.folder, tmp_path / "run")
    failing = ["--set=models.dnn.rate=1e30", "--set=models.dnn.clip=1e30"]
    assert quickly("train", "run", "-m", "dnn", *failing, *on(client), folder=tmp_path).returncode == 1
    status = quickly("status", "run", folder=tmp_path)
    assert "failed: training of dnn failed: the loss is not finite" in " ".join(status.stdout.split())


def test_feature_sets_are_named_by_numbers(finished: api.Result, client: Client, tmp_path: Path) -> None:
    shutil.copytree(finished.folder, tmp_path / "run")
    changes = ["--set=models.brt.features=19", "--set=models.brt.per=ptTauEnergyScale"]
    result = quickly("train", "run", "-m", "brt", *changes, *on(client), folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "brt made" in result.stderr


def test_interrupted(tmp_path: Path) -> None:
    """Ctrl-C reaches the whole process group; what was begun is not left half done."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lineshape.jobs.cli.main", "simulate", "tau_energy_scale", "--workers=1"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 150
    while not list(tmp_path.rglob("*.tmp")) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=150)
    assert process.returncode == 130
    assert "interrupted: run the same command again" in errors
    assert "Traceback" not in errors
    for path in tmp_path.rglob("*.root"):
        with uproot.open(path) as file:
            assert file[TREE].num_entries > 0


def test_genuine_files_through_all_stages(shared: Path, client: Client, tmp_path: Path) -> None:
    """14 taus of two releases against the figures pooled over 32 (reference): within three of our own uncertainties."""
    real = shared / "real"
    samples = [f"--sample=ttbar={real}/physlite_r2{release}_ttbar.root" for release in (1, 3)]
    samples += [f"--sample=zee={real}/physlite_r22_zee.root", f"--sample=aod={real}/aod_r21_three_events.root"]
    few = "--set=measures.response.by={}"
    result = quickly("run", "tau_energy_scale_physlite", *samples, few, *on(client), folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "model mdn left out" in result.stderr
    found = api.open_result(tmp_path / "runs" / "tau_energy_scale_physlite")
    for figure, pooled in (("median", 1.04), ("half_68", 0.063), ("half_95", 0.17)):
        row = found.figure("final", figure, sample="ttbar")
        assert row.entries == 14
        assert abs(row.value - pooled) < 3 * row.uncertainty
    assert not [row for row in found.rows if row.sample == "zee"]
    assert "Nothing is measured on this sample" in found.page.read_text(encoding="utf-8")


def test_result_in_a_notebook(finished: api.Result) -> None:
    text = finished._repr_html_()
    assert "mdn" in text
    assert "index.html" in text
    assert finished.figure("mdn", "half_68").value > 0
    assert api.open_result(finished.folder).rows == finished.rows
    assert set(api.studies()) == set(job_files.shipped())
