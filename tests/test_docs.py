"""Every code block and command of README and docs is run or parsed: what they show is what the program takes."""

import ast
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
import yaml
from distributed import Client
from typer.main import get_command

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.kinds import KindSpec, build
from lineshape.engine.core.split import Folds
from lineshape.engine.job.job import Job
from lineshape.engine.learning.roles.model import Model
from lineshape.jobs import api
from lineshape.jobs.applying import apply
from lineshape.jobs.cli.main import app
from tests.conftest import TREE, select
from tests.jobs.nights import environment

PROCESSES = 3

ROOT = Path(__file__).parents[1]
GENERATED = ("reference/kinds/", "reference/command_line.md")
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(
        path
        for path in sorted((ROOT / "docs").rglob("*.md"))
        if "_build" not in path.parts and not str(path.relative_to(ROOT / "docs")).startswith(GENERATED)
    ),
]
#: Written for a shell, and checked elsewhere or not at all.
COMMANDS = {"lineshape", "make", "git", "pip", "python", "export", "LINESHAPE_CLUSTER=deploy/htcondor.yaml", "cd"}


@dataclass(frozen=True)
class Block:
    """A block of code: the page that it stands on, its language, and its text."""

    page: str
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.text.strip().splitlines()[0][:40]}"


def blocks() -> Iterator[Block]:
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for language, code in re.findall(r"^```(\w+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            yield Block(str(path.relative_to(ROOT)), language, code)


BLOCKS = list(blocks())
SECTIONS = [block for block in BLOCKS if block.language == "yaml"]


def lines() -> Iterator[tuple[str, str]]:
    """Yield the page and text of each command line in an indented block."""
    for path in PAGES:
        text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        for line in re.findall(r"^    (\S.*)$", text.replace("\\\n", ""), re.MULTILINE):
            for command in line.partition("  #")[0].split(" && "):
                yield str(path.relative_to(ROOT)), command.strip()


LINES = [(page, line) for page, line in lines() if line.split()[0] in COMMANDS]
RUNS = [shlex.split(line) for _, line in LINES if re.match(r"lineshape (run|process) ", line)]


def test_all_that_looks_like_a_command_is_known() -> None:
    """So that a new sort of block is not passed over."""
    others = {line.split()[0] for _, line in lines()} - COMMANDS
    folders = {"reprocessing", "jobs", "tests", "processors", "engine"}
    assert {word for word in others if re.fullmatch(r"[a-z]+", word)} <= {"jupyter", *folders}
    assert {block.language for block in BLOCKS} <= {"python", "yaml", "cpp"}


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "python"], ids=str)
def test_python_can_be_parsed(block: Block) -> None:
    ast.parse(block.text)


@pytest.mark.parametrize("block", SECTIONS, ids=str)
def test_a_job_file_has_such_sections(block: Block) -> None:
    known = {*Job.model_fields, "phases"}
    assert set(yaml.safe_load(block.text)) <= known


@pytest.mark.parametrize("key", ["models", "claims", "search", "reprocess", "branches"])
def test_sections_are_taken_by_the_main_study(key: str) -> None:
    found = [section[key] for section in (yaml.safe_load(block.text) for block in SECTIONS) if key in section]
    assert found
    for section in found:
        if set(section) & {"isolation"}:
            continue  # of the example, which is run
        changes = {f"{key}.{name}": value for name, value in section.items()}
        job = api.load("tau_energy_scale", None, changes)
        assert all(name in getattr(job, key) for name in section if key != "reprocess")


def test_phases_are_of_an_adversary() -> None:
    found = [section["phases"] for section in (yaml.safe_load(block.text) for block in SECTIONS) if "phases" in section]
    assert found
    for phases in found:
        own = {"network": {"kind": "dense"}, "loss": {"kind": "huber"}, "column": "mu", "phases": phases}
        assert build("lineshape.engine.learning.models", Model, KindSpec(kind="adversarial", **own), ()).trains


def test_commands_exist_with_their_options() -> None:
    group: Any = get_command(app)
    for page, line in LINES:
        words = shlex.split(line)
        if words[0] != "lineshape" or "|" in words:
            continue
        command = group.commands.get(words[1])
        assert command, f"{page}: {line}"
        known = {name for option in _options(command) for name in option}
        used = {word.partition("=")[0] for word in words[2:] if word.startswith("-")}
        assert used <= {*known, "[--json]"}, f"{page}: {line}"


def _options(command: Any) -> Iterator[list[str]]:
    for own in [command, *getattr(command, "commands", {}).values()]:
        for parameter in own.params:
            yield [*parameter.opts, *parameter.secondary_opts]


def test_targets_of_make_and_benchmarks_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page, line in LINES:
        words = shlex.split(line)
        if words[0] == "make":
            assert {word for word in words[1:] if "=" not in word} <= targets, f"{page}: {line}"
        if words[:2] == ["python", "-m"] and words[2].startswith("tests."):
            assert (ROOT / f"{words[2].replace('.', '/')}.py").is_file(), f"{page}: {line}"


def test_commands_change_what_jobs_have_and_do_not_overwrite_one_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two commands with other values write to other folders; a bundle of another run is asked for where it will be."""
    monkeypatch.chdir(tmp_path)
    folders: dict[str, dict[str, str]] = {}
    for _, _, study, *options in RUNS:
        pairs = list(pairwise(options))
        values = [value.split("=", 1) for option, value in pairs if option == "--set"]
        changes = {name: yaml.safe_load(value) for name, value in values}
        if "derived" in changes:
            (bundle,) = (column["bundle"] for column in changes["derived"].values())
            with pytest.raises(RequestError, match=f"no bundle in .*/{bundle}: run 'lineshape train' first"):
                api.load(study, None, changes)
        elif study in api.studies() and "--sample" not in options:
            api.load(study, None, changes)
        output = next((value for option, value in pairs if option in ("-o", "--output")), f"runs/{study}")
        assert folders.setdefault(output, changes) == changes, f"{output}: {changes}"
    assert "runs/z_recoil" in folders


def test_links_lead_somewhere() -> None:
    for path in PAGES:
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8")):
            if re.match(r"https?:", link):
                continue
            target = (path.parent / link).resolve()
            written = target.is_relative_to(ROOT / "docs" / "reference") or target.name == "tutorial.ipynb"
            assert target.exists() or written, f"{path}: {link}"


def test_the_readme_is_one_screen() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def leptons(path: Path, signal: bool, count: int = 4000) -> None:
    """Write a file as the example reads it."""
    random = np.random.default_rng(signal)
    branches = {
        "eventNumber": np.arange(count) + signal * count,
        "eventWeight": random.gamma(4, 0.25, count).astype(np.float32),
        "lep_pt": (20 + random.exponential(30, count)).astype(np.float32),
        "lep_iso": random.beta(2, 5 + 4 * signal, count).astype(np.float32),
    }
    with uproot.recreate(path) as file:
        file.mktree("events", {name: values.dtype for name, values in branches.items()})
        file["events"].extend(branches)


@pytest.mark.processes
def test_the_example_of_25_lines_runs_as_it_stands(tmp_path: Path, client: Client) -> None:
    """And its areas are scikit-learn's, of scores that were written back: of the test split, and of five folds."""
    example = {block.page: [] for block in BLOCKS}
    for block in BLOCKS:
        if "# leptons." in block.text:
            example[block.page].append(block.text)
    assert example["README.md"] == example["docs/quickstart.md"]
    code, job = example["README.md"]
    assert len((code + job).strip().splitlines()) <= 25
    (tmp_path / "leptons.py").write_text(code, encoding="utf-8")
    (tmp_path / "leptons.yaml").write_text(job, encoding="utf-8")
    for name in ("zmumu", "qcd"):
        leptons(tmp_path / f"{name}_0.root", name == "zmumu")
    done = subprocess.run(
        [sys.executable, "-m", "lineshape.jobs.cli.main", "run", "leptons.yaml", "--set", "models.network.epochs=2"],
        cwd=tmp_path,
        env=environment() | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "AUC" in done.stdout
    plots = tmp_path / "runs" / "leptons" / "report" / "plots"
    assert (plots / "all_roc_background.png").is_file()
    rows = json.loads((tmp_path / "runs" / "leptons" / "summary.json").read_text(encoding="utf-8"))
    assert next(row["value"] for row in rows if (row["model"], row["figure"]) == ("trees", "auc")) > 0.65
    changes = {"folds": 5, "models.network.epochs": 2}
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(tmp_path)
        client.run(_import_from, str(tmp_path))
        in_areas(tmp_path / "runs" / "leptons", tmp_path, client)
        patched.chdir(tmp_path)
        api.run(api.load("leptons.yaml", None, changes), tmp_path / "folds", client)
        in_areas(tmp_path / "folds", tmp_path, client)


def _import_from(folder: str) -> None:
    sys.path.insert(0, folder)


def in_areas(run: Path, files: Path, client: Client) -> None:
    """Compare areas under curves with scikit-learn's; scores are binned in 2000, which is worth less than 1e-3."""
    from sklearn.metrics import roc_auc_score

    result = api.open_result(run)
    samples = {name: [str(files / f"{name}_0.root")] for name in ("zmumu", "qcd")}
    tables = []
    for each in apply(run, samples, files / f"scores_{run.name}", ["trees", "network"], client=client).files:
        with uproot.open(each.output) as scores, uproot.open(each.input) as file:
            table = {**file["events"].arrays(library="np"), **scores["events"].arrays(library="np")}
        tables.append(table | {"label": np.full(len(table["trees"]), "zmumu" in each.input)})
    rows = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    counted = result.job.division.of(rows["eventNumber"].astype(np.uint64))["test"]
    for model in ("trees", "network"):
        area = roc_auc_score(
            *(rows[name][counted] for name in ("label", model)), sample_weight=rows["eventWeight"][counted]
        )
        assert result.figure(model, "auc").value == pytest.approx(area, abs=1e-3)


def test_the_processor_of_the_guide_works_as_it_stands(tmp_path: Path, rng: np.random.Generator) -> None:
    (code,) = [block.text for block in BLOCKS if block.page.endswith("processors.md") and block.language == "python"]
    names: dict[str, Any] = {"__name__": "muons"}
    exec(compile(code, "processors.md", "exec"), names)
    study = names["Muons"](names["Muons"].Settings(threshold=20))
    counts = rng.integers(0, 4, 300)
    pt = rng.exponential(40, counts.sum()).astype(np.float32)
    with uproot.recreate(tmp_path / "a.root") as file:
        file[TREE] = {
            "eventNumber": np.arange(300),
            "averageMu": rng.uniform(0, 80, 300),
            "mu_pt": ak.unflatten(pt, counts),
            "mu_d0": ak.unflatten(0 * pt, counts),
        }
    found = select(study, tmp_path / "a.root")
    passed = pt > 20
    assert found.cut_flow == {"read": len(pt), "threshold": passed.sum()}
    assert np.array_equal(found.columns["pt"], pt[passed])
    assert np.array_equal(found.columns["event"], np.repeat(np.arange(300), counts)[passed])


@pytest.mark.processes
def test_tables_of_studies_are_written_from_a_run(finished: api.Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    tables: Any = import_module("study_tables")
    page = "# A\n\n<!-- {} of {} -->\nold\n<!-- end -->\n\nB\n"
    models = tables.filled(page.format("models", "tau_energy_scale"), finished)
    assert "| MDN | " in models
    assert "old" not in models
    assert models.startswith("# A\n")
    assert models.endswith("<!-- end -->\n\nB\n")
    assert tables.filled(models, finished) == models
    assert "68 %" in tables.filled(page.format("measures", "tau_energy_scale"), finished)
    claims = tables.filled(page.format("claims", "tau_energy_scale"), finished)
    assert len(re.findall("[✓✗] \\|", claims)) == len(finished.job.claims)
    other = page.format("claims", "tau_muons")
    assert tables.filled(other, finished) == other
    marked = [found[2] for path in PAGES for found in tables._MARKED.finditer(path.read_text(encoding="utf-8"))]
    assert set(marked) == {"models", "claims", "measures"}


def test_the_fold_in_cpp_is_that_of_the_models(tmp_path: Path) -> None:
    """Compiled as it stands, on numbers of all sizes."""
    if not (compiler := shutil.which("c++")):
        pytest.skip("no C++ compiler")
    (block,) = [block for block in BLOCKS if block.language == "cpp"]
    numbers = [0, 1, 12345, 2**40 + 17, 2**64 - 1]
    calls = " ".join(f'std::printf("%u ", fold({number}u, 5));' for number in numbers)
    source = f"#include <cstdint>\n#include <cstdio>\n{block.text}\nint main() {{ {calls} }}\n"
    (tmp_path / "fold.cpp").write_text(source, encoding="utf-8")
    subprocess.run([compiler, "-std=c++17", "fold.cpp", "-o", "fold"], cwd=tmp_path, check=True)
    said = subprocess.run([tmp_path / "fold"], capture_output=True, text=True, check=True).stdout
    assert [*map(int, said.split())] == Folds(folds=5).fold_of(np.array(numbers, dtype=np.uint64)).tolist()
