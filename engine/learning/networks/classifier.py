"""Build a classifier: dense layers to one logit for two classes, or to a logit for each of several classes."""

from collections.abc import Sequence as Several
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.learning.blocks.scaling import Affine, Scalings
from lineshape.engine.learning.roles.model import Output
from lineshape.engine.learning.roles.network import Head, Network

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from lineshape.engine.learning.blocks.batch import Sequence


class Classifier(Network):
    """Classifier with outputs `logits` and `target`.

    `logits` is (n, 1) for two classes and (n, classes) for more; `target`, (n,), is the probability of class 1, or of
    the class `signal` where there are more than two.
    """

    outputs: ClassVar[tuple[str, ...]] = ("logits", "target")

    classes: Annotated[int, Field(gt=1)] = 2
    """Number of classes. Two classes have one logit; more have one each."""
    signal: Annotated[int, Field(ge=0)] = 1
    """Number of the class whose probability is the target where there are more than two; with two it is class 1."""

    @model_validator(mode="after")
    def _signal_is_a_class(self) -> Self:
        if self.signal >= self.classes:
            raise ValueError(f"signal ({self.signal}) is no class: expected 0 to {self.classes - 1}")
        return self

    @property
    def number_of_classes(self) -> int:
        """Number of classes that the network distinguishes."""
        return self.classes

    def build(self, scalings: Scalings) -> "nn.Module":
        """Return a module of input scaling and dense layers; the target, a label, is not scaled."""
        from torch import nn

        from lineshape.engine.learning.blocks.layers import EMPTY

        class Module(nn.Module):
            def __init__(self, settings: Classifier) -> None:
                super().__init__()
                self.signal = settings.signal
                self.trunk = settings.trunk(scalings, 1 if settings.classes == 2 else settings.classes)

            def forward(self, x: "Tensor", sequences: "Mapping[str, Sequence]" = EMPTY) -> dict[str, "Tensor"]:
                logits = self.trunk(x, sequences)
                one = logits.shape[1] == 1
                return {
                    "logits": logits,
                    "target": logits[:, 0].sigmoid() if one else logits.softmax(dim=1)[:, self.signal],
                }

        return Module(self)

    def read(self, outputs: dict[str, NDArray[np.float64]]) -> Output:
        """Return the probability of the signal, and of each class."""
        from scipy.special import expit, softmax

        logits = outputs["logits"]
        if logits.shape[1] == 1:
            return Output(outputs["target"], probabilities=np.hstack([expit(-logits), expit(logits)]))
        return Output(outputs["target"], probabilities=softmax(logits, axis=1))

    def named(self, outputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
        """Return the probability of each class."""
        import torch

        logits = outputs["logits"]
        if logits.shape[1] == 1:
            return {"probabilities": torch.cat([-logits, logits], dim=1).sigmoid()}
        return {"probabilities": logits.softmax(dim=1)}

    def heads(self, target: Affine) -> Several[Head]:
        """Return one head for the probability of class 1, or one for the probabilities of all classes."""
        if self.classes == 2:
            return [Head("target", 0, 1, "sigmoid")]
        return [Head("probabilities", 0, self.classes, "softmax")]
