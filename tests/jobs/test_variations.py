"""Systematic variations: what they change, what they leave alone, what they cost, and how they are shown."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import awkward as ak
import correctionlib.schemav2 as cs
import numpy as np
import pytest
import uproot
from coffea.nanoevents import NanoAODSchema, NanoEventsFactory
from distributed import Client
from sklearn.metrics import roc_auc_score

from lineshape.engine import Column
from lineshape.engine.core import ledger
from lineshape.engine.core.errors import IncompleteRunError, RequestError
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.statistics import GROUPS, groups
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.varied import varied_of
from lineshape.engine.variations.variation import VARIATIONS
from lineshape.jobs.api import Result, load, open_result, report, run, vary
from tests.jobs.toys import Toy, events, figures_alone, job_of, toy_values, write_events

PROCESSES = 3

pytestmark = pytest.mark.processes

BASE = {
    "scale": {"kind": "scale", "columns": ["d0"], "up": 1.1, "down": 0.9},
    "one": {"kind": "scale", "columns": ["d0", "pt"], "up": 1.0, "down": 1.0},
    "smear": {"kind": "smear", "columns": ["d0"], "up": 0.3, "symmetrise": True},
    "weight": {"kind": "weight", "up": "pt", "symmetrise": True},
    "rate": {"kind": "rate", "samples": ["s"], "up": 1.1, "down": 0.9},
    "function": {"kind": "function", "function": "tests.jobs.test_variations:moved", "settings": {"by": 0.02}},
    "model": {"kind": "bundle", "model": "brt", "up": "d0", "symmetrise": True},
}


def moved(found: Any, direction: str, _: Any, by: float) -> Mapping[str, Any]:
    """d0 of another alignment."""
    return {"d0": found.d0 + (by if direction == "up" else -by)}


class WithTruth(Toy):
    """Momenta beside true ones, which no variation changes."""

    inputs: ClassVar[Mapping[str, Any]] = {**Toy.inputs, "true": "pt_true"}
    outputs: ClassVar[Mapping[str, Column]] = {**Toy.outputs, "true": Column("True $p_T$", "GeV", 0, 200)}


def values_of(folder: Path, **variations: Any) -> dict[str, Any]:
    """Values of a job file, without plots, which take longer than all else."""
    return toy_values(str(folder / "data" / "*.root"), variations=variations, measures=figures_alone())


def drawn(folder: Path, **variations: Any) -> dict[str, Any]:
    """The same with plots."""
    return values_of(folder, **variations) | {"measures": toy_values("")["measures"]}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Result:
    """A run with one variation of each kind that needs no other file."""
    folder = tmp_path_factory.mktemp("varied")
    for seed in range(3):
        branches = events(4000, seed=seed + 1)
        resolution = np.random.default_rng(seed).normal(1, 0.1, 4000)
        branches["pt_true"] = (branches["pt"] / resolution).astype(np.float32)
        write_events(folder / "data" / f"f{seed}.root", branches)
    return run(job_of(folder, drawn(folder, **BASE)), folder / "run", client)


def rows(path: Path, folder: str = "features") -> dict[str, Any]:
    """All rows of a feature store."""
    tables = [*FeatureStore.load(path / folder).tables(["event", "d0", "pt", "label"])]
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def shifts(result: Result, **where: Any) -> list[dict[str, Any]]:
    found = json.loads((result.folder / "variations.json").read_text(encoding="utf-8"))
    return [each for each in found if all(each[name] == value for name, value in where.items())]


def shift(result: Result, variation: str, direction: str, model: str, figure: str) -> dict[str, Any]:
    (found,) = shifts(result, variation=variation, direction=direction, model=model, figure=figure, by="")
    return found


def test_a_factor_of_one_gives_the_same_bits(made: Result) -> None:
    for direction in ("up", "down"):
        own = made.folder / "variations" / f"one_{direction}"
        for name, values in rows(made.folder).items():
            assert np.array_equal(values, rows(own)[name]), name
        assert (own / "histograms" / "s.npz").read_bytes() == (made.folder / "histograms" / "s.npz").read_bytes()
        assert all(each["shift"] == 0 for each in shifts(made, variation="one"))


def test_columns_are_changed_before_the_processor(made: Result) -> None:
    own = rows(made.folder)
    for direction, factor in (("up", 1.1), ("down", 0.9)):
        found = rows(made.folder, f"variations/scale_{direction}/features")
        assert np.array_equal(found["d0"], own["d0"] * np.float32(factor))
        assert np.array_equal(found["pt"], own["pt"])
    smeared = rows(made.folder, "variations/smear_up/features")["d0"] / own["d0"] - 1
    assert abs(smeared.std() - 0.3) < 0.3 * 4 / np.sqrt(2 * len(smeared))  # 4 standard deviations
    assert np.allclose(rows(made.folder, "variations/function_down/features")["d0"], own["d0"] - 0.02, atol=1e-6)


def test_figures_are_those_of_other_programs(made: Result) -> None:
    """Areas, their shifts and the jackknife of these, computed from rows by scikit-learn."""
    split = made.job.division
    own = rows(made.folder)
    varied = {"scale_up": rows(made.folder, "variations/scale_up/features"), "weight_up": own}
    chosen = split.of(own["event"])["test"]
    group = groups(own["event"])
    model = made.model("brt")
    for key, table in varied.items():
        name, direction = key.split("_")
        weight = own["pt"].astype(float) if name == "weight" else np.ones(len(own["pt"]))

        def area(of: Mapping[str, Any], kept: Any, weights: Any) -> float:
            score = model.predict({each: values[kept] for each, values in of.items()}).estimate
            return float(roc_auc_score(of["label"][kept], score, sample_weight=weights[kept]))

        def differs(kept: Any, table: Any = table, weight: Any = weight) -> float:
            return area(table, kept, weight) - area(own, kept, np.ones(len(kept)))

        found = shift(made, name, direction, "brt", "auc")
        # Scores are in bins of the histogram.
        assert found["shift"] == pytest.approx(differs(chosen), abs=2e-4)
        without = np.array([differs(chosen & (group != number)) for number in range(GROUPS)])
        expected = np.sqrt((GROUPS - 1) / GROUPS * ((without - without.mean()) ** 2).sum())
        assert found["uncertainty"] == pytest.approx(expected, rel=0.1)


def test_both_directions_are_opposite_at_first_order(tmp_path: Path, client: Client, made: Result) -> None:
    values = values_of(made.folder.parent, small={"kind": "scale", "columns": ["pt"], "up": 1.01, "down": 0.99})
    values |= {"processor": {"kind": "tests.jobs.test_variations:WithTruth"}, "target": {"truth": "true"}}
    values |= {"models": {"pt": {"kind": "column", "column": "pt"}}, "baseline": "pt"}
    values["measures"] = {"response": {"kind": "response", "truth": "true"}}
    found = run(job_of(tmp_path, values), tmp_path / "run", client)
    (figure,) = [row for row in found.rows if row.figure == "median" and not row.by]
    up, down = (shift(found, "small", way, "pt", "median") for way in ("up", "down"))
    assert up["shift"] == pytest.approx(0.01, rel=0.05)
    assert up["shift"] + down["shift"] == pytest.approx(0, abs=1e-4)
    assert figure.systematic == pytest.approx(max(abs(up["shift"]), abs(down["shift"])))


def test_a_rate_alone_changes_no_figure_and_says_so(made: Result) -> None:
    assert not any(each["shift"] for each in shifts(made, variation="rate"))
    assert "variation rate_up changes no figure" in made.page.read_text(encoding="utf-8")


def test_another_model_in_its_place(made: Result) -> None:
    """The figure of the one less that of the other, with the jackknife of a difference on the same events."""
    found = shift(made, "model", "up", "brt", "auc")
    difference = made.figure("brt", "auc_minus_baseline")
    assert found["shift"] == pytest.approx(-(difference.value or 0), rel=1e-4)
    assert found["uncertainty"] == pytest.approx(difference.uncertainty, rel=1e-4)


def test_a_report_of_another_bundle_than_was_made_is_refused(made: Result, tmp_path: Path, client: Client) -> None:
    one = {"kind": "bundle", "model": "brt", "up": "d0", "symmetrise": True}
    values = values_of(made.folder.parent, one=one)
    values["models"]["pt"] = {"kind": "column", "column": "pt"}
    run(job_of(tmp_path, values), tmp_path / "run", client)
    values["variations"]["one"] = one | {"up": "pt"}
    with pytest.raises(RequestError, match=r"is a copy of another bundle.*run 'lineshape vary' first"):
        report(job_of(tmp_path, values), tmp_path / "run", client)


def test_uncertainties_add_up_and_are_shown(made: Result) -> None:
    row = made.figure("brt", "auc")
    sizes = {}
    for each in shifts(made, model="brt", figure="auc", by=""):
        sizes[each["variation"]] = max(abs(each["shift"]), sizes.get(each["variation"], 0))
    assert row.systematic == pytest.approx(np.sqrt(sum(size**2 for size in sizes.values())))
    ((_, (head, *lines)),) = made.tables()
    (line,) = [line for line in lines if line[0] == "brt"]
    assert line[head.index("AUC")].count("±") == 2
    page = made.page.read_text(encoding="utf-8")
    assert "systematic uncertainties by variation" in page
    data = json.loads((made.folder / "report" / "plots" / "roc_background.json").read_text(encoding="utf-8"))
    assert all(len(curve["systematic"]) == len(curve["y"]) for curve in data["curves"])


def test_a_variation_that_is_added_costs_itself(made: Result, client: Client, tmp_path: Path) -> None:
    folder = made.folder.parent
    before = {path: path.stat().st_mtime_ns for path in made.folder.rglob("*.parquet")}
    more = {"late": {"kind": "scale", "columns": ["pt"], "up": 1.02, "down": 0.98}}
    run(job_of(folder, drawn(folder, **BASE, **more)), made.folder, client)
    after = {path: path.stat().st_mtime_ns for path in made.folder.rglob("*.parquet")}
    assert {path: after[path] for path in before} == before
    assert {path.parts[-4] for path in after.keys() - before.keys()} == {"late_up", "late_down"}
    told = {
        each["stage"]: each["result"]["text"] for each in ledger.read(made.folder / "ledger.jsonl") if "stage" in each
    }
    assert told["variation late_up"] == "12,000 objects of s; 12 shards made"
    assert told["variation scale_up"] == "12,000 objects of s; 0 shards made"


def test_smearing_draws_by_seed_chunk_and_name(made: Result) -> None:
    """Up and down have the same numbers, whatever else is varied."""
    one, other = (varied for varied in varied_of(made.job) if varied.name == "scale")
    assert one.mark() != other.mark()
    smear = {"kind": "smear", "columns": ["d0"], "up": 0.2, "down": 0.1}
    job = made.job.model_validate(made.job.model_dump(mode="json") | {"variations": {"w": smear, "v": smear}})

    built = VARIATIONS.build(KindSpec(**smear), ("variations", "w"))
    found = ak.Array({"d0": np.ones(1000)})
    drawn = [built.changed(found, way, np.random.default_rng(3)).d0 - 1 for way in ("up", "down")]  # type: ignore[arg-type]
    assert np.allclose(drawn[0], 2 * drawn[1])
    assert len({each.mark() for each in varied_of(job)}) == 4


def test_absolute_smearing_adds_the_width() -> None:
    """Impact parameters are around zero: their resolution is worse by a length, not by a share of themselves."""
    built = VARIATIONS.build(
        KindSpec(kind="smear", columns=["d0"], up=0.005, absolute=True, symmetrise=True), ("variations", "w")
    )
    found = ak.Array({"d0": np.zeros(20_000, dtype=np.float32)})
    changed = ak.to_numpy(built.changed(found, "up", np.random.default_rng(3)).d0)
    assert changed.dtype == np.float32
    assert changed.std() == pytest.approx(0.005, rel=0.03)  # six standard deviations of the width


@pytest.mark.parametrize(
    ("variation", "said"),
    [
        ({"kind": "scale", "columns": ["d1"], "up": 1.1, "down": 0.9}, "'d1' is no column that the processor reads"),
        ({"kind": "scale", "columns": ["d0"], "up": 1.1}, "there is 'up' without 'down'"),
        ({"kind": "scale", "columns": ["d0"], "up": 1.1, "down": 0.9, "symmetrise": True}, "would replace"),
        ({"kind": "rate", "samples": ["t"], "up": 1.1, "down": 0.9}, "'t' is no sample"),
        ({"kind": "rate", "samples": ["s"], "up": 1.1, "down": 0.9, "measures": ["x"]}, "'x' is no measure"),
        ({"kind": "weight", "up": "sf_up", "down": "sf_down"}, "'sf_up' is no column"),
        ({"kind": "weight", "up": "pt", "symmetrise": True, "replaces": ["sf"]}, "'sf' is not among"),
        ({"kind": "bundle", "model": "mdn", "up": "d0", "symmetrise": True}, "'mdn' is no model"),
        ({"kind": "scales", "columns": ["d0"]}, "unknown kind 'scales'"),
        (
            {
                "kind": "scale",
                "columns": ["d0"],
                "symmetrise": True,
                "up": {"file": "no.json", "correction": "c", "inputs": ["d0"]},
            },
            "no such file; expected one of correctionlib",
        ),
    ],
)
def test_variations_that_cannot_be(variation: Any, said: str, made: Result, tmp_path: Path) -> None:
    with pytest.raises(RequestError) as told:
        job_of(tmp_path, values_of(made.folder.parent, v=variation))
    assert said in str(told.value)


def test_nan_in_a_variation_alone_is_quarantined_there(made: Result, tmp_path: Path, client: Client) -> None:
    bad = {"kind": "function", "function": "tests.jobs.test_variations:broken", "symmetrise": True}
    with pytest.raises(IncompleteRunError, match=r"bad_up/features/manifest\.json"):
        run(job_of(tmp_path, values_of(made.folder.parent, bad=bad)), tmp_path / "run", client)
    found = open_result(tmp_path / "run")
    assert not FeatureStore.load(tmp_path / "run" / "features").quarantined
    (lost,) = FeatureStore.load(tmp_path / "run" / "variations" / "bad_up" / "features").quarantined
    assert "variation bad_up: column d0 is NaN or infinite in 1 values" in lost.reason
    assert all(each["lost"] for each in shifts(found))
    assert "its shifts are not of the same events" in found.page.read_text(encoding="utf-8")


def broken(found: Any, _: str, __: Any) -> Mapping[str, Any]:
    """One value is missing in the first chunk of the first file."""
    d0 = ak.to_numpy(found.d0).copy()
    d0[ak.to_numpy(found.event) == 1_000_000] = np.nan
    return {"d0": ak.Array(d0)}


def test_other_files_in_the_place_of_a_sample(made: Result, tmp_path: Path, client: Client) -> None:
    """Its events are others, so that statistical uncertainties are independent."""
    other = write_events(tmp_path / "other" / "o.root", events(6000, seed=9))
    tune = {"kind": "sample", "samples": ["s"], "up": {"files": [str(other)]}, "symmetrise": True}
    found = run(job_of(tmp_path, values_of(made.folder.parent, tune=tune)), tmp_path / "run", client)
    own = shift(found, "tune", "up", "brt", "auc")
    nominal = found.figure("brt", "auc")
    assert len(rows(found.folder, "variations/tune_up/features")["d0"]) == 6000
    assert own["uncertainty"] > (nominal.uncertainty or 0) * np.sqrt(1 + 12_000 / 6000) * 0.5
    assert own["uncertainty"] > (nominal.uncertainty or 0)


def test_histograms_of_the_measures_that_are_asked_for(made: Result, tmp_path: Path, client: Client) -> None:
    one = {"kind": "scale", "columns": ["d0"], "up": 1.1, "down": 0.9, "measures": ["tagging"]}
    values = values_of(made.folder.parent, one=one)
    values["measures"]["more"] = values["measures"]["tagging"]
    found = run(job_of(tmp_path, values), tmp_path / "run", client)
    assert {each["measure"] for each in shifts(found)} == {"tagging"}
    assert {row.measure for row in found.rows if row.systematic is not None} == {"tagging"}


def test_a_report_without_them_says_so_and_one_with_others_is_refused(
    made: Result, tmp_path: Path, client: Client
) -> None:
    values = values_of(made.folder.parent, one=BASE["scale"])
    job = job_of(tmp_path, values)
    bare = job_of(tmp_path, values | {"variations": {}})
    run(bare, tmp_path / "run", client)
    found = report(job, tmp_path / "run", client)
    assert found.figure("brt", "auc").systematic is None
    assert "variations have not been made (one)" in found.page.read_text(encoding="utf-8")
    vary(job, tmp_path / "run", client)
    values["variations"]["one"] = BASE["scale"] | {"up": 1.2}
    with pytest.raises(RequestError, match=r"variation one_up is not there.*run 'lineshape vary' first"):
        report(job_of(tmp_path, values), tmp_path / "run", client)
    assert report(job, tmp_path / "run", client).figure("brt", "auc").systematic


def test_missing_momentum_follows(tmp_path: Path) -> None:
    """Against a sum of vectors, of lists of jets; where nothing changes the bits are the same."""

    random = np.random.default_rng(2)
    counts = random.integers(0, 4, 500)
    jets = {
        name: ak.unflatten(random.uniform(*ends, counts.sum()), counts)
        for name, ends in {"pt": (20, 90), "phi": (-3, 3)}.items()
    }
    found = ak.Array(
        {"j": jets["pt"], "a": jets["phi"], "met": random.uniform(1, 50, 500), "f": random.uniform(-3, 3, 500)}
    )
    missing = {"pt": "met", "phi": "f", "of": "j", "azimuth": "a"}
    spec = KindSpec(kind="scale", columns=["j"], up=1.1, down=1.0, missing_momentum=missing)
    built = VARIATIONS.build(spec, ("variations", "v"))
    chance = np.random.default_rng(1)
    up, down = (built.changed(found, way, chance) for way in ("up", "down"))  # type: ignore[arg-type]
    x = found.met * np.cos(found.f) - ak.sum(0.1 * found.j * np.cos(found.a), axis=-1)
    y = found.met * np.sin(found.f) - ak.sum(0.1 * found.j * np.sin(found.a), axis=-1)
    assert np.allclose(up.met, np.hypot(x, y))
    assert np.allclose(np.cos(up.f - np.arctan2(y, x)), 1)
    for name in found.fields:
        assert ak.array_equal(down[name], found[name])


def test_a_correction_of_correctionlib(tmp_path: Path) -> None:

    def binning(values: list[float]) -> Any:
        return cs.Binning(nodetype="binning", input="pt", edges=[0, 30, 1000], content=values, flow="clamp")

    content = cs.Category(
        nodetype="category",
        input="way",
        content=[
            cs.CategoryItem(key="up", value=binning([1.1, 1.2])),
            cs.CategoryItem(key="down", value=binning([0.9, 0.8])),
        ],
    )
    inputs = [cs.Variable(name="way", type="string"), cs.Variable(name="pt", type="real")]
    correction = cs.Correction(
        name="jes", version=1, inputs=inputs, output=cs.Variable(name="f", type="real"), data=content
    )
    path = tmp_path / "jes.json"
    path.write_text(cs.CorrectionSet(schema_version=2, corrections=[correction]).model_dump_json(), encoding="utf-8")
    payload = {"file": str(path), "correction": "jes"}
    spec = KindSpec(
        kind="scale", columns=["pt"], up=payload | {"inputs": ["up", "pt"]}, down=payload | {"inputs": ["down", "pt"]}
    )
    built = VARIATIONS.build(spec, ("variations", "v"))
    found = ak.Array({"pt": [[20.0, 40.0], [], [100.0]]})
    assert built.changed(found, "up", np.random.default_rng(1)).pt.tolist() == [[22.0, 48.0], [], [120.0]]
    assert built.changed(found, "down", np.random.default_rng(1)).pt.tolist() == [[18.0, 32.0], [], [80.0]]
    known = built.source()
    path.write_text(path.read_text(encoding="utf-8").replace("1.2", "1.3"), encoding="utf-8")
    assert built.source() != known  # another file of the same name makes other shards
    assert built.reads() == ["pt"]  # the words of the correction are no branches


def test_a_factor_in_a_column_that_nothing_else_reads(made: Result, tmp_path: Path, client: Client) -> None:
    """It is read for the variation alone, from the branch of its name or that of `branches`."""
    one = {"kind": "scale", "columns": ["d0"], "up": "factor", "symmetrise": True}
    values = values_of(made.folder.parent, one=one) | {"branches": {"factor": "pt_true"}}
    found = run(job_of(tmp_path, values), tmp_path / "run", client)
    own, varied = rows(found.folder), rows(found.folder, "variations/one_up/features")
    with uproot.open({made.folder.parent / "data" / "f0.root": "tree"}) as tree:
        factors = dict(zip(*(tree[name].array(library="np") for name in ("event", "pt_true")), strict=True))
    chosen = np.isin(own["event"], [*map(int, factors)])
    expected = own["d0"][chosen] * np.array([factors[event] for event in own["event"][chosen]], dtype=np.float32)
    assert np.allclose(varied["d0"][chosen], expected, rtol=1e-6)
    assert np.array_equal(varied["pt"], own["pt"])


@pytest.mark.filterwarnings("ignore:Missing cross-reference")
def test_whole_events_are_varied_with_their_behaviors(shared: Path) -> None:
    """Of NanoAOD: momenta in a collection change, all else and what belongs to the events stays."""
    path = shared / "real" / "nano_tt_v12.root"
    events = NanoEventsFactory.from_root({str(path): "Events"}, schemaclass=NanoAODSchema, mode="virtual").events()
    spec = KindSpec(kind="scale", columns=["Jet.pt", "Jet.mass"], up=1.1, down=0.9)
    built = VARIATIONS.build(spec, ("variations", "v"))
    changed = built.changed(events, "up", np.random.default_rng(1))
    assert np.allclose(ak.flatten(changed.Jet.pt), 1.1 * ak.flatten(events.Jet.pt), rtol=1e-6)
    assert np.allclose(ak.flatten(changed.Jet.px), 1.1 * ak.flatten(events.Jet.px), rtol=1e-5)
    assert np.allclose(ak.flatten(changed.Muon.pt), ak.flatten(events.Muon.pt))
    assert changed.metadata == events.metadata
    assert (ak.num(changed.Jet.nearest(changed.Muon)) == ak.num(events.Jet)).tolist() == [True] * len(events)


@pytest.mark.parametrize("more", [{"folds": 3}, {"folds": 3, "seeds": 2}, {"seeds": 2}], ids=str)
def test_folds_and_seeds(more: dict[str, int], tmp_path: Path, client: Client) -> None:
    """Events that are scaled, and files of the same events that hold the scaled ones, shift figures by the same."""
    for seed in range(2):
        branches = events(4000, seed=seed + 1)
        write_events(tmp_path / "data" / f"{seed}.root", branches)
        write_events(tmp_path / "scaled" / f"{seed}.root", branches | {"d0": branches["d0"] * np.float32(1.25)})
    scaled = {"files": [str(tmp_path / "scaled" / "*.root")]}
    values = values_of(
        tmp_path,
        scale={"kind": "scale", "columns": ["d0"], "up": 1.25, "symmetrise": True},
        files={"kind": "sample", "samples": ["s"], "up": scaled, "symmetrise": True, "same_events": True},
        one={"kind": "scale", "columns": ["d0"], "up": 1.0, "symmetrise": True},
    )
    values |= {"folds": more["folds"]} if "folds" in more else {}
    if "seeds" in more:
        values["models"]["brt"] |= {"seeds": more["seeds"], "rows": 0.5}
    result = run(job_of(tmp_path, values), tmp_path / "run", client)
    found = {
        name: {(each["figure"], each["by"], each["low"]): each for each in shifts(result, variation=name, model="brt")}
        for name in ("scale", "files", "one")
    }
    assert found["scale"].keys() == found["files"].keys() == found["one"].keys()
    for key, each in found["scale"].items():
        for name in ("value", "shift", "uncertainty"):
            assert each[name] == found["files"][key][name], key
    assert found["scale"]["auc", "", None]["shift"] != 0
    assert all(each["shift"] == 0 for each in found["one"].values())


def test_a_simulation_in_the_place_of_another(tmp_path: Path, client: Client) -> None:
    """Its files are made once, beside nominal's, and its figures are those of a run of its own."""
    small = {"kind": "gamma_tautau", "taus": 6000, "files": 2, "seed": 1}
    other = {"simulate": small | {"seed": 2}}
    changes = {
        "processor": {"kind": "tests.jobs.small_taus:SmallTaus"},
        "samples.gammatautau.simulate": small,
        "models": {"combined": {"kind": "column", "column": "ptCombined"}, "mu": {"kind": "column", "column": "mu"}},
        "baseline": "combined",
        "measures": {"response": {"kind": "tests.jobs.small_taus:ResponseFigures", "truth": "truthPtVis", "by": {}}},
        "claims": {},
        "search": {},
        "variations": {"seed": {"kind": "sample", "samples": ["gammatautau"], "up": other, "symmetrise": True}},
    }
    result = run(load("tau_energy_scale", None, changes), tmp_path / "run", client)
    files = {path: path.stat().st_mtime_ns for path in result.folder.rglob("simulated/**/*.root")}
    assert {path.relative_to(result.folder).parts[0] for path in files} == {"simulated", "variations"}
    alone = run(
        load("tau_energy_scale", None, changes | {"variations": {}, "samples.gammatautau.simulate": other["simulate"]}),
        tmp_path / "alone",
        client,
    )
    values = {each["figure"]: each["value"] for each in shifts(result, model="combined", by="")}
    known = {row.figure: row.value for row in alone.rows if row.model == "combined" and not row.by}
    assert values
    assert {name: pytest.approx(value, abs=1e-6) for name, value in values.items()} == {
        name: known[name] for name in values
    }
    run(load("tau_energy_scale", None, changes), tmp_path / "run", client)
    assert {path: path.stat().st_mtime_ns for path in result.folder.rglob("simulated/**/*.root")} == files
