"""Check shapes of what networks, losses and penalties return, which torch would broadcast silently.

This module imports torch; import it where it is used.
"""

from collections.abc import Iterable, Mapping

from torch import Tensor

from lineshape.engine.core.errors import RunError
from lineshape.engine.learning.blocks.batch import Batch


def require_outputs(outputs: Mapping[str, Tensor], batch: Batch, network: object) -> None:
    """Raise RunError where outputs do not have the batch's rows, or output `target` not the shape of the target.

    Otherwise a loss of shapes (n, 1) and (n,) would be one of all pairs of rows.
    """
    for name, values in outputs.items():
        expected = (tuple(batch.target.shape),) if name == "target" else ((len(batch), "…"),)
        fits = values.shape == batch.target.shape if name == "target" else values.shape[:1] == (len(batch),)
        if not fits:
            raise RunError(
                f"network {_called(network)} gives output '{name}' of shape {tuple(values.shape)} for a batch whose "
                f"target has the shape {tuple(batch.target.shape)}: expected {_shown(expected)}"
            )


def require_rows(values: object, batch: Batch, what: str, kind: object, outputs: Mapping[str, Tensor]) -> Tensor:
    """Return the values if they are one per row, or one per component of the target; else raise RunError."""
    expected = ((len(batch),), *((tuple(batch.target.shape),) if batch.target.dim() > 1 else ()))
    if isinstance(values, Tensor) and tuple(values.shape) in expected:
        return values
    seen = ", ".join(f"{name} {tuple(each.shape)}" for name, each in outputs.items())
    raise RunError(
        f"{what} ({_called(kind)}) gives {_found(values)} for a batch of {len(batch):,} rows: expected "
        f"{_shown(expected)}, one value a row. It is given outputs {seen} and a target {tuple(batch.target.shape)}, "
        "which broadcast where their shapes differ"
    )


def require_number(value: object, what: str, kind: object) -> Tensor:
    """Return the value if it is one number of a batch; else raise RunError."""
    if isinstance(value, Tensor) and value.dim() == 0:
        return value
    raise RunError(f"{what} ({_called(kind)}) gives {_found(value)}: expected (), one number of the whole batch")


def require_losses(found: Mapping[str, Tensor], names: Iterable[str], learner: object) -> Mapping[str, Tensor]:
    """Return the losses of a batch; raises RunError where one in `names` is missing, or is not one number."""
    for name in names:
        if name not in found:
            raise RunError(f"{_called(learner)} gives no loss '{name}': it gives {', '.join(found) or 'none'}")
        require_number(found[name], f"loss '{name}'", learner)
    return found


def _found(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"{type(value).__name__} {value!r:.60}, no tensor"


def _shown(shapes: Iterable[tuple[object, ...]]) -> str:
    return " or ".join("(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")" for shape in shapes)


def _called(kind: object) -> str:
    """Return the name of the class, with its module where it is a user's own."""
    of = type(kind)
    return of.__name__ if of.__module__.startswith("lineshape.") else f"{of.__module__}:{of.__qualname__}"
