"""Processors that can, and that cannot, be traced back to the objects of a file, and a bundle that repeats a column."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import awkward as ak
import numpy as np

from lineshape.engine.core.columns import Column
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.settings import Settings
from lineshape.engine.core.split import Target
from lineshape.engine.input.events import flat, per_object
from lineshape.engine.input.study import Selection, Study
from lineshape.engine.job.job import Job
from lineshape.engine.learning.bundles import Bundle


class PtCut(Settings):
    """Lowest pT, in the file's unit."""

    minimum: float = 20.0


class SomeObjects(Study):
    """Objects above a threshold."""

    Settings: ClassVar[type[Settings]] = PtCut
    settings: PtCut
    inputs: ClassVar[Mapping[str, str | tuple[str | None, ...]]] = {"event": "event", "pt": "Jet_pt"}
    outputs: ClassVar[Mapping[str, Column]] = {"pt": Column("$p_T$", "GeV", 0, 100)}

    def select(self, events: Any) -> Selection:
        """One row an object."""
        return self.above(per_object(events, like="pt"))

    def above(self, objects: Mapping[str, Any]) -> Selection:
        passed = objects["pt"] > self.settings.minimum
        return {name: ak.Array(objects[name][passed]) for name in ("event", "pt")}, {"read": len(passed)}


class LateObjects(SomeObjects):
    """The objects of events that pass another cut first."""

    def select(self, events: Any) -> Selection:
        """Leave out every third event."""
        return self.above(per_object(events[np.arange(len(events)) % 3 > 0], like="pt"))


class LeadingObject(SomeObjects):
    """One row an event that has any object."""

    def select(self, events: Any) -> Selection:
        """Take the first object."""
        some = ak.num(events["pt"]) > 0
        pt = ak.to_numpy(ak.firsts(events["pt"][some]))
        return self.above({"event": flat(events, "event")[0][ak.to_numpy(some)], "pt": pt})


class FlatRows(SomeObjects):
    """One row an event, of a file with one value in each."""

    def select(self, events: Any) -> Selection:
        """Take events above the threshold."""
        return self.above({name: flat(events, name)[0] for name in ("event", "pt")})


class SortedObjects(SomeObjects):
    """Objects in another order than the file's: in whichever, when per_object sees them."""

    def select(self, events: Any) -> Selection:
        """Sort before they are flattened."""
        columns = {"event": events["event"], "pt": ak.sort(events["pt"], ascending=True)}
        return self.above(per_object(ak.zip(columns, depth_limit=1), like="pt"))


class RepeatedObjects(SomeObjects):
    """Rows made without per_object: several of one event."""

    def select(self, events: Any) -> Selection:
        """Repeat the event's number by hand."""
        pt, counts = flat(events, "pt")
        return self.above({"event": np.repeat(flat(events, "event")[0], counts), "pt": pt})


class HashedObjects(SomeObjects):
    """A column that is computed from the event's number."""

    def select(self, events: Any) -> Selection:
        """Smear by the number."""
        objects = per_object(events, like="pt")
        objects["pt"] = objects["pt"] + (objects["event"] % 7).astype(np.float32)
        return self.above(objects)


class RenumberedObjects(SomeObjects):
    """Event numbers that are not those of the file."""

    def select(self, events: Any) -> Selection:
        """Add one."""
        objects = per_object(events, like="pt")
        objects["event"] = objects["event"] + np.ones(1, dtype=objects["event"].dtype)
        return self.above(objects)


class UnseededObjects(SomeObjects):
    """Random numbers without a seed."""

    def select(self, events: Any) -> Selection:
        """Smear differently each time."""
        objects = per_object(events, like="pt")
        objects["pt"] = objects["pt"] * np.random.default_rng().normal(1, 0.01, len(objects["pt"]))
        return self.above(objects)


def job_of(study: type[Study], files: list[Path], tree: str = "Events", **changes: Any) -> Job:
    """A job with one of the processors, on given files."""
    values: dict[str, Any] = {
        "study": "traced",
        "processor": {"kind": f"{study.__module__}:{study.__name__}"},
        "samples": {"data": {"tree": tree, "files": [str(path) for path in files]}},
        "chunk_entries": 15,
        "target": {"truth": "pt"},
        "models": {"pt": {"kind": "column", "column": "pt"}},
        "baseline": "pt",
        "measures": {"agreement": {"kind": "agreement"}},
    }
    return Job.model_validate(values | changes)


def column_bundle(folder: Path, column: str = "pt") -> Bundle:
    """A bundle whose estimate is a column."""
    bundle = Bundle(
        folder, column, KindSpec(kind="column", column=column), (column,), Target(truth=column), "digest", {}
    )
    bundle.save()
    return Bundle.load(folder)
