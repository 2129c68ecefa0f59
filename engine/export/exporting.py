"""Write a bundle in another format, and check the file before it is moved into place."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import RequestError, nearest
from lineshape.engine.core.files import replacing
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.run_folder import RunFolder, read_job
from lineshape.engine.export.format import FORMATS, ExportedModel, Values
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


def export(run: RunFolder, model: str, to: str, path: Path | None = None) -> Exported:
    """Write a model of a run as a file; by default MODEL and the format's ending, under export/ in the run folder.

    Raises RequestError where there is no such model or format, or the format cannot hold the model, and RunError where
    the file's predictions differ from the bundle's; then no file is left.
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
    subject = ExportedModel(bundle, store.columns, read_job(run).study, version("lineshape"))
    content = chosen.content(subject)
    target = path or run.exports / f"{model}{chosen.ending}"
    rows = trial_rows(store, bundle)
    judged = bundle if chosen.knows_conditions else _without_conditions(bundle)

    def rounding(some: NDArray[np.int64]) -> Values:
        return rounding_of(judged, _those(rows, some), lambda prediction: chosen.expected(subject, prediction))

    with replacing(target) as temporary:
        temporary.write_bytes(content)
        found = chosen.runtime(subject, temporary)(rows)
        parity = compare(chosen.expected(subject, judged.predict(rows)), found, rounding)
    return Exported(target, parity, chosen.remarks(subject))


def _those(columns: Mapping[str, Any], rows: NDArray[np.int64]) -> dict[str, Any]:
    return {name: values[rows] for name, values in columns.items()}


def _without_conditions(bundle: Bundle) -> Bundle:
    settings = {key: value for key, value in bundle.model.settings.items() if key != "within"}
    return replace(bundle, model=KindSpec(kind=bundle.model.kind, **settings))
