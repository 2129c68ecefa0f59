"""The wheel, installed elsewhere, has all modules and works: nothing of the checkout is missing from it."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROCESSES = 5

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.processes

#: Models of the study that are columns of its files.
COLUMNS = {"combined": "ptCombined", "particle_flow": "ptPanTauCellBased"}


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
            if path.suffix in {".py", ".html", ".js", ".pyi", ".yaml", ".ipynb", ".jinja"}
        }
        packed = {
            path.relative_to(installed / "lineshape" / layer) for path in (installed / "lineshape" / layer).rglob("*")
        }
        assert there <= packed
        assert (installed / "lineshape" / layer / "py.typed").is_file()


def in_the_wheel(code: str, installed: Path, folder: Path, *words: str) -> str:
    """Run Python in a folder that is not the checkout, with the wheel's modules before those of an editable install."""
    result = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_every_module_is_imported(installed: Path, tmp_path: Path) -> None:
    code = f"""
import pathlib, pkgutil
from importlib import import_module
from lineshape import engine, jobs, processors
for package in (engine, jobs, processors):
    assert pathlib.Path(package.__file__).is_relative_to({str(installed)!r}), package.__file__
    for module in pkgutil.walk_packages(package.__path__, f"{{package.__name__}}."):
        if module.name != "lineshape.engine.clusters.preload":  # which changes the process that imports it
            import_module(module.name)
            print(module.name)
"""
    names = in_the_wheel(code, installed, tmp_path).split()
    assert len(names) > 250
    assert {"lineshape.engine.running.run", "lineshape.jobs.simulate.families.pythia"} <= set(names)


@pytest.mark.drill
def test_it_runs_a_study(installed: Path, tmp_path: Path) -> None:
    """To its report, with the quantities that are in the files and trees."""
    models = {name: {"kind": "column", "column": column} for name, column in COLUMNS.items()}
    models["brt"] = {"kind": "boosted_trees", "features": "20", "rounds": 10}
    settings = [
        "samples.gammatautau.simulate.taus=4000",
        "samples.gammatautau.simulate.files=1",
        "measures.response.by={}",
        "claims={}",
        "search={}",
        f"models={json.dumps(models)}",
    ]
    code = "import lineshape.jobs.cli.main as cli; cli.main()"
    words = ["run", "tau_energy_scale", "--workers=1", *(f"--set={item}" for item in settings)]
    assert "brt" in in_the_wheel(code, installed, tmp_path, *words)
    assert (tmp_path / "runs" / "tau_energy_scale" / "report" / "index.html").is_file()
