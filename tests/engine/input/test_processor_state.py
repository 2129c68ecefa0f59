"""Digests of processors: every change that could change what they return is seen."""

import functools
import importlib
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import correctionlib
import correctionlib.schemav2
import pytest

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.parsed_code import parsed
from lineshape.engine.input.processor_state import digest_of_processor, digest_of_state

SCRIPT = """
import state_helpers

class Own:
    low = {low}

    def process(self, events, most={most}):
        return state_helpers.cut(events)
"""


def of_main(folder: Path, **values: int) -> str:
    """The digest of a processor that is defined in a script, or in a cell of a notebook."""
    path = folder / "script.py"
    path.write_text(SCRIPT.format(**{"low": 1, "most": 2} | values))
    there: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(path.read_text(), str(path), "exec"), there)
    return digest_of_processor(there["Own"]())


def test_of_a_script_values_defaults_and_helpers_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    helpers = tmp_path / "state_helpers.py"
    helpers.write_text("def cut(events):\n    return 1\n")
    known = of_main(tmp_path)
    assert of_main(tmp_path) == known
    assert of_main(tmp_path, low=3) != known
    assert of_main(tmp_path, most=3) != known
    helpers.write_text("def cut(events):\n    return 22\n")
    importlib.invalidate_caches()
    getattr(parsed, "cache_clear", lambda: None)()
    assert of_main(tmp_path) != known
    sys.modules.pop("state_helpers")


def making(value: int) -> Any:
    return lambda: value


def test_what_makes_defaults_counts() -> None:
    one, same, other = (defaultdict(making(value)) for value in (1, 1, 2))
    assert digest_of_state(one) == digest_of_state(same) != digest_of_state(other)


class Scaled:
    """A processor that holds corrections."""

    def __init__(self, factor: float) -> None:
        own = correctionlib.schemav2.Correction(
            name="f",
            version=1,
            inputs=[],
            output=correctionlib.schemav2.Variable(name="w", type="real"),
            data=factor,
        )
        text = correctionlib.schemav2.CorrectionSet(schema_version=2, corrections=[own]).model_dump_json()
        self.corrections = correctionlib.CorrectionSet.from_string(text)

    def process(self, events: Any) -> Any:
        return events


def test_corrections_may_be_held() -> None:
    assert digest_of_processor(Scaled(1.5)) == digest_of_processor(Scaled(1.5)) != digest_of_processor(Scaled(2.5))


def test_a_processor_that_holds_itself_is_refused() -> None:
    processor = Scaled(1.0)
    processor.corrections = processor  # type: ignore[assignment]
    with pytest.raises(RequestError, match="holds itself"):
        digest_of_processor(processor)


_HELPERS = """
class Correction:
    def __init__(self, scale):
        self.scale = scale
    def __call__(self, x):
        return FACTOR * self.scale * x

def corrected(x, by):
    return FACTOR * by * x
"""


@pytest.mark.parametrize(
    "held",
    [
        lambda module: module.Correction(2.0),
        lambda module: [module.Correction(2.0)],
        lambda module: {"jets": module.Correction},
        lambda module: functools.partial(module.corrected, by=2),
        lambda module: module.Correction(2.0).__call__,
        lambda module: Slotted(module.Correction(2.0)),
    ],
    ids=["object", "list", "class", "partial", "method", "pickled"],
)
def test_code_of_what_is_held_counts(held: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a module beside the processor's, which that does not import."""
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"held_{tmp_path.name}"  # where a module lies is looked up once in a process
    path, found = tmp_path / f"{name}.py", []
    for factor in (1, 1, 10):
        path.write_text(_HELPERS.replace("FACTOR", str(factor)), encoding="utf-8")
        sys.modules.pop(name, None)
        importlib.invalidate_caches()
        module = importlib.import_module(name)
        found.append(digest_of_state({"held": held(module)}))
    assert found[0] == found[1] != found[2]


class Slotted:
    """An object that says itself how it is pickled."""

    def __init__(self, inside: Any) -> None:
        self.inside = inside

    def __reduce__(self) -> Any:
        return Slotted, (self.inside,)
