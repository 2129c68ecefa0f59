"""Learn the event variable with the most information about parameters (D. Kim et al., arXiv:2105.10126)."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.core.errors import reading_bundle
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.split import Target
from lineshape.engine.learning.blocks.scaling import Affine, Scaling, Scalings
from lineshape.engine.learning.data.table import Rows
from lineshape.engine.learning.fit.fit_config import FitConfig
from lineshape.engine.learning.fit.phases import Phase, Step
from lineshape.engine.learning.models.network_model import NetworkModel
from lineshape.engine.learning.networks.identity import Identity
from lineshape.engine.learning.roles.network import NETWORKS, Network

if TYPE_CHECKING:
    from collections.abc import Set

    from torch import Tensor, nn

    from lineshape.engine.learning.blocks.batch import Batch
    from lineshape.engine.learning.fit.learner import Learner

Floats = NDArray[np.float64]
_CLASSIFIER: Final = "classifier"
#: Rows that the classifier is evaluated on at a time.
_ROWS: Final = 65_536


class EventVariable(NetworkModel):
    """Event variable V(x), trained with a classifier that separates pairs (V, Θ) of one event from pairs of two events.

    The parameters Θ are the job's target. The classifier's output becomes ln p(V, Θ) / (p(V) p(Θ)), whose mean is the
    mutual information of V and Θ, which V learns to maximise. V has no unit, and any monotone function of it is as good
    (D. Kim et al., arXiv:2105.10126).
    """

    network: Annotated[KindSpec, NETWORKS] = KindSpec(kind="dense", layers=[128, 128, 128], activation="silu")
    """Network that computes V; `kind: identity` takes the features themselves, for variables that are known."""
    classifier: Annotated[KindSpec, NETWORKS] = KindSpec(kind="dense", layers=[64, 64, 64])
    """Network of V and Θ that separates pairs of one event from pairs of two events."""
    shuffles: Annotated[int, Field(gt=0)] = 1
    """Number of random permutations of Θ among the events of a batch that give the pairs of two events in a step."""

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

    #: Each training finds a variable, or a density, of its own.
    comparable: ClassVar[bool] = False

    @cached_property
    def predicting(self) -> Network:
        """Network that computes V."""
        return NETWORKS.build(self.network, ("network",))

    @cached_property
    def built_classifier(self) -> Network:
        """Classifier that is built from its settings."""
        return NETWORKS.build(self.classifier, ("classifier",))

    @property
    def network_names(self) -> tuple[str, ...]:
        """Names of the two networks, for phases."""
        return ("network", _CLASSIFIER)

    @property
    def loss_names(self) -> tuple[str, ...]:
        """Name of the one loss, which both networks minimise."""
        return ("loss",)

    @property
    def other_columns(self) -> tuple[str, ...]:
        """No columns: the parameters are the target."""
        return ()

    @property
    def classes(self) -> int | None:
        """None, as the parameters are quantities."""
        return None

    def parts(self) -> list[object]:
        """Return the model, its networks and encoders, its sampler and its weight."""
        weight = filter(None, [self.weighed_by()])
        encoders = self.predicting.encoders.values()
        return [self, self.predicting, *encoders, self.built_classifier, self.built_sampler, *weight]

    def default_phases(self) -> list[Phase]:
        """Return one phase, in which both networks learn together."""
        return [Phase(epochs=self.epochs, steps=[Step(train=[*self.network_names], losses={"loss": 1.0})])]

    def require_target(self, target: Target) -> None:
        """Accept any target, as parameters may be one or several."""

    def gives(self, target: Target, features: tuple[str, ...]) -> tuple[str, ...]:
        """Return `V`, which is none of the parameters; or the features, where these are several known variables."""
        return features if isinstance(self.predicting, Identity) and len(features) > 1 else ("V",)

    def fit_config(self, features: tuple[str, ...], seed: int, truths: tuple[str, ...] = ()) -> FitConfig:
        """Return the settings of the training loop; several parameters are not a vector that could be rotated."""
        return super().fit_config(features, seed)

    def build_learner(self, scalings: Scalings, rows: Rows) -> "Learner":
        """Return both networks with fresh weights, and their loss."""
        size = len(scalings.features.logarithm) if isinstance(self.predicting, Identity) else 1
        network = self.predicting.build(Scalings(scalings.features, Affine.unit(size), scalings.sequences))
        classifier = _classifier(self.built_classifier, size, scalings.target)
        return _learner(network, classifier, self.shuffles)

    def load_log_density_ratio(self, folder: Path) -> Callable[[Floats, Floats], Floats]:
        """Return the classifier's output, ln p(V, Θ) / (p(V) p(Θ)); raises RunError where its file is damaged."""
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
    """Return the module from V, of this size, and Θ side by side, (n, size + parameters), to the logarithm."""
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
            """Return the binary cross-entropy of pairs of one event and pairs of two, with half the weight each."""
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
            """Return the event whose parameters each gets: random in training, always the same in validation."""
            return torch.randperm(rows) if self.training else torch.arange(rows).roll(number)

        @property
        def beside(self) -> "dict[str, nn.Module]":
            """Classifier, from which the mutual information of V and Θ is estimated."""
            return {_CLASSIFIER: self.networks[_CLASSIFIER]}

    return Module({"network": network, _CLASSIFIER: classifier})
