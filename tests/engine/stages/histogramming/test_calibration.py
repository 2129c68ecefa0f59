"""Thresholds are found on validation events that no training behind the columns learnt."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lineshape.engine.core.errors import RunError
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.split import Split, Target
from lineshape.engine.job.counted_events import Counted
from lineshape.engine.learning.bundles import CALIBRATION, Bundle
from lineshape.engine.stages.histogramming.calibration import CalibrationTask
from tests.engine.learning.stores import make_store

OWN = Split()


@pytest.fixture
def found(tmp_path: Path) -> CalibrationTask:
    """What agreement looks for, of a column that another run's bundle gave; not yet looked for."""
    values = np.linspace(0, 1, 3000)
    make_store(tmp_path / "store", {"c": values, "known": values})
    bundle = Bundle(tmp_path / "c", "c", KindSpec(kind="column", column="c"), ("c",), Target(truth="known"), "d", {})
    bundle.folder.mkdir()
    bundle.save()
    measure = KindSpec(kind="agreement", truth="known", known="known")
    events = Counted(OWN, (OWN,), sought=True)
    return CalibrationTask(tmp_path / "store", bundle.folder, ("agreement",), measure, "s", ("s",), events, "identity")


def edges(item: CalibrationTask) -> list[float]:
    item()
    read: list[float] = json.loads((item.bundle / CALIBRATION / "agreement.json").read_text())["found"]["variable"]
    return read


def test_a_training_that_was_split_otherwise_hides_its_events(found: CalibrationTask) -> None:
    other = Split(test=0.2)
    behind = replace(found, events=Counted(OWN, (OWN, other), sought=True, columns=("c",)))
    event = np.arange(3000, dtype=np.uint64)
    chosen = np.linspace(0, 1, 3000)[OWN.of(event)["validation"] & ~other.of(event)["training"]]
    assert edges(behind) == pytest.approx(np.quantile(chosen, np.linspace(0, 1, len(edges(behind)) + 2)[1:-1]))
    assert edges(found) != edges(behind)


def test_where_it_learnt_from_all_of_them_nothing_is_made_up(found: CalibrationTask) -> None:
    other = Split(test=0.1, validation=0.1)
    item = replace(found, events=Counted(OWN, (OWN, other), sought=True, columns=("c",)))
    with pytest.raises(RunError, match=r"no event of sample s is of the validation split and outside .* behind c"):
        item()
    assert not (item.bundle / CALIBRATION).exists()
