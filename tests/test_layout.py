"""The shape of the project: packages, layers, imports, words."""

import ast
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import lineshape.engine

PROCESSES = 6

ROOT = Path(__file__).parents[1]
LAYERS = {"engine": 0, "processors": 1, "jobs": 2}
#: Rooms of a package from top to bottom, folders and modules: one imports from itself and from what stands below it.
ROOMS = {
    "lineshape.engine": [
        "reprocessing",
        "planning",
        "running",
        "stages",
        "fits",
        "results",
        "job",
        "export",
        "measures",
        "learning",
        "variations",
        "clusters",
        "input",
        "feature_store",
        "accumulators",
        "execution",
        "core",
    ],
    "lineshape.engine.stages": [
        "processing training searching histogramming reporting drift applying looking accumulating"
    ],
    "lineshape.engine.learning": [
        "bundles search",
        "prediction",
        "models",
        "networks",
        "encoders losses penalties samplers weights",
        "launch",
        "fit",
        "data",
        "roles",
        "blocks",
    ],
    "lineshape.jobs": [
        "cli",
        "accumulating applying comparing kinds schema templates",
        "runner",
        "api",
        "contents filesets job_files display starting studies",
        "simulate",
    ],
    "lineshape.jobs.simulate": [
        "orders",
        "writing",
        "families",
        "taus muons recoil",
        "detector",
        "physics",
        "family",
        "request",
    ],
}
SOURCES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))


def imports_of(path: Path) -> set[str]:
    """Names of lineshape modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.startswith("lineshape.")}


def test_every_package_is_listed() -> None:
    """One that is not vanishes from the wheel without an error."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {path.parent.relative_to(ROOT) for layer in LAYERS for path in (ROOT / layer).rglob("__init__.py")}
    there = {"lineshape." + ".".join(folder.parts) for folder in folders}
    assert set(settings["tool"]["setuptools"]["packages"]) == there
    with_code = {"lineshape." + ".".join(path.parent.relative_to(ROOT).parts) for path in SOURCES}
    assert with_code == there


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_layers(path: Path) -> None:
    """jobs → processors → engine, never back; the engine knows no study."""
    layer = path.relative_to(ROOT).parts[0]
    for name in imports_of(path):
        there = name.split(".")[1]
        assert LAYERS.get(there, 0) <= LAYERS[layer], f"{path} imports {name}"


@pytest.mark.parametrize("package", ROOMS)
def test_rooms(package: str) -> None:
    """Every room of a package is known, and imports downwards alone, in functions and for types too."""
    height = {room: number for number, level in enumerate(reversed(ROOMS[package])) for room in level.split()}
    folder = ROOT / Path(*package.split(".")[1:])
    modules = {path: path.relative_to(folder).parts[0].removesuffix(".py") for path in folder.rglob("*.py")}
    del modules[folder / "__init__.py"]
    assert set(modules.values()) == set(height)
    for path, own in modules.items():
        for name in imports_of(path):
            other = name.removeprefix(f"{package}.").split(".")[0] if name.startswith(f"{package}.") else ""
            assert other in {own, ""} or height[other] < height[own], f"{path} imports {name}"


def test_no_module_imports_back() -> None:
    """There is no circle among the modules, in functions and for types neither."""
    names = {"lineshape." + ".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in SOURCES}
    imported = {name: imports_of(path) & names.keys() - {name} for name, path in names.items()}
    TopologicalSorter(imported).prepare()  # which raises CycleError


def test_the_engine_is_rooms() -> None:
    """Few files lie in the engine itself."""
    assert len([path for path in (ROOT / "engine").glob("*.py") if path.name != "__init__.py"]) <= 3


def test_typing_links_point_at_the_layers() -> None:
    for layer in LAYERS:
        assert (ROOT / ".typing" / "lineshape" / layer).resolve() == ROOT / layer


@pytest.mark.processes
def test_imports_stay_fast() -> None:
    """The command line's help needs no torch, xgboost, coffea, matplotlib, dask or uproot."""
    heavy = ("torch", "xgboost", "coffea", "matplotlib", "distributed", "uproot", "awkward", "pyarrow")
    code = f"import sys, lineshape.jobs.cli.main; print([name for name in {heavy!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.processes
def test_a_processor_is_known_without_coffea() -> None:
    """Which takes longer to load than all else that a command does before it starts."""
    names = [f"lineshape.processors.{path.stem}" for path in (ROOT / "processors").glob("*.py")]
    heavy = ("coffea", "numba", "uproot")
    code = f"import sys, {', '.join(names)}; print([name for name in {heavy!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.processes
def test_a_processors_folder_of_the_user_hides_nothing(tmp_path: Path) -> None:
    """Workers start with `python -m` in the working directory, where an analysis may have folders of these names."""
    for name in LAYERS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('the wrong module')", encoding="utf-8")
    code = "import lineshape.processors.physlite, lineshape.jobs.cli.main"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


@pytest.mark.processes
def test_the_interface_is_there_and_costs_nothing() -> None:
    """Every name of the interface is found, and importing the interface imports none of it."""
    names = dir(lineshape.engine)
    assert {"Column", "Study", "flat"} <= set(names)
    for name in names:
        assert getattr(lineshape.engine, name) is not None
    code = "import sys, lineshape.engine; print([name for name in sys.modules if name.startswith('lineshape.engine.')])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_class_name_means_one_thing() -> None:
    homes: dict[str, list[str]] = {}
    for path in SOURCES:
        for name in re.findall(r"^class (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            homes.setdefault(name, []).append(str(path.relative_to(ROOT)))
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}
