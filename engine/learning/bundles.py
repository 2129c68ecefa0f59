"""Save and load bundles: trained models with all that they need to predict from named columns.

A bundle may be made of others, which predict in turn (folds) or together (an ensemble). Loading a bundle executes no
code from it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import RequestError, RunError, listing, reading_bundle, retraining
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.records import digest_of_file, read_record, save_record
from lineshape.engine.core.row_selection import meeting
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.core.seen_events import Seen
from lineshape.engine.core.split import Folds, SplitName, Target
from lineshape.engine.feature_store.event_numbers import exact
from lineshape.engine.learning.prediction import Prediction, in_parts, mean_of
from lineshape.engine.learning.roles.model import MODELS, REMARKS, Model, Output

Floats = NDArray[np.float64]
FILE = "bundle.json"
#: Subfolder of a bundle with what measures found on the validation split, which can be found again.
CALIBRATION = "calibration"
#: Between a model's name and that of one of its trainings; no name in a job file has it.
TRAINING = "#"


def model_of(name: str) -> str:
    """Return the model in the job file that a bundle is of, by the name that it is measured under."""
    return name.partition(TRAINING)[0]


@dataclass(frozen=True)
class Index:
    """Index of the bundles of a run.

    bundles: names of models that have one. left_out: reason by name of a model that has none. given: whether the
    bundles were taken from other runs.
    """

    bundles: tuple[str, ...]
    left_out: dict[str, str]
    given: bool = False


def read_index(folder: RunFolder) -> Index:
    """Return the index of a run's bundles; raises RequestError where there is none, RunError where it is damaged."""
    if not folder.index.is_file():
        raise RequestError(f"no models in {folder.models}: run 'lineshape train' first")
    return read_record(folder.index, Index, "run 'lineshape train' again, which keeps the bundles that are there")


def save_index(folder: RunFolder, index: Index) -> None:
    """Write the index of a run's bundles."""
    save_record(folder.index, vars(index))


@dataclass(frozen=True)
class BundleParts:
    """The bundles that a bundle is made of.

    names: of their folders, within its own. joined: by folds, where each predicts the events of its fold, in the order
    of folds; or by the mean of all.
    """

    names: tuple[str, ...]
    joined: Literal["folds", "mean"]


@dataclass(frozen=True)
class Bundle:
    """Trained model in a folder.

    name: as in the job file. features: input columns in order. target: the estimate is the output times `target.per`.
    digest: digest of all that the training depended on. provenance: facts about the training. seen: events that it was
    trained on, None for bundles of versions that did not record them. files: digests of the other files in the folder.
    parts: the bundles that it is made of, if any.
    """

    folder: Path
    name: str
    model: KindSpec
    features: tuple[str, ...]
    target: Target
    digest: str
    provenance: dict[str, Any]
    seen: Seen | None = None
    files: dict[str, str] = field(default_factory=dict)
    parts: BundleParts | None = None

    @classmethod
    def load(cls, folder: Path) -> "Bundle":
        """Read a bundle; raises RequestError where there is none, and RunError where it is damaged."""
        if not (folder / FILE).is_file():
            raise RequestError(f"no bundle in {folder}: run 'lineshape train' first")
        bundle = read_record(folder / FILE, cls, retraining(folder), folder=folder)
        bundle._check()
        return bundle

    def save(self) -> None:
        """Write bundle.json, which makes the folder a bundle."""
        self.folder.mkdir(parents=True, exist_ok=True)
        own = [path for path in sorted(self.folder.iterdir()) if path.is_file() and path.name != FILE]
        own = [path for path in own if path.name[0] != "."] + [self.folder / name / FILE for name in self.part_names]
        values = {
            "name": self.name,
            "model": {"kind": self.model.kind, **self.model.settings},
            "features": list(self.features),
            "target": self.target.model_dump(),
            "digest": self.digest,
            "provenance": self.provenance,
            "seen": self.seen.model_dump(mode="json") if self.seen else None,
            "files": {str(path.relative_to(self.folder)): digest_of_file(path) for path in own},
        }
        if self.parts:
            values["parts"] = vars(self.parts)
        save_record(self.folder / FILE, values)

    def _check(self) -> None:
        """Raise RunError where a file of the bundle is not as it was written.

        A model with a wrong bit is another model, and a damaged file may crash the C++ libraries that read it.
        """
        for name, known in self.files.items():
            with reading_bundle(self.folder / name):
                if digest_of_file(self.folder / name) != known:
                    raise ValueError("its content is not what was written")

    @property
    def part_names(self) -> tuple[str, ...]:
        """Names of the folders of its parts; none where it is not made of any."""
        return self.parts.names if self.parts else ()

    @cached_property
    def made_of(self) -> "list[Bundle]":
        """Bundles that it is made of, in order; none where it is not."""
        return [Bundle.load(self.folder / name) for name in self.part_names]

    @property
    def leaves(self) -> "dict[str, Bundle]":
        """Bundles of all trainings behind it, by their path within its folder: its own, under '', or those of parts."""
        if not self.parts:
            return {"": self}
        named = zip(self.part_names, self.made_of, strict=True)
        return {f"{name}/{path}".rstrip("/"): leaf for name, part in named for path, leaf in part.leaves.items()}

    @property
    def learnt_from(self) -> set[str] | None:
        """Samples that the trainings behind it learnt from; None where one learnt from all."""
        every = [leaf.built.choice.samples for leaf in self.leaves.values()]
        return None if any(each is None for each in every) else {name for each in every for name in each or ()}

    @property
    def is_folded(self) -> bool:
        """Whether each fold is predicted by another model."""
        return self.parts is not None and self.parts.joined == "folds"

    @property
    def columns(self) -> list[str]:
        """Names of the columns that a prediction needs."""
        if self.built.members():
            return list(dict.fromkeys(name for part in self.made_of for name in part.columns))
        per = [self.target.per] if self.target.per else []
        event = ["event"] if any(each.is_folded for each in (self, *self.made_of)) else []
        return list(dict.fromkeys([*self.features, *self.lists, *per, *self.built.within, *event]))

    @property
    def lists(self) -> tuple[str, ...]:
        """Names of those of them that are jagged."""
        if self.built.members():
            return tuple(dict.fromkeys(name for part in self.made_of for name in part.lists))
        return self.built.lists()

    @property
    def trainings(self) -> "dict[str, Bundle]":
        """Bundles of which it is the mean and that differ by their seeds alone, by the names they are measured under.

        A name is that of the model and of the seed, as in 'mdn#seed_1'.
        """
        if not self.parts or self.parts.joined != "mean" or self.built.members():
            return {}
        return {f"{self.name}{TRAINING}{part}": each for part, each in zip(self.part_names, self.made_of, strict=True)}

    @cached_property
    def built(self) -> Model:
        """Model that is built from its settings."""
        return MODELS.build(self.model, ("model",))

    @property
    def label(self) -> str:
        """Name in plots and tables."""
        return self.built.label or self.name

    def labelled(self, label: str) -> "Bundle":
        """Return the bundle under a name in plots and tables that may not be the one at its training."""
        return replace(self, model=KindSpec.model_validate({**self.model.model_dump(), "label": label}))

    @property
    def remarks(self) -> list[str]:
        """Remarks on the training."""
        before = [self.provenance["remark"]] if self.provenance.get("remark") else []  # of an earlier version
        behind: dict[str, list[str]] = {}
        for name, part in zip(self.part_names, self.made_of, strict=True):
            for remark in part.remarks:
                behind.setdefault(remark, []).append(name if self.built.members() else name.replace("_", " "))
        joined = [f"{listing(names)}: {remark}" for remark, names in behind.items()]
        return [*before, *self.provenance.get(REMARKS, []), *joined]

    @cached_property
    def _predict(self) -> Any:
        return self.built.load(self.folder)

    @property
    def gives(self) -> tuple[str, ...]:
        """Names of the components of the estimate."""
        return self.built.gives(self.target, self.features)

    @cached_property
    def log_density_ratio(self) -> Callable[[Floats, Floats], Floats] | None:
        """Function ln p(v, θ) / (p(v) p(θ)) of estimates v and values θ of the target; None if the model has none."""
        if self.parts:
            return None
        return self.built.load_log_density_ratio(self.folder)

    def predict(self, columns: Mapping[str, Any], split: SplitName = "test") -> Prediction:
        """Predict from named columns of n values, or n lists, each; raises RequestError where one is missing.

        split: with folds, each event is predicted by the model in whose test, validation or training split it is.
        """
        return self._through(columns, split, lambda leaf: leaf._predict)

    def predict_exactly(self, columns: Mapping[str, Any]) -> Prediction:
        """Predict in the model's highest precision (float64 for networks); the difference is that of rounding."""
        return self._through(columns, "test", lambda leaf: leaf.built.load_exact(leaf.folder))

    def _through(self, columns: Mapping[str, Any], split: SplitName, predict: "Callable[[Bundle], Any]") -> Prediction:
        """Predict with the parts, or itself where there are none."""
        if not self.parts:
            return self._of(columns, predict(self))
        if self.parts.joined == "mean":
            return mean_of([part._through(columns, split, predict) for part in self.made_of])
        self._require(columns)
        arrays: dict[str, Any] = {name: np.asarray(columns[name]) for name in self.columns if name not in self.lists}
        arrays |= self._lists(columns)
        event = exact(np.asarray(arrays["event"]), f"bundle {self.name}, column event")
        of = Folds(folds=len(self.made_of)).model_of(event, split)
        found = []
        for number, part in enumerate(self.made_of):
            rows = np.flatnonzero(of == number)
            # Without objects, the first tells what a prediction holds.
            if len(rows) or (not len(event) and not number):
                own = {name: each[rows] for name, each in arrays.items()}
                found.append((rows, part._through(own, split, predict)))
        return in_parts(len(event), found)

    def _require_rows(self, output: Output, rows: int) -> None:
        """Raise RunError where a model's output does not have the shape (rows,), or (rows, components) for a vector."""
        number = len(self.gives)
        expected = (rows,) if number == 1 else (rows, number)
        if output.target.shape != expected:
            raise RunError(
                f"model {self.name} (kind {self.model.kind}) gives estimates of shape {output.target.shape} for "
                f"{rows:,} rows: expected {expected}"
            )
        others = {"probabilities": output.probabilities, "mixture": output.mixture.means if output.mixture else None}
        for name, values in others.items():
            if values is not None and (values.ndim != 2 or len(values) != rows):
                raise RunError(
                    f"model {self.name} (kind {self.model.kind}) gives {name} of shape {values.shape} for {rows:,} "
                    f"rows: expected ({rows}, …)"
                )

    def _require(self, columns: Mapping[str, Any]) -> None:
        """Raise RequestError where a column is missing."""
        missing = [name for name in self.columns if name not in columns]
        if missing:
            why = ", by which it knows the fold of each event" if missing == ["event"] else ""
            raise RequestError(f"bundle {self.name} needs columns {', '.join(missing)}, which were not given{why}")

    def _lists(self, columns: Mapping[str, Any]) -> dict[str, Jagged]:
        """Return the jagged columns that a prediction needs."""
        found = {name: columns[name] for name in self.lists}
        return {name: values if isinstance(values, Jagged) else Jagged.of(values) for name, values in found.items()}

    def _of(self, columns: Mapping[str, Any], predict: Any) -> Prediction:
        self._require(columns)
        x = np.column_stack([np.asarray(columns[name], dtype=np.float64) for name in self.features])
        output: Output = predict(x, self._lists(columns))
        self._require_rows(output, len(x))
        if self.built.within:
            outside = ~meeting(self.built.within, columns, len(x))
            output.target[outside] = np.nan
        per = np.asarray(columns[self.target.per], dtype=np.float64) if self.target.per else 1.0
        if not self.built.trains:
            # A quantity that is already in the file is the estimate itself.
            return Prediction(output.target, output.target / per)
        mixture = output.mixture
        spread = mixture.sigma / np.abs(mixture.mean) if mixture else None
        if spread is not None:
            spread = np.where(np.isnan(output.target), np.nan, spread)
        return Prediction(output.target * per, output.target, spread, mixture, output.probabilities)
