"""Job files are checked with what their processor makes."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

from lineshape.engine import Column
from lineshape.engine.core.errors import RequestError
from lineshape.jobs.job_files import load
from tests.jobs.toys import Toy, toy_values


class Estimating(Toy):
    """The toy with a column of an estimate of its own."""

    outputs: ClassVar[Mapping[str, Column]] = Toy.outputs | {"estimate": Column("Estimate", "GeV", 0, 200)}


@pytest.mark.parametrize("by", ["estimate", "pt"])
def test_a_column_called_as_the_models_estimate_is(by: str, tmp_path: Path) -> None:
    path = tmp_path / "toy.yaml"
    measure = {"kind": "response", "truth": "pt", "by": {by: {"low": 0, "high": 200, "bins": 4}}}
    values = toy_values("*.root", processor={"kind": f"{__name__}:Estimating"}, measures={"response": measure})
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    if by == "pt":
        assert "estimate" not in load(path).built_measures()["response"].columns()
        return
    with pytest.raises(RequestError, match=r"response: 'estimate' is a column, and stands here for the model's own"):
        load(path)
