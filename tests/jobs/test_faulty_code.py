"""A user's own code that fails: the message says what was being done, and on which line, without a traceback."""

import shutil
import struct
from collections.abc import Mapping
from inspect import isfunction
from pathlib import Path
from typing import Any, ClassVar

import pytest
from distributed import Client

from lineshape.engine import Column, Settings, Study
from lineshape.engine.core.errors import RequestError, RunError, calling, code_line, is_users
from lineshape.engine.core.kinds import load
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.job.job import Job
from lineshape.engine.measures.measure import _ASKED, Measure
from lineshape.jobs import api
from tests.engine.measures import faulty
from tests.jobs.toys import events, toy_job, write_events

LINE = rf"{faulty.__name__.rpartition('.')[2]}\.py, line \d+\)"


def measures(**settings: object) -> dict[str, object]:
    return {"own": {"kind": "tests.engine.measures.faulty:Faulty", "truth": "label", **settings}}


@pytest.fixture(scope="module")
def processed(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Path:
    folder = tmp_path_factory.mktemp("faulty")
    job = toy_job(str(write_events(folder / "a.root", events(500))), measures=measures(), models={"d0": COLUMN})
    api.process(job, folder / "run", client)
    api.train(job, folder / "run", client)
    return folder


def test_an_error_that_is_called_so_has_the_name_of_its_module() -> None:
    with pytest.raises(struct.error) as caught:
        struct.unpack("i", b"")
    assert code_line(caught.value).startswith("struct.error: unpack requires")


def test_an_assertion_without_a_text_says_its_line() -> None:
    with pytest.raises(AssertionError) as caught:
        exec(compile("assert 1 > 2", __file__, "exec"), {})
    assert "AssertionError at '" in code_line(caught.value)


def test_a_module_that_is_no_python_is_named_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "no_python.py").write_text("x = 1\ny = = 2\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(RequestError, match=r"no_python:Mine.*SyntaxError: invalid syntax .*no_python\.py, line 2\)$"):
        load("no_python:Mine", "")


class Forgetful(Study):
    """A study whose selection lacks its return."""

    inputs: ClassVar[Mapping[str, Any]] = {}
    outputs: ClassVar[Mapping[str, Column]] = {}

    def select(self, events: Any) -> Any:
        """Return nothing."""


def test_a_selection_that_returns_nothing_is_named() -> None:
    with pytest.raises(TypeError, match=r"test_faulty_code\.Forgetful\.select must return columns .*returned nothing"):
        Forgetful(Settings()).process(object())  # type: ignore[arg-type]


def test_all_that_is_asked_of_a_measure_is_one_of_its_methods() -> None:
    """Else the failure of a user's own would not be named."""
    public = {name for name, each in vars(Measure).items() if isfunction(each) and not name.startswith("_")}
    assert set(_ASKED) == public - {"model_post_init"}  # pydantic's own


COLUMN = {"kind": "column", "column": "d0"}


@pytest.mark.processes
@pytest.mark.parametrize(
    ("method", "doing"),
    [
        ("columns", "naming its columns"),
        ("calibrate", "looking at the validation split"),
        ("empty", "making empty histograms"),
        ("fill", "filling histograms"),
        ("figures", "reading figures off histograms"),
        ("plots", "plotting histograms"),
    ],
)
def test_a_measure_that_fails_is_named_with_its_line(method: str, doing: str, processed: Path, client: Client) -> None:
    for silent in (False, True):
        shutil.rmtree(processed / "run" / "histograms", ignore_errors=True)
        job = toy_job(str(processed / "a.root"), measures=measures(fails=method, silent=silent), models={"d0": COLUMN})
        if silent and method == "fill":
            continue
        why = "returned nothing: Faulty" if silent else rf"raised KeyError: 'not there' \(.*{LINE}"
        with pytest.raises(RunError, match=rf"measure own \(Faulty\), {doing}, {why}"):
            measure(job, processed / "run", client)
    assert not RunFolder(processed / "run").summary.exists()


def test_what_may_pass_is_let_through() -> None:
    for error in (OSError("disk"), MemoryError(), RunError("known")):
        with pytest.raises(type(error)), calling("it"):
            raise error


def test_the_line_is_the_users_own_not_that_of_a_library() -> None:
    with pytest.raises(KeyError) as caught:
        faulty.Faulty(truth="label", fails="columns")._or_fail("columns", [])
    assert is_users(caught.value)
    assert "faulty.py, line" in code_line(caught.value)
    with pytest.raises(ValueError, match="not a number") as parsed:
        float_of("not a number")
    assert "test_faulty_code.py, line" in code_line(parsed.value)


def measure(job: Job, run: Path, client: Client) -> None:
    api.histogram(job, run, client)
    api.report(job, run, client)


def float_of(text: str) -> float:
    import fractions

    return float(fractions.Fraction(text))
