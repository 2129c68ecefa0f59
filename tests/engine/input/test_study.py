"""A study is a coffea processor, and coffea is loaded where events are read."""

import subprocess
import sys
from typing import Any

import pytest

from lineshape.engine.core.errors import RequestError
from lineshape.engine.input.study import PROCESSORS, Processor

PROCESSES = 3

_OF_A_USER = """
import sys
from lineshape.engine import Settings, Study

class Mine(Study):
    inputs = outputs = {}
    def select(self, events):
        return {}, {}

assert not any(name.partition(".")[0] in ("coffea", "vector", "numba") for name in sys.modules), "coffea is loaded"
early = Mine(Settings())
from coffea.processor import ProcessorABC
assert isinstance(Mine(Settings()), ProcessorABC)
assert isinstance(early, ProcessorABC)
assert not issubclass(Settings, ProcessorABC)
"""


@pytest.mark.processes
def test_a_study_is_coffeas_as_soon_as_coffea_is_there() -> None:
    subprocess.run([sys.executable, "-c", _OF_A_USER], check=True)


class Unlike:
    """No processor."""


def test_a_processor_of_coffeas_own_base_is_one() -> None:
    from coffea.processor import ProcessorABC

    class Own(ProcessorABC):  # type: ignore[misc]
        def process(self, events: Any) -> Any:
            return events

        def postprocess(self, accumulator: Any) -> Any:
            return accumulator

    assert issubclass(Own, Processor)
    assert not issubclass(Unlike, Processor)
    with pytest.raises(RequestError, match=r"is not a .*Processor"):
        PROCESSORS.find(f"{__name__}:Unlike")
