"""What a user's first hour costs: a small job, the same again, and a mistake, beside a script written by hand.

    python -m tests.benchmarks.small [events, 5,800 by default]

Each is a command of its own, run three times, wall seconds; the script reads the same file, trains the same trees and
network, and draws the ROC curves.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import yaml

from tests.jobs.toys import events, toy_values, write_events

ROUNDS = 3
#: Trees, a network and a column, as in the job.
SCRIPT = """
import sys, numpy as np, uproot, xgboost, torch, matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
with uproot.open(sys.argv[1]) as file:
    a = file["tree"].arrays(["event", "pt", "d0", "label"], library="np")
x, y = np.stack([a["pt"], a["d0"]], axis=1).astype(np.float32), a["label"].astype(np.float32)
part = np.random.default_rng(1).random(len(y))
fit, valid, test = part > 0.5, (part > 0.33) & (part <= 0.5), part <= 0.33
data = [xgboost.DMatrix(x[rows], y[rows]) for rows in (fit, valid, test)]
settings = {"objective": "binary:logistic", "max_depth": 2}
trees = xgboost.train(settings, data[0], 5, [(data[1], "v")], verbose_eval=False)
mean, sigma = x[fit].mean(axis=0), x[fit].std(axis=0)
inputs, labels = torch.from_numpy((x - mean) / sigma), torch.from_numpy(y)
net = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
optimiser, loss = torch.optim.Adam(net.parameters()), torch.nn.BCEWithLogitsLoss()
rows = torch.from_numpy(np.flatnonzero(fit))
for epoch in range(3):
    for batch in rows[torch.randperm(len(rows))].split(256):
        optimiser.zero_grad()
        loss(net(inputs[batch])[:, 0], labels[batch]).backward()
        optimiser.step()
scores = {"d0": x[test][:, 1], "brt": trees.predict(data[2]), "net": net(inputs)[test][:, 0].detach().numpy()}
for name, score in scores.items():
    order = np.argsort(-score)
    signal, background = np.cumsum(y[test][order]), np.cumsum(1 - y[test][order])
    plt.plot(background / background[-1], signal / signal[-1], label=name)
plt.legend()
plt.savefig("roc.png")
plt.savefig("roc.pdf")
"""


def job(files: str) -> dict[str, object]:
    """The toy's job with a network beside its trees."""
    values = toy_values(files)
    values["models"]["net"] = {
        "kind": "neural",
        "features": "f",
        "network": {"kind": "classifier", "layers": [16]},
        "loss": {"kind": "binary_cross_entropy"},
        "epochs": 3,
        "batch": 256,
    }
    return values


def seconds(words: list[str], folder: Path, status: int = 0) -> float:
    """Wall time of a command that ends with this status."""
    paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, *words], check=False, capture_output=True, cwd=folder, env=os.environ | {"PYTHONPATH": paths}
    )
    taken = time.monotonic() - start
    assert done.returncode == status, done.stderr.decode()
    return taken


def main(number: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        path = write_events(folder / "a.root", events(number))
        (folder / "toy.yaml").write_text(yaml.safe_dump(job(str(path))), encoding="utf-8")
        wrong = yaml.safe_dump(job(str(path))).replace("chunk_entries", "chunk_entires")
        (folder / "typo.yaml").write_text(wrong, encoding="utf-8")
        (folder / "by_hand.py").write_text(SCRIPT, encoding="utf-8")
        command = ["-m", "lineshape.jobs.cli.main"]
        times: dict[str, list[float]] = {}
        for round_ in range(ROUNDS):
            ways = {
                "a script by hand": (["by_hand.py", str(path)], 0),
                "small job": ([*command, "run", "toy.yaml", "-o", f"run_{round_}"], 0),
                "the same again": ([*command, "run", "toy.yaml", "-o", f"run_{round_}"], 0),
                "a typo in the job file": ([*command, "run", "typo.yaml"], 2),
                "--help": ([*command, "--help"], 0),
            }
            for name, (words, status) in ways.items():
                times.setdefault(name, []).append(seconds(words, folder, status))
    print(f"| {number:,} events, three models | seconds | spread |\n|---|---|---|")
    for name, taken in times.items():
        print(f"| {name} | {median(taken):.1f} | {min(taken):.1f}–{max(taken):.1f} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_800)
