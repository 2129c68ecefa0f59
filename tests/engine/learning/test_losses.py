"""Losses against torch's own."""

import pytest
import torch

from lineshape.engine.learning.losses.binary_cross_entropy import BinaryCrossEntropy
from lineshape.engine.learning.losses.categorical_cross_entropy import CategoricalCrossEntropy
from lineshape.engine.learning.losses.huber import Huber
from lineshape.engine.learning.losses.mean_squared_error import MeanSquaredError
from lineshape.engine.learning.losses.mode_seeking import ModeSeeking
from lineshape.engine.learning.losses.negative_log_likelihood import NegativeLogLikelihood
from lineshape.engine.learning.losses.quantile import Quantile

ONE = torch.ones(1)


@pytest.mark.parametrize("components", [1, 2, 5])
def test_negative_log_likelihood_is_that_of_torch_distributions(components: int) -> None:
    torch.manual_seed(1)
    outputs = {
        "log_weights": torch.log_softmax(torch.randn(500, components), dim=1),
        "means": torch.randn(500, components),
        "sigmas": torch.rand(500, components) + 0.01,
    }
    target = 3 * torch.randn(500)
    mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(logits=outputs["log_weights"]),
        torch.distributions.Normal(outputs["means"], outputs["sigmas"]),
    )
    expected = -mixture.log_prob(target)
    assert torch.allclose(NegativeLogLikelihood()(outputs, target, ONE), expected, rtol=1e-5)


def test_negative_log_likelihood_stays_finite_far_away() -> None:
    outputs = {"log_weights": torch.zeros(1, 1), "means": torch.zeros(1, 1), "sigmas": torch.full((1, 1), 1e-3)}
    assert torch.isfinite(NegativeLogLikelihood()(outputs, torch.tensor([100.0]), ONE))


def test_squared_error_and_huber_agree_near_zero() -> None:
    target, outputs = torch.tensor([1.0, 2.0]), {"target": torch.tensor([1.1, 2.2])}
    assert MeanSquaredError()(outputs, target, ONE).mean().item() == pytest.approx(0.025)
    assert Huber(slope=1.0)(outputs, target, ONE).mean().item() == pytest.approx(0.0125)
    assert MeanSquaredError()(outputs, target, 2 * ONE).mean().item() == pytest.approx(0.025 / 4)


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_quantile_loss_is_least_at_the_quantile(probability: float) -> None:
    torch.manual_seed(2)
    target = torch.randn(20_000)
    tried = torch.linspace(-2, 2, 401)
    loss = Quantile(probability=probability)
    means = [loss({"target": at.expand(len(target))}, target, ONE).mean() for at in tried]
    least = tried[torch.stack(means).argmin()]
    assert least.item() == pytest.approx(target.quantile(probability).item(), abs=0.011)


@pytest.mark.parametrize(("width", "leak"), [(0.1, 0.0), (0.1, 0.005)])
def test_mode_seeking_loss_is_least_near_the_mode(width: float, leak: float) -> None:
    """Of a log-normal distribution, whose mean is 1.13, median 1 and mode 0.78."""
    torch.manual_seed(4)
    target = torch.exp(0.5 * torch.randn(200_000))
    tried = torch.linspace(0.4, 1.6, 241)
    loss = ModeSeeking(width=width, leak=leak)
    means = [loss({"target": at.expand(len(target))}, target, ONE).mean() for at in tried]
    assert tried[torch.stack(means).argmin()].item() == pytest.approx(0.78, abs=0.06)


def test_mode_seeking_loss_leads_from_far_away() -> None:
    """Its gradient is that of the leak, per width, and is none without."""
    for leak in (0.05, 0.0):
        far = torch.tensor([30.0], requires_grad=True)
        ModeSeeking(width=0.5, leak=leak)({"target": far}, torch.zeros(1), ONE).sum().backward()
        assert far.grad is not None
        assert far.grad.item() == pytest.approx(leak / 0.5)


def test_cross_entropies_are_minus_the_logarithm_of_the_probability() -> None:
    torch.manual_seed(3)
    logits, labels = torch.randn(50, 3), torch.randint(0, 3, (50,))
    expected = -torch.log_softmax(logits, dim=1)[torch.arange(50), labels]
    assert torch.allclose(CategoricalCrossEntropy(number=3)({"logits": logits}, labels.float(), ONE), expected)
    signal = (labels == 1).float()
    right = torch.where(signal == 1, logits[:, 0].sigmoid(), 1 - logits[:, 0].sigmoid())
    assert torch.allclose(BinaryCrossEntropy()({"logits": logits[:, :1]}, signal, ONE), -right.log(), atol=1e-6)
