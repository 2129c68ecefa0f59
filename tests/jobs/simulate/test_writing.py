"""How much of a sample is asked for, in the family's own unit, and the files that come of it."""

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.kinds import KindSpec
from lineshape.jobs.simulate.families.ttbar import TTbar
from lineshape.jobs.simulate.family import Family
from lineshape.jobs.simulate.muons.muon_detector import MUONS, TRACKS, VERTICES
from lineshape.jobs.simulate.orders import read_order
from lineshape.jobs.simulate.writing import FileOrder, write_file


def order(**settings: object) -> KindSpec:
    return KindSpec.model_validate(settings)


@pytest.mark.parametrize(("kind", "unit"), [("gamma_tautau", "taus"), ("ttbar", "muons")])
def test_the_amount_goes_by_the_name_of_its_unit(kind: str, unit: str) -> None:
    family, found = read_order("sample", order(kind=kind, **{unit: 50}, files=2, seed=7, mu_mean=30.0))
    assert isinstance(family, Family)
    assert (found.amount, found.files, found.seed) == (50, 2, 7)
    assert family.model_dump()["mu_mean"] == 30.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "ttbar", "taus": 50}, "unknown key 'taus'.*muons"),
        ({"kind": "ttbar", "amount": 50}, "unknown key 'amount'"),
        ({"kind": "ttbar", "files": 2}, "muons"),
        ({"kind": "ttbar", "muons": 0}, "muons"),
        ({"kind": "ttbar", "muons": 3, "files": 5}, "5 files are too many for 3 muons"),
        ({"kind": "ttbar", "muons": 3, "w_to_tau": 0.9}, "add up to"),
        ({"kind": "top", "muons": 3}, "unknown kind 'top'.*ttbar"),
    ],
)
def test_what_is_wrong_is_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        read_order("sample", order(**settings))


def test_a_file_of_muons(tmp_path: Path) -> None:
    """One vertex an event, a track for every muon, numbers of events that no other file has."""
    path = tmp_path / "muons.root"
    write_file(FileOrder(TTbar(), 500, 3, 1, "CollectionTree", path))
    with uproot.open(path) as file:
        arrays = file["CollectionTree"].arrays()
    muons, d0 = arrays[f"{MUONS}.pt"], arrays[f"{TRACKS}.d0"]
    assert ak.count(muons) == 500
    assert ak.all(ak.num(muons) == ak.num(d0))
    assert ak.all(ak.num(arrays[f"{VERTICES}.z"]) == 1)
    first = 3 * 10**13 + 10**9
    assert arrays["EventInfoAuxDyn.eventNumber"].tolist() == list(range(first, first + len(muons)))
    assert np.isfinite(ak.to_numpy(arrays["EventInfoAuxDyn.averageInteractionsPerCrossing"])).all()
