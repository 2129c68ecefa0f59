"""An ordinary analysis, by lineshape and by a script: regions as classes, weights, five folds, trees and a network.

    python -m tests.benchmarks.regions [../shared/data/real/atlas_wt_ntuple.root]

The file is an analysis ntuple of ATLAS with 9,812 events (scikit-hep-testdata), of which those with one and with two
jets, one of them a b-jet, are told apart by their kinematics. The commands take turns, three times, wall seconds; then
the area under the ROC curve of each, weighted, of all events, each predicted by a model that did not see it.
"""

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

import awkward as ak
import yaml

from lineshape.engine import Column, Selection, Study, flat
from tests.benchmarks.small import seconds

ROUNDS = 3
FOLDS = 5
FEATURES = [
    "met",
    "sumet",
    "pT_lep1",
    "pT_lep2",
    "pT_jet1",
    "eta_lep1",
    "eta_lep2",
    "eta_jet1",
    "mass_lep1lep2",
    "mass_lep1jet1",
    "mass_lep2jet1",
    "deltaR_lep1_lep2",
    "deltaR_lep1_jet1",
    "pTsys_lep1lep2jet1met",
]
ANGLES = [name for name in FEATURES if name.startswith(("eta", "delta"))]
REGIONS = ("reg1j1b", "reg2j1b")
SCRIPT = """
import json, sys, numpy as np, uproot, xgboost, torch, matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
from sklearn.metrics import roc_auc_score, roc_curve
features, regions = json.loads(sys.argv[2]), json.loads(sys.argv[3])
with uproot.open(sys.argv[1]) as file:
    a = file["WtLoop_nominal"].arrays([*features, *regions, "weight_nominal", "eventNumber"], library="np")
one, two = (a[name].astype(bool) for name in regions)
rows = one | two
x = np.stack([a[name][rows] for name in features], axis=1).astype(np.float32)
y, w, event = one[rows].astype(np.float32), a["weight_nominal"][rows], a["eventNumber"][rows]
fold = (event * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(33)) % 5
train_w = np.where(y == 1, w / w[y == 1].sum(), w / w[y == 0].sum())
train_w = (train_w / train_w.mean()).astype(np.float32)
scores = {"trees": np.zeros(len(y)), "network": np.zeros(len(y))}
settings = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.1, "min_child_weight": 1}
torch.manual_seed(1)
for number in range(5):
    test, valid = fold == number, fold == (number + 1) % 5
    fit = ~test & ~valid
    data = [xgboost.DMatrix(x[part], y[part], weight=train_w[part]) for part in (fit, valid, test)]
    trees = xgboost.train(
        settings, data[0], 400, [(data[1], "v")], early_stopping_rounds=30, verbose_eval=False
    )
    scores["trees"][test] = trees.predict(data[2], iteration_range=(0, trees.best_iteration + 1))
    mean, sigma = x[fit].mean(axis=0), x[fit].std(axis=0)
    inputs, labels, weights = (torch.from_numpy(each) for each in ((x - mean) / sigma, y, train_w))
    sizes = [len(features), 32, 32]
    layers = [each for pair in zip(sizes, sizes[1:]) for each in (torch.nn.Linear(*pair), torch.nn.ReLU())]
    net = torch.nn.Sequential(*layers, torch.nn.Linear(32, 1))
    optimiser, loss = torch.optim.Adam(net.parameters()), torch.nn.BCEWithLogitsLoss(reduction="none")
    best, kept = np.inf, None
    for epoch in range(20):
        for batch in torch.from_numpy(np.flatnonzero(fit))[torch.randperm(int(fit.sum()))].split(128):
            optimiser.zero_grad()
            (weights[batch] * loss(net(inputs[batch])[:, 0], labels[batch])).mean().backward()
            optimiser.step()
        with torch.no_grad():
            found = float((weights[valid] * loss(net(inputs[valid])[:, 0], labels[valid])).mean())
        if found < best:
            best, kept = found, {name: value.clone() for name, value in net.state_dict().items()}
    net.load_state_dict(kept)
    with torch.no_grad():
        scores["network"][test] = torch.sigmoid(net(inputs[test])[:, 0]).numpy()
areas = {}
for name, score in scores.items():
    areas[name] = roc_auc_score(y, score, sample_weight=w)
    plt.plot(*roc_curve(y, score, sample_weight=w)[:2], label=name)
plt.legend()
plt.savefig("roc.png")
plt.savefig("roc.pdf")
json.dump(areas, open("areas.json", "w"))
"""


class Regions(Study):
    """Features of events, the regions that they are in, and their weights."""

    inputs: ClassVar[Mapping[str, Any]] = {
        **{name: name for name in (*FEATURES, *REGIONS)},
        "weight": "weight_nominal",
        "event": "eventNumber",
    }
    outputs: ClassVar[Mapping[str, Column]] = {
        **{name: Column(name, "", -3, 10) for name in ANGLES},
        **{name: Column(name, "GeV", 0, 500) for name in FEATURES if name not in ANGLES},
        **{name: Column(name, "", -0.5, 1.5, 2) for name in REGIONS},
        "weight": Column("weight", "", -0.05, 0.1),
    }

    def select(self, events: Any) -> Selection:
        """All events."""
        columns = {name: ak.Array(flat(events, name)[0]) for name in ("event", *self.outputs)}
        return columns, {"read": len(columns["event"])}


def job(path: Path) -> dict[str, Any]:
    """The job file's values."""
    one, two = REGIONS
    return {
        "study": "regions",
        "processor": {"kind": "tests.benchmarks.regions:Regions"},
        "samples": {"wt": {"tree": "WtLoop_nominal", "files": [str(path)]}},
        "weight": {"columns": ["weight"], "training": {"balance": True}},
        "folds": FOLDS,
        "target": {"classes": {"one_jet": {"where": {one: 1}}, "two_jets": {"where": {two: 1}}}},
        "baseline": "trees",
        "models": {
            "trees": {
                "kind": "boosted_trees",
                "objective": "logistic",
                "features": FEATURES,
                "depth": 4,
                "rate": 0.1,
                "rounds": 400,
                "early_stopping": 30,
            },
            "network": {
                "kind": "neural",
                "features": FEATURES,
                "network": {"kind": "classifier", "layers": [32, 32]},
                "loss": {"kind": "binary_cross_entropy"},
                "epochs": 20,
                "batch": 128,
                "schedule": "constant",
            },
        },
        "measures": {
            "roc": {
                "kind": "tagging",
                "signal": "one_jet",
                "points": {"column": "pT_lep1", "edges": [25, 50, 100, 200], "efficiency": 0.5},
            }
        },
    }


def main(path: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "regions.yaml").write_text(yaml.safe_dump(job(path), sort_keys=False), encoding="utf-8")
        (folder / "by_hand.py").write_text(SCRIPT, encoding="utf-8")
        own = ["-m", "lineshape.jobs.cli.main", "run", "regions.yaml"]
        hand = ["by_hand.py", str(path), json.dumps(FEATURES), json.dumps(REGIONS)]
        times: dict[str, list[float]] = {"a script by hand": [], "lineshape run": []}
        for number in range(ROUNDS):
            times["a script by hand"].append(seconds(hand, folder))
            times["lineshape run"].append(seconds([*own, "-o", f"run_{number}"], folder))
        areas = json.loads((folder / "areas.json").read_text(encoding="utf-8"))
        rows = json.loads((folder / "run_0" / "summary.json").read_text(encoding="utf-8"))
        auc = {row["model"]: row for row in rows if row["figure"] == "auc" and not row["by"]}
    ratio = median(times["lineshape run"]) / median(times["a script by hand"])
    print("| | seconds | AUC of trees | AUC of the network |\n|---|---|---|---|")
    for name, taken in times.items():
        known = {
            model: f"{areas[model]:.4f}" if "hand" in name else f"{row['value']:.4f} ± {row['uncertainty']:.4f}"
            for model, row in auc.items()
        }
        told = f"{median(taken):.1f} ({min(taken):.1f}–{max(taken):.1f})"
        print(f"| {name} | {told} | {known['trees']} | {known['network']} |", flush=True)
    print(f"\nlineshape over the script: {ratio:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data/real/atlas_wt_ntuple.root").resolve())
