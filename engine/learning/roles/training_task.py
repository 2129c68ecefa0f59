"""Describe one training, as JSON that is passed to a worker and from it to the ranks that it starts."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from lineshape.engine.core.files import write_json
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.records import read_record
from lineshape.engine.core.row_selection import Choice
from lineshape.engine.core.split import AnyDivision, Target
from lineshape.engine.learning.roles.dataset import Dataset
from lineshape.engine.learning.roles.weight import built_weight


@dataclass(frozen=True)
class TrainingTask:
    """Model to train, with its data, its folders and its place among the workers that train together.

    folder: where the bundle is written. scratch: folder of the checkpoints that a training resumes from; removed when
    the bundle is complete. node, nodes: index of this worker, and number of workers that train together. ranks:
    processes per worker. attempt: identifier of one start of all of them. gpu: whether the worker granted a GPU.
    """

    name: str
    model: KindSpec
    data: Dataset
    seed: int
    folder: Path
    scratch: Path
    node: int = 0
    nodes: int = 1
    ranks: int = 1
    attempt: str = ""
    gpu: bool = False

    def save(self, path: Path) -> None:
        """Write the task as JSON."""
        values = {name: value for name, value in vars(self).items() if name not in {"model", "data"}}
        data = {"target": self.data.target.model_dump(), "split": self.data.split.model_dump()}
        own = {"store": str(self.data.store.resolve()), "features": list(self.data.features)}
        data["choice"] = self.data.choice.model_dump()
        spec = {"kind": self.model.kind, **self.model.settings}
        write_json(path, json.loads(json.dumps(values, default=str)) | {"model": spec, "data": own | data})

    @classmethod
    def load(cls, path: Path) -> "TrainingTask":
        """Read a task from JSON."""
        values: dict[str, Any] = read_record(path, dict[str, Any], "run the same command again")
        data = values.pop("data")
        spec = KindSpec(**values["model"])
        dataset = Dataset(
            Path(data["store"]),
            tuple(data["features"]),
            Target(**data["target"]),
            TypeAdapter[AnyDivision](AnyDivision).validate_python(data["split"]),
            Choice(**data["choice"]),
            built_weight(spec.settings.get("weight")),
        )
        values |= {name: Path(values[name]) for name in ("folder", "scratch")}
        return cls(**values | {"model": spec, "data": dataset})
