"""The wheel, installed elsewhere, runs a study: nothing of the checkout is missing from it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the unpacked wheel, as pip puts it on sys.path (the dependencies are those of this environment)."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("lineshape-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_everything_is_in_it(installed: Path) -> None:
    for layer in ("engine", "processors", "jobs"):
        there = {
            path.relative_to(ROOT / layer)
            for path in (ROOT / layer).rglob("*")
            if path.suffix in {".py", ".html", ".yaml", ".ipynb", ".jinja"}
        }
        packed = {
            path.relative_to(installed / "lineshape" / layer) for path in (installed / "lineshape" / layer).rglob("*")
        }
        assert there <= packed
        assert (installed / "lineshape" / layer / "py.typed").is_file()


def test_it_runs_the_study(installed: Path, tmp_path: Path) -> None:
    """In a folder that is not the checkout, with the wheel's modules before those of an editable install."""
    settings = [
        "samples.gammatautau.simulate.taus=8000",
        "samples.gammatautau.simulate.files=2",
        "models.brt.rounds=10",
        "models.dnn.epochs=1",
    ]
    settings += ["models.mdn.epochs=1", "measures.response.by={}", "split.test=0.2"]
    code = (
        "import sys, pathlib, lineshape.jobs.cli.main as cli;"
        f"assert pathlib.Path(cli.__file__).is_relative_to({str(installed)!r}), cli.__file__; cli.main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, "run", "tau_energy_scale", "--workers=1", *(f"--set={item}" for item in settings)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "runs" / "tau_energy_scale" / "report" / "index.html").is_file()
    assert "mdn" in result.stdout
