"""Which trainings run in their worker's process, and which have one of their own."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.learning.launch.in_worker import fits_in_worker
from lineshape.engine.learning.losses.huber import Huber
from lineshape.engine.learning.models.neural import Neural
from lineshape.engine.learning.roles.training_task import TrainingTask
from tests.engine.learning.stores import dataset

SETTINGS: dict[str, Any] = {
    "network": {"kind": "dense", "layers": [4]},
    "loss": {"kind": "mean_squared_error"},
    "epochs": 10,
    "device": "cpu",
}


class Mine(Huber):
    """A loss of a user's own."""


def fits(rows: int = 1000, work: dict[str, Any] | None = None, **settings: Any) -> bool:
    model = Neural.model_validate(SETTINGS | settings)
    task = TrainingTask("m", KindSpec(kind="neural"), dataset(Path(), ("a",)), 1, Path(), Path())
    return fits_in_worker(model, replace(task, **(work or {})), rows)


def test_small_ones_on_a_cpu_do() -> None:
    assert fits()
    assert fits(100_000)
    assert not fits(100_001)
    assert fits(100_001, own_process=False)
    assert not fits(own_process=True)


@pytest.mark.parametrize("work", [{"nodes": 2}, {"ranks": 2}, {"gpu": True}])
@pytest.mark.parametrize("own_process", [None, False])
def test_ranks_that_train_together_and_gpus_do_not(work: dict[str, Any], own_process: bool | None) -> None:
    assert not fits(work=work, own_process=own_process)


def test_code_of_ones_own_does_not_unless_it_is_asked_for() -> None:
    mine = {"loss": {"kind": f"{__name__}:Mine"}}
    assert not fits(**mine)
    assert fits(**mine, own_process=False)


@pytest.mark.parametrize("settings", [{"workers": 2}, {"device": "cuda"}])
def test_what_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="own_process: false is for one worker's training on a CPU"):
        Neural.model_validate(SETTINGS | {"own_process": False} | settings)
