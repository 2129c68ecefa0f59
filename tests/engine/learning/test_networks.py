"""Networks: the talk's size, scaling inside the graph, a mixture that is one."""

import numpy as np
import pytest
import torch

from lineshape.engine.core import kinds
from lineshape.engine.learning.blocks.scaling import Affine, Scaling, Scalings, logarithm, robust, standard
from lineshape.engine.learning.networks.mixture_density import MixtureDensity
from lineshape.engine.learning.roles.model import Mixture
from lineshape.engine.learning.roles.network import Network

NETWORKS = "lineshape.engine.learning.networks"


def affine(size: int, offset: float = 0.0, scale: float = 1.0) -> Affine:
    return Affine(np.full(size, offset, np.float32), np.full(size, scale, np.float32))


def scaling(size: int, offset: float = 0.0, scale: float = 1.0, logarithms: bool = False) -> Scaling:
    return Scaling(affine(size, offset, scale), np.full(size, logarithms))


def test_mixture_density_network_has_the_size_of_the_talk() -> None:
    module = MixtureDensity().build(Scalings(scaling(20), affine(1), {}))
    assert sum(parameter.numel() for parameter in module.parameters()) == 111_494


@pytest.mark.parametrize("kind", kinds.names(NETWORKS, Network))
def test_scaling_is_inside_the_graph(kind: str) -> None:
    """The same weights with inputs in other units and another target scale give the same, scaled."""
    network = kinds.find(NETWORKS, Network, kind)(layers=(8,))
    torch.manual_seed(2)
    plain = network.build(Scalings(scaling(3), affine(1), {}))
    scaled = network.build(Scalings(scaling(3, 5.0, 2.0), affine(1, 1.0, 0.5), {}))
    state = {name: value for name, value in plain.state_dict().items() if "offset" not in name and "scale" not in name}
    scaled.load_state_dict(state, strict=False)
    x = torch.randn(10, 3)
    first = network.read({name: value.detach().double().numpy() for name, value in plain(x).items()})
    second = network.read({name: value.detach().double().numpy() for name, value in scaled(5 + 2 * x).items()})
    expected = first.target if kind == "classifier" else 1 + 0.5 * first.target
    assert second.target == pytest.approx(expected, rel=1e-4)
    if first.mixture is not None and second.mixture is not None:
        assert second.mixture.sigma == pytest.approx(0.5 * first.mixture.sigma, rel=1e-4)


def test_global_mean_and_sigma_are_those_of_the_mixture(rng: np.random.Generator) -> None:
    """Against 400,000 draws: five standard errors of the mean (false alarm 6e-7)."""
    mixture = Mixture(np.array([[0.7, 0.3]]), np.array([[1.0, 2.0]]), np.array([[0.1, 0.5]]))
    first = rng.random(400_000) < 0.7
    draws = np.where(first, rng.normal(1.0, 0.1, len(first)), rng.normal(2.0, 0.5, len(first)))
    assert mixture.mean[0] == pytest.approx(draws.mean(), abs=5 * draws.std() / len(draws) ** 0.5)
    assert mixture.sigma[0] == pytest.approx(draws.std(), rel=0.01)


def test_outputs_are_a_density() -> None:
    torch.manual_seed(3)
    outputs = MixtureDensity(components=3).build(Scalings(scaling(4), affine(1), {}))(100 * torch.randn(50, 4))
    assert torch.allclose(outputs["log_weights"].exp().sum(dim=1), torch.ones(50), atol=1e-5)
    assert (outputs["sigmas"] > 0).all()


def test_scalings(rng: np.random.Generator) -> None:
    values = np.column_stack([rng.normal(5, 2, 10_000), np.full(10_000, 3.0)]).astype(np.float32)
    values[0, 0] = 1e6
    found = robust(values)
    assert found.offset == pytest.approx([5, 3], abs=0.1)
    assert found.scale == pytest.approx([2, 1], abs=0.1)
    assert standard(values).scale[0] > 1000


@pytest.mark.parametrize("kind", kinds.names(NETWORKS, Network))
def test_logarithms_are_inside_the_graph(kind: str, rng: np.random.Generator) -> None:
    network = kinds.find(NETWORKS, Network, kind)(layers=(8,))
    torch.manual_seed(2)
    plain = network.build(Scalings(scaling(3, 1.0, 2.0), affine(1), {}))
    module = network.build(Scalings(scaling(3, 1.0, 2.0, logarithms=True), affine(1), {}))
    module.load_state_dict(plain.state_dict() | {"trunk.inputs.logarithm": torch.ones(3, dtype=torch.bool)})
    x = rng.uniform(-5, 1000, (10, 3)).astype(np.float32)
    taken, given = module(torch.from_numpy(x)), plain(torch.from_numpy(logarithm(x)))
    for name, values in taken.items():
        torch.testing.assert_close(values, given[name])
    assert logarithm(np.float32([-3, 0, np.e - 1])) == pytest.approx([0, 0, 1])
