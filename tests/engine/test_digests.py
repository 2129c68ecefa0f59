"""Hashes: uniform, independent, and the same on every machine."""

from pathlib import Path

import numpy as np
import pytest

from lineshape.engine.digests import code_of, digest, source_of, uniform
from lineshape.engine.split import Split
from lineshape.engine.statistics import GROUPS, groups
from lineshape.processors.tau_energy_scale_physlite import TauEnergyScalePhyslite

#: Of 1 and 2, computed with Python's integers.
GOLDEN = [0.5665615751722809, 0.5911897341980794]


def test_digest_depends_on_content_alone() -> None:
    assert digest("a", {"x": 1, "y": 2}) == digest("a", {"y": 2, "x": 1})
    assert digest("a", 1) != digest("a", 2)
    assert len(digest("lineshape")) == 20


def test_uniform_is_uniform_and_fixed() -> None:
    """χ² of 50 bins below its 99.9 % quantile (86); the numbers are fixed, so there is no false alarm to come."""
    event = np.arange(100_000, dtype=np.uint64)
    counts = np.histogram(uniform(event, 0), 50, (0, 1))[0]
    assert ((counts - 2000) ** 2 / 2000).sum() < 86
    assert (
        uniform(np.array([1, 2], dtype=np.uint64), 0).tolist() == uniform(np.array([1, 2], dtype=np.uint64), 0).tolist()
    )


def test_split_and_groups_are_independent() -> None:
    event = np.arange(200_000, dtype=np.uint64)
    splits = Split().of(event)
    assert sum(mask.astype(int) for mask in splits.values()).tolist() == [1] * len(event)
    assert abs(splits["test"].mean() - 1 / 3) < 0.004
    assert abs(splits["validation"].mean() - 2 / 3 * 0.2) < 0.004
    in_test = np.bincount(groups(event)[splits["test"]], minlength=GROUPS)
    assert in_test.std() / in_test.mean() < 0.04


def test_source_holds_the_modules_beside_it() -> None:
    source = source_of(TauEnergyScalePhyslite)
    assert "class TauEnergyScalePhyslite" in source
    assert "def matched" in source
    assert "class Executor" not in source


def test_code_of_a_package_changes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("", encoding="utf-8")
    (folder / "module.py").write_text("value = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    first = code_of("a_package")
    assert code_of("a_package") == first
    (folder / "module.py").write_text("value = 2\n", encoding="utf-8")
    assert code_of("a_package") != first
