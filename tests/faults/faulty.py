"""The tau energy scale with faults: what a cluster does to a run, at chunks that the test chooses."""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import awkward as ak
from coffea.nanoevents.methods.base import NanoEvents

from lineshape.engine.core.columns import Column
from lineshape.engine.core.settings import Settings
from lineshape.engine.input.events import generator
from lineshape.engine.input.study import Selection, Study
from lineshape.processors.tau_energy_scale import TauCuts, TauEnergyScale


class Faults(TauCuts):
    """seconds: that a chunk takes. folder: its files say what goes wrong, so that with and without it is the same job.

    slow: holds seconds that a chunk takes more. once: present, each chunk kills its worker the first time. always,
    raises, vanish: hold numbers of chunks' first events. smear: relative width of a smearing with the chunk's own
    random numbers.
    """

    seconds: float = 0
    folder: Path
    smear: float = 0


class Faulty(Study):
    """Misbehaves, then selects as the tau energy scale does."""

    Settings: ClassVar[type[Settings]] = Faults
    inputs: ClassVar[Mapping[str, str | tuple[str | None, ...]]] = TauEnergyScale.inputs
    outputs: ClassVar[Mapping[str, Column]] = TauEnergyScale.outputs

    settings: Faults

    def select(self, events: NanoEvents) -> Selection:
        time.sleep(self.settings.seconds)
        if self._says("slow"):
            time.sleep(float((self.settings.folder / "slow").read_text(encoding="utf-8")))
        first = int(events["event"][0])
        if self._says("once") and self._is_first_time(first):
            os.kill(os.getpid(), signal.SIGKILL)
        if first in self._numbers("always"):
            os.kill(os.getpid(), signal.SIGKILL)
        if first in self._numbers("raises"):
            raise ZeroDivisionError("in the processor")
        if self._says("raises_always"):
            raise ZeroDivisionError("in the processor")
        if self._says("vanish"):
            Path((self.settings.folder / "vanish").read_text(encoding="utf-8")).unlink(missing_ok=True)
        columns, cut_flow = TauEnergyScale(self.settings).select(events)
        if self.settings.smear:
            pt = columns["ptCombined"]
            noise = generator(events, seed=1).normal(1, self.settings.smear, len(pt))
            columns["ptCombined"] = ak.Array(ak.to_numpy(pt) * noise)
        return columns, cut_flow

    def _says(self, name: str) -> bool:
        return (self.settings.folder / name).exists()

    def _numbers(self, name: str) -> set[int]:
        path = self.settings.folder / name
        return {int(word) for word in path.read_text(encoding="utf-8").split()} if path.exists() else set()

    def _is_first_time(self, first: int) -> bool:
        try:
            os.close(os.open(self.settings.folder / f"flag_{first}", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True
