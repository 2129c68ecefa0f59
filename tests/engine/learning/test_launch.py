"""Ranks: what they find as modules, and what is said of one that ends without a word."""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lineshape.engine.core.errors import RunError
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.module_paths import PATHS, search_like_parent
from lineshape.engine.learning.launch.launch import raise_failures
from lineshape.engine.learning.launch.network_rank import sharing
from lineshape.engine.learning.roles.training_task import TrainingTask
from tests.engine.learning.stores import dataset, make_store, train

PROCESSES = 8

#: What a user may have called a script of his own.
SHADOWS = ("hist", "torch", "yaml", "random", "multiprocessing")
SETTINGS: dict[str, Any] = {
    "kind": "neural",
    "network": {"kind": "dense", "layers": [4]},
    "loss": {"kind": "mean_squared_error"},
    "epochs": 1,
    "batch": 100,
    "own_process": True,
}


@pytest.fixture
def store(tmp_path: Path, rng: np.random.Generator) -> Path:
    make_store(tmp_path / "store", {"a": rng.random(1000), "truth": rng.random(1000)})
    return tmp_path / "store"


def shadow(folder: Path, names: Iterable[str] = SHADOWS) -> None:
    """A folder with scripts of the user's, called as libraries are."""
    for name in names:
        (folder / f"{name}.py").write_text('raise SystemExit("my plotting script ran")\n', encoding="utf-8")


@pytest.mark.processes
def test_a_script_in_the_working_folder_takes_no_librarys_place(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadow(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert train(SETTINGS, dataset(store, ("a",)), tmp_path / "bundle").provenance["ranks"] == 1


@pytest.mark.processes
def test_a_rank_that_ends_by_itself_says_where(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ending.py").write_text(
        "from lineshape.engine.learning.roles.loss import Loss\n"
        "class Ending(Loss):\n"
        "    def __call__(self, outputs, target, scale):\n"
        "        import sys; sys.exit('enough')\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RunError, match=r"rank 0 failed: SystemExit: enough \(.*ending\.py, line 4\)"):
        train(SETTINGS | {"loss": {"kind": "ending:Ending"}}, dataset(store, ("a",)), tmp_path / "bundle")


@pytest.mark.processes
@pytest.mark.parametrize(
    ("code", "log", "said"),
    [
        (3, "first\nlast words\n", r"rank 0 failed: exit status 3, and its log ends with: first / last words \(see "),
        (3, "", r"rank 0 failed: exit status 3, and its log is empty \(see "),
        (0, "", "rank 0 ended before the training did: exit status 0, and its log is empty"),
    ],
)
def test_a_rank_that_ends_without_a_word(code: int, log: str, said: str, tmp_path: Path) -> None:
    work = TrainingTask("m", KindSpec(kind="neural"), dataset(tmp_path, ("a",)), 1, tmp_path, tmp_path)
    (tmp_path / "rank.0.log").write_text(log, encoding="utf-8")
    rank = subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"], text=True)
    rank.wait()
    with pytest.raises(RunError, match=said):
        raise_failures(work, [rank], 0 if code else None)


def test_places_of_the_parent_come_last(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", ["/libraries"])
    monkeypatch.setenv(PATHS, os.pathsep.join([str(tmp_path), "/libraries", ""]))
    search_like_parent()
    assert sys.path == ["/libraries", str(tmp_path)]


@pytest.mark.processes
def test_workers_look_for_libraries_where_the_command_does(tmp_path: Path) -> None:
    """Not in the working folder, and neither does what is started beside while they are there."""
    shadow(tmp_path, [name for name in SHADOWS if name != "multiprocessing"])
    code = """
from lineshape.engine.clusters.kinds.local import Local

if __name__ == "__main__":
    with Local(workers=1).open() as client:
        print(client.submit(abs, -7).result())
        import os
        assert "PYTHONSAFEPATH" not in os.environ
"""
    script = tmp_path / "elsewhere" / "main.py"
    script.parent.mkdir()
    script.write_text(code, encoding="utf-8")
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("7\n", 0), done.stderr


@pytest.mark.parametrize(("ranks", "gpus", "most"), [(1, 1, 1), (4, 4, 1), (4, 2, 2), (3, 2, 2), (1, 8, 1)])
def test_ranks_share_the_memory_of_the_gpu_that_they_are_on(ranks: int, gpus: int, most: int) -> None:
    assert sharing(ranks, gpus) == most == max(np.bincount(np.arange(ranks) % gpus))
