"""Losses against torch's own."""

import pytest
import torch

from lineshape.engine.learning.losses.huber import Huber
from lineshape.engine.learning.losses.mean_squared_error import MeanSquaredError
from lineshape.engine.learning.losses.negative_log_likelihood import NegativeLogLikelihood

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
    expected = -mixture.log_prob(target).mean()
    assert torch.allclose(NegativeLogLikelihood()(outputs, target, ONE), expected, rtol=1e-5)


def test_negative_log_likelihood_stays_finite_far_away() -> None:
    outputs = {"log_weights": torch.zeros(1, 1), "means": torch.zeros(1, 1), "sigmas": torch.full((1, 1), 1e-3)}
    assert torch.isfinite(NegativeLogLikelihood()(outputs, torch.tensor([100.0]), ONE))


def test_squared_error_and_huber_agree_near_zero() -> None:
    target, outputs = torch.tensor([1.0, 2.0]), {"target": torch.tensor([1.1, 2.2])}
    assert MeanSquaredError()(outputs, target, ONE).item() == pytest.approx(0.025)
    assert Huber(slope=1.0)(outputs, target, ONE).item() == pytest.approx(0.0125)
    assert MeanSquaredError()(outputs, target, 2 * ONE).item() == pytest.approx(0.025 / 4)
