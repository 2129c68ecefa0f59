"""Event records as flat arrays, and cones about particles in them."""

import awkward as ak
import numpy as np
import pytest

from lineshape.jobs.simulate.physics.event_record import Record, cones


def momentum(pt: float, eta: float, phi: float) -> list[float]:
    """Of a massless particle."""
    return [pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)]


@pytest.fixture
def record() -> Record:
    """Two events with a muon at η = 1, φ = 3.1 each; in the first, what is near it and what is not, or is not seen."""
    particles = [
        (0, 13, True, momentum(20, 1.0, 3.1)),
        (0, 211, True, momentum(2, 1.1, 3.1)),
        (0, 22, True, momentum(3, 1.0, -3.1)),
        (0, 111, False, momentum(3, 1.0, -3.1)),
        (0, -14, True, momentum(50, 1.0, 3.1)),
        (0, -13, True, momentum(50, 1.0, 3.0)),
        (0, 130, True, momentum(5, 1.25, 3.1)),
        (0, 2112, True, momentum(7, 1.5, 3.1)),
        (1, 22, True, momentum(11, 1.0, 0.0)),
        (1, -13, True, momentum(20, 1.0, 3.1)),
    ]
    events = np.array([event for event, *_ in particles])
    n = len(particles)
    return Record(
        starts=np.searchsorted(events, [0, 1, 2]),
        ids=np.array([number for _, number, *_ in particles]),
        mother=np.arange(n),
        final=np.array([final for *_, final, _ in particles]),
        momenta=np.array([p for *_, p in particles]),
        vertices=np.zeros((n, 3)),
    )


def test_cones_hold_visible_particles_of_the_same_event(record: Record) -> None:
    small, large = cones(record, np.array([0, 9]), (0.2, 0.3))
    np.testing.assert_allclose(small, [5, 0])
    np.testing.assert_allclose(large, [10, 0])


def test_cones_of_no_muons(record: Record) -> None:
    assert [len(sums) for sums in cones(record, np.array([], dtype=np.int64), (0.2, 0.3))] == [0, 0]


def test_mothers_count_within_the_whole_batch() -> None:
    """Entry 0 of an event is the event, 1 and 2 are the beams; what has no vertex is made at the primary one."""
    none = {"px": 0.0, "py": 0.0, "pz": 1.0, "e": 1.0}
    vertex = {"px": 1.0, "py": 2.0, "pz": 3.0, "e": 4.0}
    rows = [(90, -11, 0, None), (2212, -12, 0, None), (2212, -12, 0, None), (211, -91, 1, None), (13, 91, 3, vertex)]
    event = [{"id": i, "status": s, "mother1": m, "p": none, "vProd": v} for i, s, m, v in rows]
    record = Record.of_batch(ak.Array({"prt": [event, event]}))
    assert record.starts.tolist() == [0, 5, 10]
    assert record.event.tolist() == [0] * 5 + [1] * 5
    assert record.mother.tolist() == [0, 1, 2, 1, 3, 5, 6, 7, 6, 8]
    assert record.final.tolist() == [False, False, False, False, True] * 2
    assert record.vertices[[3, 4]].tolist() == [[0, 0, 0], [1, 2, 3]]
