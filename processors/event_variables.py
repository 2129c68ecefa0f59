"""Select events of decay topologies: visible four-vectors, missing momentum, and textbook variables of them.

m_bc, m_T and m_T2 are the textbook's; the true masses of an event are what the variables are to predict.

Source: D. Kim et al., arXiv:2105.10126; m_T2: C. Lester and D. Summers, Phys. Lett. B 463 (1999) 99, computed by the
package mt2.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

import awkward as ak
import numpy as np
import vector
from numpy.typing import NDArray
from pydantic import Field

from lineshape.engine.core.columns import Column
from lineshape.engine.core.settings import Settings
from lineshape.engine.input.events import flat
from lineshape.engine.input.study import Selection, Study
from lineshape.processors.event_objects import Floats, collection
from lineshape.processors.physlite import event_info

if TYPE_CHECKING:
    from coffea.nanoevents.methods.base import NanoEvents

_VISIBLE: Final = "TruthVisibleAuxDyn."
_MISSING: Final = "MET_TruthAuxDyn."
_PARTS: Final = ("Pt", "Eta", "Phi", "M")
#: Columns of the masses, and their branches.
_MASSES: Final = {"mA": "parentMass", "mB": "intermediateMass", "mC": "invisibleMass"}


class EventVariableCuts(Settings):
    """Cuts and units of the event variables."""

    unit: Annotated[float, Field(gt=0)] = 0.001
    """GeV for each unit of the file's momenta; the default is MeV."""
    visible: Literal[1, 2] = 2
    """Number of visible particles that an event must have, 1 or 2; all others are cut."""
    trial: Annotated[float, Field(ge=0)] = 0.0
    """Mass that m_T and m_T2 assume for an invisible particle, GeV."""


def _particle(number: int) -> dict[str, Column]:
    """Return the columns of a visible particle's four-vector."""
    name = f"b{number}"
    parts = {f"{name}E": Column(f"$E$, particle {number}", "GeV", 0, 1500)}
    reach = {"Px": 400, "Py": 400, "Pz": 1500}
    return parts | {
        name + part: Column(f"$p_{part[1]}$, particle {number}", "GeV", -high, high) for part, high in reach.items()
    }


class EventVariables(Study):
    """One row an event with the required number of visible particles."""

    Settings: ClassVar[type[EventVariableCuts]] = EventVariableCuts
    settings: EventVariableCuts

    inputs: ClassVar[Mapping[str, str | tuple[str | None, ...]]] = {
        "event": event_info("eventNumber"),
        **{f"visible{part}": _VISIBLE + part.lower() for part in _PARTS},
        **{f"missingP{axis}": f"{_MISSING}mp{axis}" for axis in "xy"},
        **{name: (*event_info(branch), None) for name, branch in _MASSES.items()},
    }

    outputs: ClassVar[Mapping[str, Column]] = {
        **_particle(1),
        **_particle(2),
        "missingPx": Column("Missing $p_x$", "GeV", -400, 400),
        "missingPy": Column("Missing $p_y$", "GeV", -400, 400),
        "mBC": Column("$m_{bc}$", "GeV", 0, 500),
        "mT": Column("$m_T$", "GeV", 0, 500),
        "mT2": Column("$m_{T2}$", "GeV", 0, 500),
        "mT2True": Column("$m_{T2}$ with the true $m_C$", "GeV", 0, 600),
        "mA": Column("$m_A$", "GeV", 0, 600),
        "mB": Column("$m_B$", "GeV", 0, 600),
        "mC": Column("$m_C$", "GeV", 0, 600),
    }

    def select(self, events: "NanoEvents") -> Selection:
        """Select events and build the columns, GeV; masses that the file lacks, and what needs them, are left out."""
        number, unit = self.settings.visible, self.settings.unit
        objects = collection(events, "visible", _PARTS).scaled({"Pt", "M"}, unit)
        passed = objects.counts == number
        cut_flow = {"read": len(passed), f"{number} visible": int(passed.sum())}
        kept = objects.of(passed)
        names = {"pt": "Pt", "eta": "Eta", "phi": "Phi", "m": "M"}
        visible: Any = vector.array({name: kept[part].reshape(-1, number) for name, part in names.items()})
        missing = {f"missingP{axis}": unit * _flat(events, f"missingP{axis}")[passed] for axis in "xy"}
        masses = {name: unit * _flat(events, name)[passed] for name in _MASSES if name in events.fields}
        columns: dict[str, NDArray[Any]] = {"event": flat(events, "event")[0][passed].astype(np.uint64)}
        for i in range(number):
            one = visible[:, i]
            columns |= {f"b{i + 1}{part}": getattr(one, part.lower()) for part in ("Px", "Py", "Pz")}
            columns[f"b{i + 1}E"] = one.E
        columns |= missing | masses | self._known(visible, missing, masses.get("mC"))
        found = {name: ak.Array(values) for name, values in columns.items()}
        return found, cut_flow

    def _known(self, visible: Any, missing: Mapping[str, Floats], invisible: Floats | None) -> dict[str, Floats]:
        """Return the variables of the textbook, GeV."""
        trial, (mpx, mpy) = self.settings.trial, missing.values()
        system = visible[:, 0] if self.settings.visible == 1 else visible[:, 0] + visible[:, 1]
        found = {"mT": transverse_mass(system.m, system.px, system.py, mpx, mpy, trial)}
        if self.settings.visible == 2:
            b, c = visible[:, 0], visible[:, 1]
            found["mBC"] = np.asarray(system.m)
            found["mT2"] = stransverse_mass(b, c, mpx, mpy, trial)
            if invisible is not None:
                found["mT2True"] = stransverse_mass(b, c, mpx, mpy, invisible)
        return found


def transverse_mass(mass: Floats, px: Floats, py: Floats, mpx: Floats, mpy: Floats, trial: float) -> Floats:
    """Return the transverse mass of a visible system and an invisible particle of a trial mass; all (n,), GeV."""
    energies = np.sqrt(mass**2 + px**2 + py**2) * np.sqrt(trial**2 + mpx**2 + mpy**2)
    squared = mass**2 + trial**2 + 2 * (energies - px * mpx - py * mpy)
    return np.asarray(np.sqrt(np.maximum(squared, 0)))


def stransverse_mass(b: Any, c: Any, mpx: Floats, mpy: Floats, trial: Floats | float) -> Floats:
    """Return m_T2, the smallest mass that two parents may both have; b, c: vectors (n,), GeV."""
    from mt2 import mt2

    return np.asarray(mt2(b.m, b.px, b.py, c.m, c.px, c.py, mpx, mpy, trial, trial))


def _flat(events: "NanoEvents", name: str) -> Floats:
    return np.asarray(flat(events, name)[0], dtype=np.float64)
