"""Define the base class of formats: how a bundle is written, and how its file is read by independent software."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.columns import Column
from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.role import Role
from lineshape.engine.core.settings import Settings
from lineshape.engine.core.split import Fold
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.learning.models.network_model import NetworkModel
from lineshape.engine.learning.prediction import Prediction
from lineshape.engine.learning.roles.encoder import Encoder

#: Order of the objects in a list, as the study's processor makes it.
IN_ORDER: Final = "falling pT"
#: Values by output name, (n,) or (n, several).
Values = dict[str, NDArray[np.float64]]
#: Function from columns of n values, or n lists, to values.
Runtime = Callable[[Mapping[str, Any]], Values]


@dataclass(frozen=True)
class ExportedModel:
    """A bundle to be exported, the metadata of its columns, the study's name and the version of lineshape."""

    bundle: Bundle
    column_metadata: Mapping[str, Column]
    study: str
    version: str

    def unit(self, column: str) -> str:
        """Return the unit of a column, empty where it has none."""
        return self.column_metadata[column].unit if column in self.column_metadata else ""

    def label(self, column: str) -> str:
        """Return the label of a column, or its name where it has no metadata."""
        return self.column_metadata[column].plain if column in self.column_metadata else column

    @property
    def about(self) -> dict[str, str]:
        """Metadata of a file: inputs with their units, the target, and the model's provenance, as JSON."""
        bundle = self.bundle
        flat = [name for name in bundle.columns if name not in bundle.lists]
        inputs = [{"name": name, "unit": self.unit(name), "label": self.label(name)} for name in flat]
        lists = [
            {"name": name, "unit": self.unit(name), "label": self.label(name), "most": encoder.most, "order": IN_ORDER}
            for encoder in encoders_of(bundle).values()
            for name in encoder.columns
        ]
        target = {**bundle.target.model_dump(), "unit": self.unit(bundle.target.truths[0])}
        values = {
            "study": self.study,
            "model": bundle.name,
            "kind": bundle.model.kind,
            "features": list(bundle.features),
            "inputs": [*inputs, *lists],
            "target": target,
            "within": bundle.built.model_dump(mode="json")["within"],
            "digest": bundle.digest,
            "events": self._events,
            "provenance": bundle.provenance,
            "lineshape": self.version,
        }
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}

    @property
    def _events(self) -> dict[str, int] | str:
        """The events that a file is for: of one fold, or all."""
        own = self.bundle.seen.own if self.bundle.seen else None
        return own.model_dump() if isinstance(own, Fold) else "all"


def encoders_of(bundle: Bundle) -> Mapping[str, Encoder]:
    """Return the encoders of the model's lists, by the name of each kind of list."""
    model = bundle.built
    return model.predicting.encoders if isinstance(model, NetworkModel) else {}


class Format(Settings, ABC):
    """A kind of format. Its name is that of its module, with a hyphen for each underscore."""

    #: Ending of the file's name.
    ending: ClassVar[str]
    #: Whether the file gives NaN for objects that do not meet the model's conditions (`within`).
    knows_conditions: ClassVar[bool] = True

    @abstractmethod
    def content(self, subject: ExportedModel) -> bytes:
        """Return the file's content; raise RequestError, naming the layer, where the format cannot hold the model."""

    @abstractmethod
    def runtime(self, subject: ExportedModel, path: Path) -> Runtime:
        """Return a function that runs the file in a runtime that shares no code with what wrote it."""

    @abstractmethod
    def expected(self, subject: ExportedModel, prediction: Prediction) -> Values:
        """Return what the runtime should give, derived from the bundle's prediction."""

    def remarks(self, subject: ExportedModel) -> list[str]:
        """Return what a user of the file must do that the format cannot."""
        return []


#: Export formats, by kind.
FORMATS: Final = Role("export format", "lineshape.engine.export.formats", Format, "--to")


def beside(prediction: Prediction) -> Values:
    """Return all parts of a prediction other than the target, by their names in files."""
    mixture = prediction.mixture
    found: Values = {}
    if mixture:
        found = {"weights": mixture.weights, "means": mixture.means, "sigmas": mixture.sigmas}
    if prediction.probabilities is not None:
        found["probabilities"] = prediction.probabilities
    return found


def needs(extra: str, error: ImportError) -> RequestError:
    """Return the error that an optional package is missing."""
    return RequestError(f"this format needs {error.name}: pip install 'lineshape[{extra}]'")


def left_to_user(subject: ExportedModel) -> list[str]:
    """Return what the user of a file that gives the bare target must still do with it."""
    bundle = subject.bundle
    remarks = [f"the estimate of {bundle.target.truth} is the output times {bundle.target.per}"]
    remarks = remarks if bundle.target.per else []
    if bundle.built.within:
        conditions = ", ".join(f"{name}: {condition}" for name, condition in bundle.built.within.items())
        remarks.append(f"the model is for objects with {conditions} alone")
    return remarks
