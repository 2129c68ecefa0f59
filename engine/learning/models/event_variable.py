"""A variable of events that tells as much as it can of parameters (D. Kim et al., arXiv:2105.10126)."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.core.errors import reading_bundle
from lineshape.engine.core.kinds import KindSpec, build
from lineshape.engine.core.split import Target
from lineshape.engine.learning.blocks.scaling import Affine, Scaling, Scalings
from lineshape.engine.learning.data.table import Rows
from lineshape.engine.learning.fit.fit_config import FitConfig
from lineshape.engine.learning.fit.phases import Phase, Step
from lineshape.engine.learning.models.network_model import NetworkModel
from lineshape.engine.learning.networks.identity import Identity
from lineshape.engine.learning.roles.network import Network

if TYPE_CHECKING:
    from collections.abc import Set

    from torch import Tensor, nn

    from lineshape.engine.learning.blocks.batch import Batch
    from lineshape.engine.learning.fit.learner import Learner

Floats = NDArray[np.float64]
_CLASSIFIER: Final = "classifier"
#: Rows that are judged at a time.
_ROWS: Final = 65_536


class EventVariable(NetworkModel):
    """V(x), trained together with a classifier that tells pairs (V, Θ) of one event from pairs of two events.

    The parameters Θ are the job's target. The classifier's output becomes ln p(V, Θ) / (p(V) p(Θ)), whose mean is the
    mutual information of V and Θ, and what V learns is to make it large. V has no unit, and any monotone function of it
    is as good.

    network: of V; `kind: identity` takes the features themselves, for variables that are known. classifier: a network
    of V and Θ. shuffles: how often the Θ of a batch are dealt out anew to its events in a step.
    """

    network: KindSpec = KindSpec(kind="dense", layers=[128, 128, 128], activation="silu")
    classifier: KindSpec = KindSpec(kind="dense", layers=[64, 64, 64])
    shuffles: Annotated[int, Field(gt=0)] = 1

    @model_validator(mode="after")
    def _networks_give_numbers(self) -> Self:
        for name, network in {"network": self.predicting, "classifier": self.built_classifier}.items():
            if network.outputs and network.outputs != ("target",):
                raise ValueError(
                    f"{name}: expected a network that gives a number, such as dense, and one of kind "
                    f"{getattr(self, name).kind} gives {', '.join(network.outputs)}"
                )
        learns_nothing = isinstance(self.built_classifier, Identity)
        if learns_nothing:
            raise ValueError("classifier: it has to learn; expected a network such as dense, and it is identity")
        if self.built_classifier.encoders:
            raise ValueError("classifier: it sees V and the parameters, and no lists; leave 'sequences' out")
        return self

    @cached_property
    def predicting(self) -> Network:
        """That of V."""
        return build("lineshape.engine.learning.networks", Network, self.network, ("network",))

    @cached_property
    def built_classifier(self) -> Network:
        """The classifier's kind with its settings."""
        return build("lineshape.engine.learning.networks", Network, self.classifier, ("classifier",))

    @property
    def network_names(self) -> tuple[str, ...]:
        """Two."""
        return ("network", _CLASSIFIER)

    @property
    def loss_names(self) -> tuple[str, ...]:
        """One, which both lower."""
        return ("loss",)

    @property
    def other_columns(self) -> tuple[str, ...]:
        """None: the parameters are the target."""
        return ()

    @property
    def classes(self) -> int | None:
        """None: the parameters are quantities."""
        return None

    def parts(self) -> list[object]:
        """The model, its networks, its sampler and its weight."""
        weight = filter(None, [self.weighed_by()])
        encoders = self.predicting.encoders.values()
        return [self, self.predicting, *encoders, self.built_classifier, self.built_sampler, *weight]

    def default_phases(self) -> list[Phase]:
        """Both as one."""
        return [Phase(epochs=self.epochs, steps=[Step(train=[*self.network_names], losses={"loss": 1.0})])]

    def require_target(self, target: Target) -> None:
        """Any parameters will do."""

    def gives(self, target: Target, features: tuple[str, ...]) -> tuple[str, ...]:
        """V, which is none of the parameters; of known variables, where they are several, these."""
        return features if isinstance(self.predicting, Identity) and len(features) > 1 else ("V",)

    def fit_config(self, features: tuple[str, ...], seed: int, truths: tuple[str, ...] = ()) -> FitConfig:
        """As of all networks; several parameters are no vector that could be turned."""
        return super().fit_config(features, seed)

    def build_learner(self, scalings: Scalings, rows: Rows) -> "Learner":
        """Both networks."""
        size = len(scalings.features.logarithm) if isinstance(self.predicting, Identity) else 1
        network = self.predicting.build(Scalings(scalings.features, Affine.unit(size), scalings.sequences))
        classifier = _classifier(self.built_classifier, size, scalings.target)
        return _learner(network, classifier, self.shuffles)

    def load_log_density_ratio(self, folder: Path) -> Callable[[Floats, Floats], Floats]:
        """The classifier."""
        import torch

        file = folder / f"{_CLASSIFIER}.pt"
        with reading_bundle(file):
            state = torch.load(file, weights_only=True)
            module = _classifier(self.built_classifier, len(state["trunk.inputs.logarithm"]), Affine.unit(0))
            module.load_state_dict(state)
        module.double().eval()

        def log_density_ratio(variable: Floats, parameters: Floats) -> Floats:
            pairs = [torch.from_numpy(each.reshape(len(each), -1)) for each in (variable, parameters)]
            with torch.no_grad():
                found = [module(rows)["target"] for rows in torch.cat(pairs, dim=1).split(_ROWS)]
            return np.asarray(torch.cat(found).numpy())

        return log_density_ratio


def _classifier(settings: Network, size: int, parameters: Affine) -> "nn.Module":
    """From V, of this size, and Θ side by side, (n, size + parameters), to the logarithm."""
    offset = np.concatenate([np.zeros(size, np.float32), parameters.offset])
    scale = np.concatenate([np.ones(size, np.float32), parameters.scale])
    inputs = Scaling(Affine(offset, scale), np.zeros(len(scale), dtype=bool))
    return settings.build(Scalings(inputs, Affine.unit(1), {}))


def _learner(network: "nn.Module", classifier: "nn.Module", shuffles: int) -> "Learner":
    import torch
    from torch.nn.functional import softplus

    from lineshape.engine.learning.fit.learner import Learner

    class Module(Learner):
        def losses(self, batch: "Batch", names: "Set[str]") -> "dict[str, Tensor]":
            """Binary cross-entropy of pairs of one event and pairs of two, as many of both."""
            told = self.networks["network"](batch.x, batch.sequences)["target"].float()
            variable, parameters = (each.reshape(len(batch), -1) for each in (told, batch.target))
            joint = softplus(-self._logarithm(variable, parameters))
            product = torch.zeros_like(joint)
            for number in range(1, shuffles + 1):
                other = self._dealt(len(batch), number).to(parameters.device)
                of_two = softplus(self._logarithm(variable, parameters[other]))
                product = product + of_two * batch.weight[other] / shuffles
            return {"loss": ((joint + product) / 2 * batch.weight).mean()}

        def _logarithm(self, variable: "Tensor", parameters: "Tensor") -> "Tensor":
            found: Tensor = self.networks[_CLASSIFIER](torch.cat([variable, parameters], dim=1))["target"].float()
            return found

        def _dealt(self, rows: int, number: int) -> "Tensor":
            """Whose parameters each event gets: at random, and for the validation always the same."""
            return torch.randperm(rows) if self.training else torch.arange(rows).roll(number)

        @property
        def beside(self) -> "dict[str, nn.Module]":
            """The classifier, which says how much V tells."""
            return {_CLASSIFIER: self.networks[_CLASSIFIER]}

    return Module({"network": network, _CLASSIFIER: classifier})
