"""Read how a job file weights rows: by columns, cross-sections and luminosity, in figures and in trainings."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.row_weight import RowWeight, ScaledRows
from lineshape.engine.core.settings import Names, Settings
from lineshape.engine.core.validation import SettingsError
from lineshape.engine.input.generated_sum import GENERATED
from lineshape.engine.learning.roles.model import MODELS

#: Kind of weight that trainings take the job's weight by.
_EVENT: Final = "event"
#: Events of 1 pb in 1 fb⁻¹.
_PB_PER_FB: Final = 1000.0


class TrainingWeights(Settings):
    """Use of the weights in trainings."""

    use: bool = True
    """Whether trainings take the weights; false: all rows count the same, but for a model's own `weight`."""
    negative: Literal["refuse", "keep", "drop", "absolute"] = "refuse"
    """Negative weights in trainings. refuse: say so and train nothing; keep them, which networks can where the sum of a
    batch is positive, and XGBoost cannot; drop: such rows count nothing; absolute: without their sign. Figures are of
    all rows with their weights in any case.
    """
    balance: bool = False
    """Whether each class of the target has the same sum of weights."""


class Weighting(Settings):
    """The weight of each row: a product of columns, times the factor of its sample."""

    columns: Names = []
    """Columns of the feature store that are multiplied; empty: none."""
    scaled: list[ScaledRows] = []
    """Rows whose weights are multiplied, by sample and conditions on columns of the feature store; empty: none."""
    generated: Annotated[KindSpec, GENERATED] | None = None
    """Where files keep the sum of the weights of all generated events, which a cross-section needs; null: nowhere."""
    training: TrainingWeights = TrainingWeights()
    """Use of the weights in trainings."""


def is_scaled(sample: Any) -> bool:
    """Return whether a sample's settings give its rows a factor."""
    return sample.cross_section is not None or sample.scale != 1


def check_weights(samples: Mapping[str, Any], weight: Weighting | None, luminosity: float | None) -> None:
    """Raise SettingsError where a cross-section lacks a luminosity or the sums of weights, or their kind is wrong."""
    if weight is not None and weight.generated is not None:
        GENERATED.build(weight.generated, ("weight", "generated"))
    for name in _with_cross_section(samples):
        place = ("samples", name, "cross_section")
        if luminosity is None:
            raise SettingsError.at(place, "a cross-section needs the job's 'luminosity', in fb⁻¹: expected both")
        if weight is None or weight.generated is None:
            raise SettingsError.at(
                place,
                "a cross-section needs the sum of generated weights: expected 'generated' under the job's 'weight', "
                "such as {kind: branch_sum, tree: Runs, branch: genEventSumw}; see 'lineshape kinds'",
            )


def check_cross_sections(samples: Mapping[str, Any], weight: Weighting | None, luminosity: float | None) -> None:
    """Raise SettingsError where no sample has a cross-section, and a luminosity or sums of weights have no use."""
    if samples and not _with_cross_section(samples):
        if luminosity is not None:
            raise SettingsError.at(("luminosity",), "no sample has a 'cross_section' in pb, which it would scale")
        if weight is not None and weight.generated is not None:
            raise SettingsError.at(("weight", "generated"), "no sample has a 'cross_section', which needs it")


def _with_cross_section(samples: Mapping[str, Any]) -> list[str]:
    return [name for name, sample in samples.items() if sample.cross_section is not None]


def with_training_weights(values: Any) -> Any:
    """Return a job file's values in which each model that is trained takes the job's weight, with its own as a factor.

    A run folder's job file has them already, of the settings that were; they become those of now.

    Raises SettingsError where a model cannot.
    """
    if not isinstance(values, dict) or not isinstance(values.get("models"), dict) or not _has_weights(values):
        return values
    weight = values.get("weight")
    training = (weight.get("training") if isinstance(weight, dict) else None) or {}
    target = values.get("target") if isinstance(values.get("target"), dict) else {}
    models = {
        name: _weighted(name, model, training, target) if isinstance(model, dict) else model
        for name, model in values["models"].items()
    }
    return dict(values) | {"models": models}


def _has_weights(values: dict[str, Any]) -> bool:
    samples = values.get("samples")
    return isinstance(values.get("weight"), dict) or (
        isinstance(samples, dict)
        and any(
            isinstance(each, dict) and (each.get("cross_section") is not None or each.get("scale", 1) != 1)
            for each in samples.values()
        )
    )


def _weighted(name: str, model: dict[str, Any], training: Any, target: Any) -> dict[str, Any]:
    """Return the values of a model with the weight of a training; those of one that is not trained as they are."""
    try:
        kind = MODELS.find(str(model.get("kind")))
    except RequestError:
        return model
    own = model.get("weight")
    if not kind.trains:
        return model
    if isinstance(own, dict) and own.get("kind") == _EVENT:
        own = own.get("times")
    if isinstance(training, dict) and training.get("use") in (False, "false"):
        rest = {key: value for key, value in model.items() if key != "weight"}
        return rest if own is None else rest | {"weight": own}
    if "weight" not in kind.model_fields:
        raise SettingsError.at(
            ("models", name),
            f"kind {model['kind']} cannot take the job's weights in its training: set 'use: false' under "
            "'weight.training', and all rows count the same in trainings",
        )
    settings = {key: training[key] for key in ("negative",) if isinstance(training, dict) and key in training}
    if isinstance(training, dict) and training.get("balance") in (True, "true"):
        settings["classes"] = model.get("truth") or (target or {}).get("truth")
    return model | {"weight": {"kind": _EVENT, **settings, **({} if own is None else {"times": own})}}


def row_weight(
    weight: Weighting | None, samples: Mapping[str, Any], luminosity: float | None, generated: Mapping[str, float]
) -> RowWeight:
    """Return the weight of rows.

    generated: sum of generated weights of each sample with a cross-section.

    Raises RequestError where such a sum is not above zero.
    """
    factors = {}
    for name, sample in samples.items():
        factors[name] = float(sample.scale)
        if sample.cross_section is not None and name in generated:
            if not generated[name] > 0:
                raise RequestError(
                    f"sample {name}: its sum of generated weights is {generated[name]:g}: expected a number above zero"
                )
            factors[name] *= sample.cross_section * (luminosity or 0) * _PB_PER_FB / generated[name]
    bare = [name for name, sample in samples.items() if not sample.weighted]
    columns, scaled = (weight.columns, weight.scaled) if weight else ([], [])
    return RowWeight(columns=columns, factors=factors, bare=bare, scaled=scaled)
