"""Event variables: four-vectors by `vector`, variables of the textbook with their endpoints, what mt2 itself says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from lineshape.jobs.simulate.families.semi_invisible import SemiInvisible
from lineshape.jobs.simulate.families.semi_invisible_pair import SemiInvisiblePair
from lineshape.jobs.simulate.families.visible_pair import VisiblePair
from lineshape.jobs.simulate.physics.decay_topology import DecayTopology
from lineshape.jobs.simulate.writing import FileOrder, write_file
from lineshape.processors.event_variables import EventVariableCuts, EventVariables, stransverse_mass, transverse_mass
from tests.conftest import TREE, select

#: m_A = 400 GeV, m_C = 150 GeV: (m_A² − m_C²) / m_A.
ENDPOINT = 343.75
FIXED: dict[str, Any] = {"parent_mass": (400, 400), "invisible_share": (0.375, 0.375)}
N = 20_000
Floats = NDArray[np.float64]
ColumnsOf = Callable[..., dict[str, Floats]]


@pytest.fixture
def columns_of(tmp_path: Path) -> ColumnsOf:
    """Columns that the processor makes of a simulated file."""

    def make(family: DecayTopology, **settings: Any) -> dict[str, Floats]:
        path = tmp_path / "events.root"
        write_file(FileOrder(family, N, 1, 0, TREE, path))
        selected = select(EventVariables(EventVariableCuts(**settings)), path)
        return {name: np.asarray(values) for name, values in selected.columns.items()}

    return make


def test_the_invariant_mass_is_the_parents(columns_of: ColumnsOf) -> None:
    """To what single precision leaves of it: a mass is a small difference of large energies."""
    columns = columns_of(VisiblePair())
    assert columns["mBC"] == pytest.approx(columns["mA"], rel=1e-4)


def test_four_vectors_are_those_of_the_file(columns_of: ColumnsOf) -> None:
    """Momenta in GeV, of massless particles, that balance what is missing."""
    columns = columns_of(SemiInvisible(), visible=1)
    momentum = np.sqrt(sum(columns[f"b1P{axis}"] ** 2 for axis in "xyz"))
    assert columns["b1E"] == pytest.approx(momentum, rel=1e-9)
    for axis in "xy":
        assert columns[f"b1P{axis}"] == pytest.approx(-columns[f"missingP{axis}"], abs=1e-3)


def test_the_transverse_mass_ends_where_it_should(columns_of: ColumnsOf) -> None:
    """At (m_A² − m_C²) / m_A; of 20,000 events, whose density rises towards it, the last is within a permille."""
    columns = columns_of(SemiInvisible(**FIXED), visible=1)
    assert columns["mT"].max() == pytest.approx(ENDPOINT, rel=1e-3)
    assert columns["mT"].max() <= ENDPOINT * (1 + 1e-5)
    # b's transverse momentum is p* sin θ: m_T, twice that, has the mean of ENDPOINT π / 4.
    assert columns["mT"].mean() == pytest.approx(ENDPOINT * np.pi / 4, rel=0.01)


def test_the_stransverse_mass_ends_where_it_should(columns_of: ColumnsOf) -> None:
    """At the same with massless trial particles, and at m_A with true ones; its density falls to nothing there."""
    columns = columns_of(SemiInvisiblePair(**FIXED))
    assert columns["mT2"].max() == pytest.approx(ENDPOINT, rel=0.01)
    assert columns["mT2"].max() <= ENDPOINT * (1 + 1e-5)
    assert columns["mT2True"].max() == pytest.approx(400, rel=0.01)
    assert columns["mT2True"].max() <= 400 * (1 + 1e-5)


def test_the_stransverse_mass_is_that_of_its_package() -> None:
    """The event that mt2 gives as its example, 412.628 GeV."""

    class Visible:
        def __init__(self, m: float, px: float, py: float) -> None:
            self.m, self.px, self.py = m, px, py

    found = stransverse_mass(Visible(100, 410, 20), Visible(150, -210, -300), -200, 280, 100)
    assert float(found) == pytest.approx(412.627668, abs=1e-5)


def test_a_trial_mass_is_taken(columns_of: ColumnsOf) -> None:
    """With the true m_C both transverse masses end at m_A."""
    columns = columns_of(SemiInvisible(**FIXED), visible=1, trial=150)
    assert columns["mT"].max() == pytest.approx(400, rel=1e-3)
    assert transverse_mass(*np.float64([[0], [30], [0], [-30], [0]]), 0.0) == pytest.approx([60])


def test_only_events_of_so_many_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "events.root"
    write_file(FileOrder(SemiInvisible(), 100, 1, 0, TREE, path))
    selected = select(EventVariables(EventVariableCuts(visible=2)), path)
    assert selected.cut_flow == {"read": 100, "2 visible": 0}
    assert {len(values) for values in selected.columns.values()} == {0}


def test_three_visible_particles_are_refused() -> None:
    with pytest.raises(ValidationError, match="visible"):
        EventVariableCuts(visible=3)  # type: ignore[arg-type]
