"""Write a bundle in another format, and check the file before it is moved into place."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import RequestError, listing, nearest
from lineshape.engine.core.files import replacing
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.run_folder import RunFolder, read_job
from lineshape.engine.export.format import FORMATS, ExportedModel, Format, Values
from lineshape.engine.export.parity import Parity, compare, trial_rows
from lineshape.engine.export.rounding import rounding_of
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.learning.bundles import Bundle


@dataclass(frozen=True)
class Exported:
    """A written file, the result of its comparison with the bundle, and remarks on what its user must do."""

    path: Path
    parity: Parity
    remarks: list[str]


def formats() -> list[str]:
    """Return the names of all formats."""
    return [name.replace("_", "-") for name in FORMATS.names()]


def export(run: RunFolder, model: str, to: str, path: Path | None = None) -> list[Exported]:
    """Write a model of a run as a file, or as one for each of its folds and seeds.

    path: of the file, of several with the fold and seed before its ending; by default MODEL and the format's ending,
    under export/ in the run folder.

    Raises RequestError where there is no such model or format, or the format cannot hold the model, and RunError where
    a file's predictions differ from the bundle's; then that file is not left.
    """
    known = sorted(folder.name for folder in run.models.glob("*") if (folder / "bundle.json").is_file())
    if model not in known:
        raise RequestError(
            f"no bundle of model '{model}' in {run.models}: there are {', '.join(known) or 'none'}"
            f"{nearest(model, known)}"
        )
    if to not in formats():
        raise RequestError(f"unknown format '{to}': expected one of {', '.join(formats())}{nearest(to, formats())}")
    chosen = FORMATS.build(KindSpec(kind=to.replace("-", "_")), ("to",))
    bundle, store = Bundle.load(run.models / model), FeatureStore.load(run.features)
    if bundle.built.members():
        names = listing(bundle.part_names)
        raise RequestError(f"{model} is the mean of {names}: export each of these, and take the mean of what they give")
    target = path or run.exports / f"{model}{chosen.ending}"
    stem = target.name.removesuffix(chosen.ending) if target.name.endswith(chosen.ending) else target.stem
    found = []
    for part, leaf in bundle.leaves.items():
        subject = ExportedModel(leaf, store.columns, read_job(run).study, version("lineshape"))
        own = "_".join([stem, *part.split("/")]) + target.name.removeprefix(stem) if part else target.name
        found.append(_export(subject, store, chosen, target.with_name(own)))
    return [replace(found[0], remarks=[*found[0].remarks, *_on_parts(bundle)]), *found[1:]]


def _export(subject: ExportedModel, store: FeatureStore, chosen: Format, target: Path) -> Exported:
    """Write and compare the file of one training."""
    bundle, content = subject.bundle, chosen.content(subject)
    rows = trial_rows(store, bundle)
    judged = bundle if chosen.knows_conditions else _without_conditions(bundle)

    def rounding(some: NDArray[np.int64]) -> Values:
        return rounding_of(judged, _those(rows, some), lambda prediction: chosen.expected(subject, prediction))

    with replacing(target) as temporary:
        temporary.write_bytes(content)
        found = chosen.runtime(subject, temporary)(rows)
        parity = compare(chosen.expected(subject, judged.predict(rows)), found, rounding)
    return Exported(target, parity, chosen.remarks(subject))


def _on_parts(bundle: Bundle) -> list[str]:
    """Return how the files of several trainings become one estimate."""
    if not bundle.parts:
        return []
    found = []
    if folded := next((part for part in (bundle, *bundle.made_of) if part.is_folded), None):
        found.append(
            f"each of the {len(folded.part_names)} folds has its own file, for the events of that fold alone; "
            "docs/guide/folds.md has the function that gives an event's fold from its number"
        )
    if bundle.parts.joined == "mean":
        found.append(f"the estimate is the mean of {len(bundle.part_names)} files, one for each seed")
    return found


def _those(columns: Mapping[str, Any], rows: NDArray[np.int64]) -> dict[str, Any]:
    return {name: values[rows] for name, values in columns.items()}


def _without_conditions(bundle: Bundle) -> Bundle:
    settings = {key: value for key, value in bundle.model.settings.items() if key != "within"}
    return replace(bundle, model=KindSpec(kind=bundle.model.kind, **settings))
