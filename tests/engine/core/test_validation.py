"""What is wrong with settings is said at its place, with what is known there."""

import pickle
from typing import Annotated

import pytest
from pydantic import Field

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.kinds import KindSpec, build
from lineshape.engine.core.row_selection import Range
from lineshape.engine.core.settings import Name, Names, Settings
from lineshape.engine.core.validation import SettingsError, validated
from lineshape.engine.learning.roles.model import Model
from lineshape.engine.learning.roles.sampler import Sampler
from lineshape.engine.learning.roles.weight import Weight
from lineshape.engine.measures.measure import Measure


class Inner(Settings):
    """A section."""

    depth: Annotated[int, Field(gt=0)] = 1
    either: Range | list[float] = []
    label: str = ""


class Outer(Settings):
    """A job file."""

    sections: dict[Name, Inner] = {}
    listed: list[Inner] = []
    several: dict[str, str | list[Inner]] = {}
    names: Names = []
    pair: tuple[Inner, int] | None = None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"sections": {"a": {"dept": 2}}}, "sections.a.dept: unknown key 'dept'; nearest: depth"),
        ({"sections": {"label": {"xyz": 2}}}, "sections.label.xyz: unknown key 'xyz' (expected: depth, either, label)"),
        ({"sections": {"str": {"depth": 0}}}, "sections.str.depth: Input should be greater than 0, found 0"),
        ({"sections": {"int": {"depth": "x"}}}, "sections.int.depth: .*valid integer.*found 'x'"),
        ({"listed": [{}, {"dept": 2}]}, "listed.1.dept: unknown key 'dept'; nearest: depth"),
        ({"several": {"x": [{"dept": 1}]}}, "several.x.0.dept: unknown key 'dept'; nearest: depth"),
        ({"sections": {"a": {"either": {"lo": 1}}}}, "sections.a.either.lo: unknown key 'lo'; nearest: low"),
        ({"sections": {"a": {"either": {"low": "x"}}}}, "sections.a.either.low: .*valid number"),
        ({"sections": {"a": {"label": False}}}, "sections.a.label: .*found False .*put it in quotes"),
        ({"sections": {"../a": {}}}, "sections.../a: a name that files are called by: .*'../a'"),
        ({"names": ["a", "b", "a"]}, "names: 'a' is listed twice"),
        ({"listed": [{"either": [float("nan")]}]}, "listed.0.either.0: Input should be a finite number, found nan"),
        ({"listed": [{"either": [float("inf")]}]}, "listed.0.either.0: Input should be a finite number, found inf"),
        ({"pair": [{"dept": 1}, 2]}, "pair.0.dept: unknown key 'dept'; nearest: depth"),
    ],
)
def test_faults_have_a_place_and_what_is_known_there(values: dict[str, object], expected: str) -> None:
    with pytest.raises(SettingsError, match=rf"(?m)^{expected.replace('(', '[(]').replace(')', '[)]')}"):
        validated(Outer, values)


@pytest.mark.parametrize("name", ["a", "ttbar_410470", "r23+b", "a b", "μ", "0", "a.b", "no"])
def test_names_that_files_can_be_called_by(name: str) -> None:
    assert name in validated(Outer, {"sections": {name: {}}}).sections


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        "/a",
        ".b",
        "a ",
        " a",
        "a\n",
        "a\0",
        "-a",
        "a*",
        "a[1]",
        "a|b",
        "a;1",
        "x" * 101,
    ],
)
def test_names_that_would_become_other_paths(name: str) -> None:
    with pytest.raises(SettingsError, match="a name that files are called by"):
        validated(Outer, {"sections": {name: {}}})


FLAT = {"column": "pt", "low": 0, "high": 1, "bins": 2, "classes": "label"}


@pytest.mark.parametrize(
    ("package", "base", "settings", "known"),
    [
        ("samplers", Sampler, FLAT | {"numbers": 1}, "number"),
        ("weights", Weight, FLAT | {"share": {}}, "shares"),
    ],
)
def test_kinds_of_one_name_are_not_mistaken(package: str, base: type, settings: dict[str, object], known: str) -> None:
    """Flat is a sampler and a weight: a wrong key is explained by the settings of the one that was asked for."""
    with pytest.raises(RequestError, match=known):
        build(f"lineshape.engine.learning.{package}", base, KindSpec(kind="flat", **settings), ())


@pytest.mark.parametrize("base", [Measure, Model])
def test_every_kind_explains_its_own_keys(base: type) -> None:
    """Whatever else is called as it is: the keys that are listed are those of this class."""
    from lineshape.engine.core import kinds

    package = "lineshape.engine.measures.kinds" if base is Measure else "lineshape.engine.learning.models"
    for name in kinds.names(package, base):
        kind = kinds.find(package, base, name)
        with pytest.raises(SettingsError) as raised:
            validated(kind, {"zzzz": 1})
        told = next(fault.text for fault in raised.value.faults if fault.unknown)
        assert told == f"unknown key 'zzzz' (expected: {', '.join(kind.model_fields)})"


def test_the_error_travels_between_processes() -> None:
    error = SettingsError.at(("models", "a"), SettingsError.at(("depth",), "is wrong"))
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) == "models.a.depth: is wrong"
    assert again.faults == error.faults
