"""What the README shows of job files is what they take."""

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.kinds import KindSpec, build
from lineshape.engine.learning.roles.model import Model
from lineshape.jobs import api

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS: list[dict[str, Any]] = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)]


COMMANDS = [
    shlex.split(command.partition("  #")[0])
    for command in re.findall(r"^    (lineshape (?:run|process) .*)$", README.replace("\\\n", ""), re.MULTILINE)
]


@pytest.mark.parametrize("models", [block["models"] for block in BLOCKS if "models" in block])
def test_models_are_of_a_job(models: dict[str, Any]) -> None:
    job = api.load("tau_energy_scale", None, {f"models.{name}": settings for name, settings in models.items()})
    for name in models:
        assert job.built_models()[name].trains


@pytest.mark.parametrize("phases", [block["phases"] for block in BLOCKS if "phases" in block])
def test_phases_are_of_an_adversary(phases: list[dict[str, Any]]) -> None:
    own = {"network": {"kind": "dense"}, "loss": {"kind": "huber"}, "column": "mu", "phases": phases}
    assert build("lineshape.engine.learning.models", Model, KindSpec(kind="adversarial", **own), ()).trains


def test_commands_change_what_jobs_have_and_do_not_overwrite_one_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two commands with other values write to other folders; a bundle of another run is asked for where it will be."""
    monkeypatch.chdir(tmp_path)
    folders: dict[str, dict[str, str]] = {}
    for _, _, study, *options in COMMANDS:
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
