"""Templates for the fit: bins by the rule, and fits of what is written by pyhf and by cabinetry."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import awkward as ak
import cabinetry
import numpy as np
import pyhf
import pytest
import uproot
import yaml
from distributed import Client
from pydantic import ValidationError

from lineshape.engine import Column, Selection, Study, flat
from lineshape.engine.core.errors import RequestError
from lineshape.engine.fits.significance import asimov_squared, chosen_edges
from lineshape.engine.fits.templates import FLOOR, SampleHistograms, _both
from lineshape.engine.measures.kinds.template import BinningRule, Template
from lineshape.jobs import api
from lineshape.jobs.job_files import load
from lineshape.jobs.templates import write_templates

PROCESSES = 3

pytestmark = pytest.mark.processes

WEIGHTS = {
    "weight": "weight_nominal",
    "pileup_up": "weight_sys_pileup_UP",
    "pileup_down": "weight_sys_pileup_DOWN",
    "b0_up": "weight_sys_bTagSF_MV2c10_77_eigenvars_B_0_up",
    "b0_down": "weight_sys_bTagSF_MV2c10_77_eigenvars_B_0_down",
    "jvt_up": "weight_sys_jvt_UP",
    "jvt_down": "weight_sys_jvt_DOWN",
}
REGIONS = ("reg1j1b", "reg2j1b")


class Ntuple(Study):
    """Missing momentum, regions and weights of an analysis ntuple of ATLAS."""

    inputs: ClassVar[Mapping[str, Any]] = {
        "event": "eventNumber",
        "met": "met",
        "reg1j1b": "reg1j1b",
        "reg2j1b": "reg2j1b",
        **WEIGHTS,
    }
    outputs: ClassVar[Mapping[str, Column]] = {
        "met": Column("Missing momentum", "GeV", 0, 300),
        "reg1j1b": Column("One jet", "", -0.5, 1.5, 2),
        "reg2j1b": Column("Two jets", "", -0.5, 1.5, 2),
        **{name: Column(name, "", -10, 10) for name in WEIGHTS},
    }

    def select(self, events: Any) -> Selection:
        """Events of either region."""
        columns = {name: flat(events, name)[0] for name in ("event", *self.outputs)}
        kept = (columns["reg1j1b"] > 0) | (columns["reg2j1b"] > 0)
        cut_flow = {"read": len(kept), "one or two jets": int(kept.sum())}
        return {name: ak.Array(values[kept].astype(values.dtype)) for name, values in columns.items()}, cut_flow


@pytest.fixture(scope="module")
def fitted(shared: Path, tmp_path_factory: pytest.TempPathFactory, client: Client) -> Path:
    """A run on electrons with muons as the signal, and pairs of one flavour as the background."""
    folder = tmp_path_factory.mktemp("wt")
    names = ["elmu", "eventNumber", "met", *REGIONS, *WEIGHTS.values()]
    with uproot.open(shared / "real/atlas_wt_ntuple.root") as file:
        arrays = file["WtLoop_nominal"].arrays(names, library="np")
    both = arrays["elmu"].astype(bool)
    for sample, chosen in {"signal": both, "background": ~both}.items():
        with uproot.recreate(folder / f"{sample}.root") as file:
            file["tree"] = {
                name: values[chosen].astype(np.int32) if values.dtype == bool else values[chosen]
                for name, values in arrays.items()
                if name != "elmu"
            }
    variations = {
        name: {"kind": "weight", "replaces": ["weight"], "up": f"{name}_up", "down": f"{name}_down"}
        for name in ("pileup", "b0", "jvt")
    }
    variations["met_scale"] = {
        "kind": "scale",
        "columns": ["met"],
        "up": 1.03,
        "symmetrise": True,
        "samples": ["background"],
    }
    variations["rate"] = {"kind": "rate", "samples": ["background"], "up": 1.2, "down": 0.8}
    job = {
        "study": "wt",
        "processor": {"kind": "tests.jobs.test_templates:Ntuple"},
        "samples": {
            "signal": {"tree": "tree", "files": [str(folder / "signal.root")]},
            "background": {"tree": "tree", "files": [str(folder / "background.root")], "scale": 2.0},
        },
        "weight": {"columns": ["weight"], "training": {"use": False}},
        "regions": {name: {"where": {name: 1}} for name in REGIONS},
        "target": {"truth": "met"},
        "models": {"met": {"kind": "column", "column": "met"}},
        "baseline": "met",
        "variations": variations,
        "measures": {
            "fit": {
                "kind": "template",
                "column": "met",
                "high": 300,
                "bins": 300,
                "edges": [0, 40, 70, 100, 150, 300],
                "regions": list(REGIONS),
                "signal": ["signal"],
                "luminosity_error": 0.02,
            }
        },
    }
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(job, sort_keys=False), encoding="utf-8")
    api.run(load(path), folder / "run", client)
    return folder / "run"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pyhf_and_cabinetry_find_the_same(fitted: Path, tmp_path: Path) -> None:
    (made,) = write_templates(fitted, tmp_path)
    workspace = json.loads((tmp_path / "fit_met" / "workspace.json").read_text(encoding="utf-8"))
    pyhf.schema.validate(workspace, "workspace.json")
    config = yaml.safe_load((tmp_path / "fit_met" / "cabinetry.yaml").read_text(encoding="utf-8"))
    config["General"]["HistogramFolder"] = str(tmp_path / "histograms")
    cabinetry.configuration.validate(config)
    cabinetry.templates.collect(config)
    cabinetry.templates.postprocess(config)
    theirs = cabinetry.workspace.build(config)
    assert theirs["observations"] == [
        {"name": each["name"], "data": pytest.approx(each["data"])} for each in workspace["observations"]
    ]
    found = {}
    for name, spec in {"pyhf": workspace, "cabinetry": theirs}.items():
        model, data = cabinetry.model_utils.model_and_data(spec, asimov=True)
        fit = cabinetry.fit.fit(model, data)
        place = fit.labels.index("mu")
        found[name] = fit.bestfit[place], fit.uncertainty[place], sorted(fit.labels)
    own = _with_pyhf(workspace)
    assert found["pyhf"][0] == pytest.approx(1, abs=1e-3)
    assert found["cabinetry"][0] == pytest.approx(found["pyhf"][0], abs=1e-4)
    assert found["cabinetry"][1] == pytest.approx(found["pyhf"][1], rel=1e-3)
    assert own == pytest.approx(found["pyhf"][:2], rel=1e-3)
    assert {name.partition("[")[0] for name in found["pyhf"][2]} == {
        "mu", "luminosity", "pileup", "b0", "jvt", "met_scale", "rate", *(f"staterror_{region}" for region in REGIONS)
    }  # fmt: skip
    assert [channel.name for channel in made.templates.channels] == list(REGIONS)


def _with_pyhf(workspace: Any) -> tuple[float, float]:
    """The signal's size and its uncertainty by pyhf itself."""
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(verbose=0))
    spec = pyhf.Workspace(workspace)
    model = spec.model()
    fit = pyhf.infer.mle.fit(spec.data(model), model, return_uncertainties=True)
    value, error = fit[model.config.poi_index]
    return float(value), float(error)


def test_yields_are_of_the_whole_sample(fitted: Path, tmp_path: Path, shared: Path) -> None:
    """Templates of the test split, scaled, agree with sums of all weights within their statistical uncertainty."""
    (made,) = write_templates(fitted, tmp_path)
    names = ["elmu", *REGIONS, *WEIGHTS.values()]
    with uproot.open(shared / "real/atlas_wt_ntuple.root") as file:
        arrays = file["WtLoop_nominal"].arrays(names, library="np")
    kept = arrays["reg1j1b"].astype(bool) | arrays["reg2j1b"].astype(bool)
    totals: dict[str, float] = {}
    for channel in made.templates.channels:
        for sample, template in channel.samples.items():
            chosen = kept & arrays[channel.name].astype(bool) & (arrays["elmu"].astype(bool) == (sample == "signal"))
            factor = 1 if sample == "signal" else 2
            expected = factor * arrays["weight_nominal"][chosen].sum()
            found, error = template.yields.sum(), np.sqrt((template.errors**2).sum())
            assert abs(found - expected) < 4 * error  # 4 standard deviations
            totals[sample] = totals.get(sample, 0) + found
            up, _ = template.variations["b0"]
            varied = factor * arrays[WEIGHTS["b0_up"]][chosen].sum() / expected
            assert up.sum() / found == pytest.approx(varied, rel=0.02)
        rate = channel.samples["background"].variations["rate"]
        filled = channel.samples["background"].yields > FLOOR
        assert filled.sum() >= 4
        assert np.allclose(rate[0][filled], 1.2 * channel.samples["background"].yields[filled])
        assert channel.samples["background"].is_rate("rate")
        assert "met_scale" not in channel.samples["signal"].variations
    for sample, total in totals.items():  # regions together are the sample
        chosen = kept & (arrays["elmu"].astype(bool) == (sample == "signal"))
        assert total == pytest.approx(
            (1 if sample == "signal" else 2) * arrays["weight_nominal"][chosen].sum(), rel=1e-4
        )


def test_the_rule_of_bins() -> None:
    """Bins with a strong score add significance; none has less background than the rule asks for."""
    edges = np.linspace(0, 1, 101)
    centres = (edges[1:] + edges[:-1]) / 2
    signal, background = (
        50 * centres**3 / np.sum(centres**3),
        2000 * np.exp(-5 * centres) / np.sum(np.exp(-5 * centres)),
    )
    rule = BinningRule(entries=10, error=0.2, most=8)
    # Entries of weight 0.5: sums of squares are half of those of weights.
    chosen, z = chosen_edges(signal, background, background * 0.5, edges, rule)
    places = np.searchsorted(edges, chosen)
    s, b = (np.add.reduceat(each, places[:-1]) for each in (signal, background))
    assert z == pytest.approx(np.sqrt(asimov_squared(s, b).sum()))
    assert (b**2 / (0.5 * b) >= rule.entries).all()
    assert (np.sqrt(0.5 * b) <= rule.error * b).all()
    assert 3 <= len(chosen) - 1 <= 8
    one = float(np.sqrt(asimov_squared(signal.sum(keepdims=True), background.sum(keepdims=True))[0]))
    assert z > 1.5 * one
    # All partitions of ten bins, by hand.
    few = edges[::10]
    coarse = [np.add.reduceat(each, np.arange(0, 100, 10)) for each in (signal, background)]
    best = 0.0
    for pattern in range(2**9):
        cuts = [0, *(i + 1 for i in range(9) if pattern >> i & 1), 10]
        if len(cuts) - 1 > 8:
            continue
        s, b = (np.add.reduceat(each, cuts[:-1]) for each in coarse)
        if (b >= 5).all() and (np.sqrt(0.5 * b) <= 0.2 * b).all():
            best = max(best, float(np.sqrt(asimov_squared(s, b).sum())))
    free = BinningRule(entries=10, error=0.2, most=8, gain=0)
    assert chosen_edges(coarse[0], coarse[1], coarse[1] * 0.5, few, free)[1] == pytest.approx(best)


def test_the_significance_is_that_of_the_reference(shared: Path) -> None:
    golden = json.loads((shared / "golden/significance.json").read_text(encoding="utf-8"))
    cases = [case for case in golden["asimov"] if not case["sigma"]]
    assert cases
    for case in cases:
        z = np.sqrt(asimov_squared(np.array([case["s"]]), np.array([case["b"]])))[0]
        assert z == pytest.approx(case["z"], rel=1e-9)


def test_what_cannot_be(fitted: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="'reg3j' is not a region"):
        load(_changed(fitted, tmp_path, {"regions": ["reg3j"]}))
    with pytest.raises(RequestError, match="rising"):
        load(_changed(fitted, tmp_path, {"edges": [3, 1]}))
    with pytest.raises(RequestError, match="'tt' is not a sample"):
        load(_changed(fitted, tmp_path, {"signal": ["tt"]}))


def _changed(run: Path, folder: Path, settings: Mapping[str, Any]) -> Path:
    values = yaml.safe_load((run.parent / "job.yaml").read_text(encoding="utf-8"))
    values["measures"]["fit"] |= settings
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"edges": [0.5, 0.8, 1.0]}, "expected 0 and 1 at the ends"),
        ({"bins": 10, "edges": [0.0, 0.51, 1.0]}, "0.51 is no edge of a fine bin: expected 0.5"),
        ({"data": ["sig"]}, "'sig' is among the data"),
    ],
)
def test_templates_that_cannot_be(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Template(signal=["sig"], **settings)


def test_bins_that_are_set_to_the_floor_add_nothing_to_a_mirrored_rate() -> None:
    """Yields that move between bins, and beyond zero where they are mirrored."""
    nominal, up = np.array([10.0, 100.0, 10.0]), np.array([30.0, 60.0, 30.0])
    measure = Template(signal=["s"], bins=3, edges=[0, 1 / 3, 2 / 3, 1])
    column = Column("Score", "", 0, 1)
    filled = measure.empty({"score": column})
    for number, value in enumerate((1 / 6, 0.5, 5 / 6)):
        filled["values_0"].fill("test", np.full(int(up[number]), value), np.zeros(int(up[number]), dtype=int))
        filled["rows"].fill("test", np.ones(int(up[number]), dtype=int), np.zeros(int(up[number]), dtype=int))
    notes: list[str] = []
    histograms = SampleHistograms.of(filled, 120)
    one, other = _both({"up": {"s": histograms}}, "s", measure, "all", nominal, lambda values: values, "p", notes)
    assert np.allclose(one, up)
    assert other.sum() == pytest.approx(120)
    assert len(notes) == 1
