"""A study of a user's own: one object an event in flat branches, a few cuts of a job file, and files to run it on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import awkward as ak
import numpy as np
import uproot
import yaml
from numpy.typing import NDArray

from lineshape.engine import Column, Selection, Study, flat
from lineshape.engine.job.job import Job
from lineshape.engine.measures.kinds.tagging import Tagging
from lineshape.engine.measures.measure import Measured
from lineshape.engine.measures.plots import Plot
from lineshape.jobs.job_files import load


class Toy(Study):
    """Events with a label, and what tells of it."""

    inputs: ClassVar[Mapping[str, Any]] = {name: name for name in ("event", "pt", "d0", "label")}
    outputs: ClassVar[Mapping[str, Column]] = {
        "pt": Column("$p_T$", "GeV", 0, 200),
        "d0": Column("$d_0$", "mm", -1, 1),
        "label": Column("Label", "", -0.5, 1.5, 2),
    }

    def select(self, events: Any) -> Selection:
        """All events."""
        names = [name for name in ("event", *self.outputs) if name in events.fields]
        columns = {name: ak.Array(flat(events, name)[0]) for name in names}
        return columns, {"read": len(columns["event"])}


class TaggingFigures(Tagging):
    """Figures of tagging alone: their report is drawn in no time."""

    def plots(self, measured: Measured) -> list[Plot]:
        """None."""
        return []


def events(rows: int, seed: int = 1) -> dict[str, NDArray[Any]]:
    """Branches of so many events."""
    random = np.random.default_rng(seed)
    label = (random.random(rows) < 0.5).astype(np.int32)
    return {
        "event": np.arange(rows, dtype=np.int64) + 1_000_000 * seed,
        "pt": (random.exponential(40, rows) + 5).astype(np.float32),
        "d0": (random.normal(0, 0.1, rows) + 0.1 * label).astype(np.float32),
        "label": label,
    }


def write_events(path: Path, branches: Mapping[str, NDArray[Any]]) -> Path:
    """Write a ROOT file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w+b") as opened, uproot.recreate(opened) as file:
        file.mktree("tree", {name: values.dtype for name, values in branches.items()})
        file["tree"].extend(dict(branches))
    return path


def toy_values(files: str, **changes: Any) -> dict[str, Any]:
    """A job file's values."""
    values: dict[str, Any] = {
        "study": "toy",
        "processor": {"kind": "tests.jobs.toys:Toy"},
        "samples": {"s": {"tree": "tree", "files": [files]}},
        "chunk_entries": 1000,
        "target": {"truth": "label"},
        "feature_sets": {"f": ["pt", "d0"]},
        "baseline": "d0",
        "models": {
            "d0": {"kind": "column", "column": "d0"},
            "brt": {
                "kind": "boosted_trees",
                "features": "f",
                "objective": "logistic",
                "depth": 2,
                "rounds": 5,
                "minimum_entries": 10,
            },
        },
        "measures": {
            "tagging": {
                "kind": "tagging",
                "truth": "label",
                "classes": ["background", "signal"],
                "signal": "signal",
                "points": {"column": "pt", "edges": [0, 50, 200], "efficiency": 0.5},
            }
        },
    }
    return values | changes


def figures_alone() -> dict[str, Any]:
    """The toy's measures without their plots."""
    tagging = toy_values("")["measures"]["tagging"]
    return {"tagging": tagging | {"kind": f"{__name__}:{TaggingFigures.__name__}"}}


def toy_job(files: str, **changes: Any) -> Job:
    """The job."""
    return Job.model_validate(toy_values(files, **changes))


def job_of(folder: Path, values: dict[str, Any]) -> Job:
    """The job of a file, job.yaml, with these values."""
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return load(path)
