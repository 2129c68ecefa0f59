"""What the README shows of job files is what they take."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from lineshape.engine.kinds import KindSpec, build
from lineshape.engine.learning.models.model import Model
from lineshape.jobs import api

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS: list[dict[str, Any]] = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)]


@pytest.mark.parametrize("models", [block["models"] for block in BLOCKS if "models" in block])
def test_models_are_of_a_job(models: dict[str, Any]) -> None:
    job = api.load("tau_energy_scale", None, {f"models.{name}": settings for name, settings in models.items()})
    for name in models:
        assert job.built_models()[name].trains


@pytest.mark.parametrize("phases", [block["phases"] for block in BLOCKS if "phases" in block])
def test_phases_are_of_an_adversary(phases: list[dict[str, Any]]) -> None:
    own = {"network": {"kind": "dense"}, "loss": {"kind": "huber"}, "column": "mu", "phases": phases}
    assert build("lineshape.engine.learning.models", Model, KindSpec(kind="adversarial", **own), ()).trains
