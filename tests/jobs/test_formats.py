"""Schemas of all formats that coffea knows, on the files of its own tests: the same as coffea's Runner.

The files are in its source distribution, which `make samples` fetches.
"""

import warnings
from pathlib import Path
from typing import Any

import hist
import pytest
from coffea import processor
from coffea.nanoevents import schemas
from distributed import Client

from lineshape.jobs import Runner
from tests.jobs.stock_processors import Everything
from tests.jobs.test_runner import require_same

PROCESSES = 2

pytestmark = [pytest.mark.processes, pytest.mark.drill]

FILES = {
    "scouting_nano.root": ("Events", "ScoutingNanoAODSchema"),
    "nano_tt_v15.root": ("Events", "NanoAODSchema"),
    "nano_dimuon_rntuple.root": ("Events", "NanoAODSchema"),
    "pfnano.root": ("Events", "PFNanoAODSchema"),
    "pfnano_rntuple.root": ("Events", "PFNanoAODSchema"),
    "treemaker.root": ("PreSelection", "TreeMakerSchema"),
    "treemaker_rntuple.root": ("PreSelection", "TreeMakerSchema"),
    "PHYSLITE_example.root": ("CollectionTree", "PHYSLITESchema"),
    "test_FCC_Spring2021.root": ("events", "FCCSchema"),
    "edm4hep_example_v00-99-04_podio_v01-06.root": ("events", "EDM4HEPSchema"),
    "edm4hep_example_v01-01_podio_v01-07.root": ("events", "EDM4HEPSchema"),
    "edm4hep_ILD_mumuH_v01-00_podio_v01-07_10ev.root": ("events", "EDM4HEPSchema"),
    "pduneana.root": ("pduneana/beamana", "PDUNESchema"),
    "delphes.root": ("Delphes", "DelphesSchema"),
}


@pytest.fixture(scope="module")
def samples() -> Path:
    found = [*Path(".venv/coffea").glob("*/tests/samples")]
    if not found:
        pytest.skip("the files of coffea's own tests are not here: make samples")
    return found[0].resolve()


@pytest.mark.parametrize("name", FILES)
def test_the_same_as_coffeas(name: str, samples: Path, tmp_path: Path, client: Client) -> None:
    tree, schema = FILES[name]
    common: dict[str, Any] = {"chunksize": 4, "maxchunks": 3, "schema": getattr(schemas, schema)}
    fileset, own = {"one": [str(samples / name)]}, Everything()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known = processor.Runner(processor.IterativeExecutor(status=False), **common)(fileset, own, treename=tree)
    found = Runner(client, folder=tmp_path, **common)(fileset, own, treename=tree)
    require_same(known, found)
    shown = [each for each in known.values() if isinstance(each, hist.Hist)]
    assert len(shown) >= 2
