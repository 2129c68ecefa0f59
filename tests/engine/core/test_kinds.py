"""Kinds are found by their names, with no list to edit."""

import sys
from pathlib import Path

import pytest

from lineshape.engine.core import kinds
from lineshape.engine.core.errors import RequestError
from lineshape.engine.learning import losses
from lineshape.engine.learning.roles.loss import Loss
from lineshape.engine.measures.measure import Measure

LOSSES = "lineshape.engine.learning.losses"


def test_a_module_of_the_working_folder_is_pointed_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lies_here.py").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RequestError, match=rf"lies_here.py lies in the working folder.*export PYTHONPATH={tmp_path}"):
        kinds.load("lies_here:Toy", "install it")
    with pytest.raises(RequestError, match=r"No module named 'nowhere'.*\(install it\)"):
        kinds.load("nowhere:Toy", "install it")


def test_names_are_files() -> None:
    files = {path.stem for path in Path(losses.__file__).parent.glob("*.py")} - {"__init__"}
    assert kinds.names(LOSSES, Loss) == sorted(files)


@pytest.mark.parametrize(
    ("package", "base"), [(LOSSES, Loss), ("lineshape.engine.measures.kinds", Measure)], ids=["losses", "measures"]
)
def test_every_file_is_one_kind(package: str, base: type) -> None:
    for name in kinds.names(package, base):
        assert issubclass(kinds.find(package, base, name), base)


def test_unknown_kind_names_those_there_are() -> None:
    expected = r"unknown kind .hubber.: expected one of .*huber, mean_squared_error.*nearest: huber"
    with pytest.raises(RequestError, match=expected):
        kinds.find(LOSSES, Loss, "hubber")


def test_kind_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_losses.py").write_text(
        "from lineshape.engine.learning.losses.huber import Huber\nclass Mine(Huber):\n    slope: float = 3.0\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    built = kinds.build(LOSSES, Loss, kinds.KindSpec(kind="my_losses:Mine"), ())
    assert built.model_dump() == {"slope": 3.0}
    sys.modules.pop("my_losses")


@pytest.mark.parametrize(
    ("kind", "message"),
    [("no_such_module:Class", "cannot load 'no_such_module:Class'"), ("collections:OrderedDict", "is not a .*Loss")],
)
def test_bad_kind_of_the_user(kind: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        kinds.find(LOSSES, Loss, kind)
