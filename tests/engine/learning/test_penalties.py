"""Penalties: the distance correlation of the literature, a response that is off."""

import numpy as np
import pytest
import torch

from lineshape.engine.learning.blocks.batch import Batch
from lineshape.engine.learning.penalties.distance_correlation import DistanceCorrelation
from lineshape.engine.learning.penalties.response import ResponsePenalty
from lineshape.engine.learning.penalties.vector_response import VectorResponse

ONE = torch.ones(1)


def batch(target: torch.Tensor, column: torch.Tensor, weight: torch.Tensor | None = None) -> Batch:
    return Batch(
        torch.zeros(len(target), 1), target, torch.ones(len(target)) if weight is None else weight, {"pt": column}
    )


def by_hand(x: np.ndarray, y: np.ndarray) -> float:
    """DCorr² with double-centred matrices, as in G. Székely et al. (2007)."""

    def centred(values: np.ndarray) -> np.ndarray:
        distance = np.abs(values[:, None] - values[None, :])
        return distance - distance.mean(axis=0) - distance.mean(axis=1)[:, None] + distance.mean()

    a, b = centred(x), centred(y)
    return float((a * b).mean() / np.sqrt((a * a).mean() * (b * b).mean()))


def test_distance_correlation_is_the_definition(rng: np.random.Generator) -> None:
    x = rng.random(200)
    y = x**2 + 0.3 * rng.random(200)
    found = DistanceCorrelation(column="pt")(
        {"target": torch.from_numpy(x).float()}, batch(torch.zeros(200), torch.from_numpy(y).float()), ONE
    )
    assert found.item() == pytest.approx(by_hand(x, y), rel=1e-5)


def test_distance_correlation_of_weighted_rows_is_that_of_repeated_ones(rng: np.random.Generator) -> None:
    x, y, repeats = rng.random(60), rng.random(60), rng.integers(1, 4, 60)
    y += x
    weight = torch.from_numpy(repeats / repeats.mean()).float()
    found = DistanceCorrelation(column="pt")(
        {"target": torch.from_numpy(x).float()}, batch(torch.zeros(60), torch.from_numpy(y).float(), weight), ONE
    )
    assert found.item() == pytest.approx(by_hand(x.repeat(repeats), y.repeat(repeats)), rel=1e-5)


def test_distance_correlation_of_a_constant_is_nothing_and_has_a_gradient() -> None:
    score = torch.zeros(50, requires_grad=True)
    found = DistanceCorrelation(column="pt")({"target": score}, batch(torch.zeros(50), torch.randn(50)), ONE)
    found.backward()
    assert found.item() == 0
    assert score.grad is not None
    assert torch.isfinite(score.grad).all()


def test_response_is_off_by_what_it_is_off() -> None:
    target = torch.linspace(10, 100, 400)
    penalty = ResponsePenalty(column="pt", slices=4)
    assert penalty({"target": target}, batch(target, target), ONE).item() == pytest.approx(0, abs=1e-10)
    assert penalty({"target": 1.1 * target}, batch(target, target), ONE).item() == pytest.approx(0.01, rel=1e-4)
    # Up by 20 % in one half and down in the other: the mean of all is right, and no slice is.
    bent = torch.where(target < 55, 1.2 * target, 0.8 * target)
    assert penalty({"target": bent}, batch(target, target), ONE).item() == pytest.approx(0.04, rel=1e-3)


def test_a_vectors_response_by_hand() -> None:
    """Responses 0.5 and 1.2, weighed 1 and 3; a vector shorter than 1 counts for nothing."""
    target = torch.tensor([[3.0, 4.0], [0.0, 2.0], [0.5, 0.0]])
    estimate = torch.tensor([[1.5, 2.0], [9.0, 2.4], [50.0, 0.0]], requires_grad=True)
    rows = batch(target, torch.zeros(3), torch.tensor([1.0, 3.0, 1.0]))
    found = VectorResponse()({"target": estimate}, rows, ONE)
    assert found.item() == pytest.approx((0.25 + 3 * 0.04) / 2)
    found.backward()
    assert estimate.grad is not None
    assert estimate.grad[2].tolist() == [0, 0]


def test_a_vectors_response_in_slices_by_hand() -> None:
    """Two slices of two rows, sorted by length: Σ along over Σ length is 5/3 in one and 0.5 in the other."""
    target = torch.tensor([[10.0, 0.0], [0.0, 1.0], [0.0, 20.0], [2.0, 0.0]])
    estimate = torch.tensor([[5.0, 3.0], [0.0, 3.0], [1.0, 10.0], [2.0, 0.0]])
    found = VectorResponse(slices=2, smallest=0.5)({"target": estimate}, batch(target, torch.zeros(4)), ONE)
    assert found.item() == pytest.approx(((5 / 3 - 1) ** 2 + (0.5 - 1) ** 2) / 2)


def test_a_smaller_estimate_is_no_cheaper_in_slices() -> None:
    """Estimates of the right mean with a wide spread: of each row the penalty is lower when all are made smaller."""
    random = torch.Generator().manual_seed(1)
    target = torch.tensor([[4.0, 0.0]] * 4000)
    estimate = target + 8 * torch.randn(4000, 2, generator=random)
    rows = batch(target, torch.zeros(4000))
    each, slices = VectorResponse(), VectorResponse(slices=4)
    assert each({"target": 0.3 * estimate}, rows, ONE) < each({"target": estimate}, rows, ONE)
    assert slices({"target": 0.3 * estimate}, rows, ONE) > slices({"target": estimate}, rows, ONE)


def test_a_vectors_response_of_none_is_nothing() -> None:
    estimate = torch.ones(2, 2, requires_grad=True)
    found = VectorResponse(smallest=10)({"target": estimate}, batch(torch.ones(2, 2), torch.zeros(2)), ONE)
    assert found.item() == 0
    found.backward()
