"""A neural model: a network and a loss, trained by the one loop."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.errors import RequestError, nearest
from lineshape.engine.kinds import KindSpec, build
from lineshape.engine.learning.dataset import Dataset
from lineshape.engine.learning.history import History
from lineshape.engine.learning.losses.loss import Loss
from lineshape.engine.learning.models.model import Model, Output, Report
from lineshape.engine.learning.networks.network import Network
from lineshape.engine.learning.scaling import Affine, Scaling, logarithm, robust, standard
from lineshape.engine.learning.threads import threads

if TYPE_CHECKING:
    from lineshape.engine.learning.loop import Recipe

_FILE = "weights.pt"
_SCALINGS = {"standard": standard, "robust": robust}


class Neural(Model):
    """A network, a loss and how it is fitted.

    scaling: which features are scaled how: by mean and standard deviation, as they are (standard) or of the logarithm
    (logarithm), or by median and half the central 68 % (robust), which a long tail cannot move; a feature that is not
    named is left as it is. target_scaling: how the target is. mirrored: features whose sign means nothing (η in a
    symmetric detector): it is drawn anew each time a row is trained on. average: decay of the running average of the
    weights; 0 for none.
    """

    network: KindSpec
    loss: KindSpec
    scaling: dict[Literal["standard", "robust", "logarithm"], list[str] | Literal["all"]] = {"standard": "all"}
    target_scaling: Literal["standard", "robust"] = "standard"
    mirrored: list[str] = []
    epochs: Annotated[int, Field(gt=0)] = 30
    batch: Annotated[int, Field(gt=0)] = 1024
    rate: Annotated[float, Field(gt=0)] = 1e-3
    patience: Annotated[int, Field(gt=0)] = 10
    clip: Annotated[float, Field(gt=0)] = 1.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0

    @model_validator(mode="after")
    def _kinds_exist(self) -> Self:
        _ = self.built_network, self.built_loss
        logarithms = self.scaling.get("logarithm", [])
        if both := [name for name in self.mirrored if logarithms == "all" or name in logarithms]:
            raise ValueError(f"mirrored: {', '.join(both)} is scaled by its logarithm, and so has no sign to be drawn")
        return self

    @cached_property
    def built_network(self) -> Network:
        """The network's kind with its settings."""
        return build("lineshape.engine.learning.networks", Network, self.network, ("network",))

    @cached_property
    def built_loss(self) -> Loss:
        """The loss's kind with its settings."""
        return build("lineshape.engine.learning.losses", Loss, self.loss, ("loss",))

    def check(self, known: list[str]) -> None:
        """Raise RequestError where a feature is to be scaled that no feature set of the job has."""
        named = {"scaling": [name for names in self.scaling.values() if names != "all" for name in names]}
        for setting, names in (named | {"mirrored": self.mirrored}).items():
            for name in names:
                if name not in known:
                    raise RequestError(f"{setting}: '{name}' is not a feature of this job{nearest(name, known)}")

    def parts(self) -> list[object]:
        """The model, its network and its loss."""
        return [self, self.built_network, self.built_loss]

    def train(self, data: Dataset, folder: Path, seed: int, report: Report) -> dict[str, object]:
        """Fit the network; the same data, seed and number of threads give the same weights."""
        import torch

        from lineshape.engine.learning.loop import Rows, fit

        torch.set_num_threads(threads())
        torch.manual_seed(seed)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        (x, target), (validation_x, validation_target) = data.load("training"), data.load("validation")
        data.require_finite(x)
        data.require_finite(validation_x)
        module = self.built_network.build(
            self._scaling(x, data.features), _SCALINGS[self.target_scaling](target[:, np.newaxis])
        ).to(device)
        scale = torch.tensor(_SCALINGS[self.target_scaling](target[:, np.newaxis]).scale, device=device)
        history = History(folder)

        def epoch_done(epoch: int, losses: dict[str, float]) -> None:
            history.add(epoch, losses)
            report(epoch, self.epochs, f"validation {losses['validation']:.4f}")

        facts = fit(
            module,
            lambda outputs, t: self.built_loss(outputs, t, scale),
            Rows(torch.from_numpy(x).to(device), torch.from_numpy(target).to(device)),
            Rows(torch.from_numpy(validation_x).to(device), torch.from_numpy(validation_target).to(device)),
            self._recipe(data.features),
            seed,
            epoch_done,
        )
        torch.save(module.cpu().state_dict(), folder / _FILE)
        parameters = sum(parameter.numel() for parameter in module.parameters())
        rows = {"training_rows": len(target), "validation_rows": len(validation_target)}
        return facts | rows | {"parameters": parameters, "loss": self.loss.kind}

    def _recipe(self, features: tuple[str, ...]) -> "Recipe":
        from lineshape.engine.learning.loop import Recipe

        shared = {name: getattr(self, name) for name in Recipe.__dataclass_fields__ if name != "mirrored"}
        return Recipe(**shared, mirrored=tuple(features.index(name) for name in self.mirrored if name in features))

    def _scaling(self, x: NDArray[np.float32], features: tuple[str, ...]) -> Scaling:
        offset, scale = np.zeros(len(features), np.float32), np.ones(len(features), np.float32)
        logarithms = np.zeros(len(features), bool)
        for kind, names in self.scaling.items():
            found = standard(logarithm(x)) if kind == "logarithm" else _SCALINGS[kind](x)
            chosen = np.array([names == "all" or name in names for name in features])
            offset, scale = np.where(chosen, found.offset, offset), np.where(chosen, found.scale, scale)
            logarithms = np.where(chosen, kind == "logarithm", logarithms)
        return Scaling(Affine(offset, scale), logarithms)

    def load(self, folder: Path) -> Callable[[NDArray[np.float64]], Output]:
        """The network with its weights."""
        import torch

        state = torch.load(folder / _FILE, weights_only=True)
        affine = Affine(*(state[f"inputs.standardise.{name}"].numpy() for name in ("offset", "scale")))
        inputs = Scaling(affine, state["inputs.logarithm"].numpy())
        target = Affine(state["target.offset"].numpy(), state["target.scale"].numpy())
        module = self.built_network.build(inputs, target)
        module.load_state_dict(state)
        module.eval()

        def predict(x: NDArray[np.float64]) -> Output:
            with torch.no_grad():
                batches = [module(part) for part in torch.from_numpy(x.astype(np.float32)).split(65_536)]
            names = batches[0] if batches else {}
            return self.built_network.read(
                {name: torch.cat([batch[name] for batch in batches]).double().numpy() for name in names}
            )

        return predict
