"""The examples of schedules: what runs them accepts them where it is installed, and their commands are ours."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from lineshape.jobs.cli.main import app

PROCESSES = 14

pytestmark = pytest.mark.processes

FOLDER = Path(__file__).parents[2] / "deploy" / "schedules"
COMMAND = re.compile(r"lineshape reprocess [^\n>|&]+")


def read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def settings(name: str) -> dict[str, str]:
    """`key = value` lines of a submit file or a unit."""
    pairs = [line.split("=", 1) for line in read(name).splitlines() if "=" in line and not line.startswith("#")]
    return {key.strip(): value.strip() for key, value in pairs}


def command_in(name: str) -> str:
    """The one command that an example runs."""
    if name == "cronjob.yaml":
        return shlex.join(container()["command"])
    code = "\n".join(line.partition(" #")[0] for line in read(name).splitlines() if not line.startswith("#"))
    (found,) = COMMAND.findall(code)
    return found.strip()


def container() -> dict[str, Any]:
    job = yaml.safe_load(read("cronjob.yaml"))
    (only,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = only
    return found


@pytest.mark.parametrize(
    "name",
    ["crontab", "lineshape-reprocess.service", "reprocess.sub", "cronjob.yaml", "gitlab-ci.yml", "reprocess.slurm"],
)
def test_the_command_is_one_that_there_is(name: str) -> None:
    program, subcommand, *arguments = shlex.split(command_in(name))
    assert (program, subcommand) == ("lineshape", "reprocess")
    parsed = typer.main.get_command(app).commands[subcommand].make_context(subcommand, arguments)  # type: ignore[attr-defined]
    assert parsed.params["job"] == "job.yaml"


def test_every_example_is_in_the_table() -> None:
    table = read("README.md")
    for path in FOLDER.iterdir():
        if path.name != "README.md":
            assert path.name.removeprefix("lineshape-reprocess") in table


@pytest.mark.parametrize(("status", "mail"), [(0, ""), (75, ""), (1, "what went wrong\n"), (2, "what went wrong\n")])
def test_cron_mails_only_what_matters(status: int, mail: str, tmp_path: Path) -> None:
    """The line of the crontab, run as cron does, with a stand-in for the command that ends so."""
    (line,) = [line for line in read("crontab").splitlines() if line[:1].isdigit()]
    *when, command = line.split(maxsplit=5)
    assert when == ["10", "2", "*", "*", "*"]
    stand_in(tmp_path / "lineshape", f"echo '{{}}'; echo what went wrong >&2; exit {status}")
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(
        ["/bin/sh", "-c", command.replace("/data/calibration", str(tmp_path))],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.stdout == mail
    assert (tmp_path / "nights.jsonl").read_text(encoding="utf-8") == "{}\n"


def stand_in(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def slurm_script(tmp_path: Path, lineshape: str) -> Path:
    """The script with its paths in a folder, and stand-ins for what it calls."""
    stand_in(tmp_path / "sbatch", f'echo "$@" >> {tmp_path}/handed_in')
    stand_in(tmp_path / "lineshape", lineshape)
    script = tmp_path / "reprocess.slurm"
    text = (
        read("reprocess.slurm").replace("/data/calibration", str(tmp_path)).replace("/opt/lineshape/bin", str(tmp_path))
    )
    script.write_text(text, encoding="utf-8")
    return script


@pytest.mark.parametrize(("status", "ends"), [(0, 0), (75, 0), (1, 1)])
def test_slurm_hands_itself_in_again_and_tells_how_it_ended(status: int, ends: int, tmp_path: Path) -> None:
    script = slurm_script(tmp_path, f"echo '{{}}'; exit {status}")
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", str(script)], cwd=tmp_path, check=False, env=environment)
    assert done.returncode == ends
    (handed_in,) = (tmp_path / "handed_in").read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(rf"--begin=\d{{4}}-\d\d-\d\dT02:10 {re.escape(str(script))}", handed_in)


def test_slurm_passes_the_signal_on(tmp_path: Path) -> None:
    """Five minutes before the end the run is told, and the job waits for it."""
    script = slurm_script(tmp_path, "trap 'echo ended in order > told; exit 143' TERM; touch ready; sleep 60 & wait")
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    process = subprocess.Popen(["bash", str(script)], cwd=tmp_path, env=environment)
    while not (tmp_path / "ready").exists():
        assert process.poll() is None
    process.terminate()
    assert process.wait(30) == 143
    assert (tmp_path / "told").read_text(encoding="utf-8") == "ended in order\n"


def test_slurm_runs_one_at_a_time() -> None:
    options = dict(re.findall(r"^#SBATCH --([a-z-]+)=(\S+)", read("reprocess.slurm"), re.MULTILINE))
    assert options["dependency"] == "singleton"
    assert {"job-name", "time", "signal", "open-mode"} <= options.keys()


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    for path in FOLDER.glob("lineshape-reprocess.*"):
        text = path.read_text(encoding="utf-8")
        # It looks whether the program is there.
        text = text.replace("/opt/lineshape/bin/lineshape", "/bin/true").replace("/data/calibration", str(tmp_path))
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    units = sorted(map(str, tmp_path.glob("lineshape-reprocess.*")))
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    when = settings("lineshape-reprocess.timer")["OnCalendar"]
    told = subprocess.run(["systemd-analyze", "calendar", when], capture_output=True, text=True, check=True)
    assert "02:10:00 UTC" in told.stdout
    assert settings("lineshape-reprocess.timer")["Persistent"] == "true"
    assert settings("lineshape-reprocess.service")["SuccessExitStatus"] == "75"


def test_kubernetes_accepts_the_cronjob() -> None:
    job = yaml.safe_load(read("cronjob.yaml"))
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    assert job["spec"]["jobTemplate"]["spec"]["backoffLimit"] == 0
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    validate.validate(job, "1.30", strict=True)


def test_crondor_has_a_window() -> None:
    """Else a job that missed its minute is held."""
    keys = settings("reprocess.sub")
    assert {"cron_minute", "cron_hour", "cron_window", "cron_prep_time"} <= keys.keys()
    assert keys["on_exit_remove"] == "false"
    assert read("reprocess.sub").rstrip().endswith("queue")


def test_htcondors_own_parser_reads_the_submit_file(tmp_path: Path) -> None:
    """In a process of its own: it looks for a configuration when it is imported."""
    if not importlib.util.find_spec("htcondor2"):
        pytest.skip("HTCondor's bindings are not installed: pip install htcondor")
    code = "import htcondor2, sys; print(dict(htcondor2.Submit(sys.stdin.read()))['arguments'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=read("reprocess.sub"),
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"CONDOR_CONFIG": "/dev/null"},
    )
    quoted = shlex.split(done.stdout.strip().strip('"'))
    assert quoted[0] == "-c"
    assert quoted[1].startswith("exec /opt/lineshape/bin/lineshape reprocess job.yaml >> nights.jsonl")


def test_the_pipeline_is_yaml_and_runs_on_schedule_alone() -> None:
    job = yaml.safe_load(read("gitlab-ci.yml"))["reprocess"]
    assert job["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "schedule"'}]
    assert job["resource_group"]
    assert job["allow_failure"] == {"exit_codes": 75}
