"""The smallest processor of CONTRIBUTING.md works as it stands there."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import uproot

from tests.conftest import TREE, select

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_smallest_processor(tmp_path: Path, rng: np.random.Generator) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names: dict[str, Any] = {"__name__": "my_study"}
    exec(compile(code, "CONTRIBUTING.md", "exec"), names)
    study = names["MyStudy"](names["MyStudy"].Settings())
    branches = {
        "eventNumber": np.arange(500),
        "lep_pt": rng.exponential(40, 500).astype(np.float32),
        "isSignal": rng.integers(0, 2, 500).astype(np.int32),
    }
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mktree(TREE, {name: values.dtype for name, values in branches.items()})
        file[TREE].extend(branches)
    found = select(study, tmp_path / "a.root")
    passed = branches["lep_pt"] > 20
    assert found.cut_flow == {"read": 500, "pt": passed.sum()}
    assert np.array_equal(found.columns["pt"], branches["lep_pt"][passed])
    assert found.histograms["pt"].sum(flow=True) == passed.sum()
