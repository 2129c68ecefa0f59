"""Symmetries of the detector: what is drawn anew for each row, and that a network learns it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.kinds import KindSpec, build
from lineshape.engine.core.split import Split, Target
from lineshape.engine.learning.blocks.batch import Batch, Sequence
from lineshape.engine.learning.encoders.vector_sum import VectorSum
from lineshape.engine.learning.fit.augmentation import Augmentation
from lineshape.engine.learning.roles.dataset import Dataset
from lineshape.engine.learning.roles.model import Model
from tests.engine.learning.stores import make_store, train

TRACKS = {"tracks": VectorSum(columns=["px", "pt", "py"], vector=("px", "py"))}
TRUTHS = ("x_true", "y_true")
ROTATED = [("ux", "uy"), ("x_true", "y_true"), ("px", "py"), ("jx", "jy")]
DENSE: dict[str, Any] = {
    "kind": "neural",
    "network": {"kind": "dense", "layers": [32, 32]},
    "loss": {"kind": "mean_squared_error"},
    "epochs": 25,
    "batch": 128,
    "rate": 5e-3,
}


def test_all_vectors_turn_by_the_same_angle() -> None:
    """Features, target and objects of a row; what is no vector stays as it is."""
    augmentation = Augmentation.of([], ROTATED, TRACKS, ["sum", "uy", "ux"], TRUTHS)
    assert augmentation == Augmentation(
        rotated=((2, 1),), rotated_target=((0, 1),), rotated_lists=(("tracks", (0, 2)),)
    )
    n = 500
    batch = Batch(
        torch.tensor([[7.0, 0.0, 3.0]] * n),
        torch.tensor([[2.0, 0.0]] * n),
        torch.ones(n),
        sequences={"tracks": Sequence(torch.tensor([[[1.0, 9.0, 0.0]] * 2] * n), torch.ones(n, 2, dtype=torch.bool))},
    )
    augmentation.draw(batch, torch.Generator().manual_seed(1))
    angle = torch.atan2(batch.target[:, 1], batch.target[:, 0])
    torch.testing.assert_close(batch.target.norm(dim=1), torch.full((n,), 2.0))
    torch.testing.assert_close(torch.stack([batch.x[:, 2], batch.x[:, 1]], dim=1), 1.5 * batch.target)
    tracks = batch.sequences["tracks"].values
    torch.testing.assert_close(tracks[:, 1, [0, 2]], batch.target / 2)
    assert (batch.x[:, 0] == 7).all()
    assert (tracks[:, :, 1] == 9).all()
    # Uniform: of 500 angles a quadrant has 125, with a standard deviation of 9.7; six of those are one in 10⁹.
    for quadrant in range(4):
        low = (quadrant - 2) * torch.pi / 2
        assert 67 < ((angle >= low) & (angle < low + torch.pi / 2)).sum() < 183


def test_a_network_learns_from_one_direction_what_holds_in_all(tmp_path: Path, rng: np.random.Generator) -> None:
    """Trained on vectors along x alone, whose truth is twice as long, it doubles those along −y."""
    n = 6000
    length = rng.uniform(1, 5, n)
    columns = {"ux": length, "uy": 0.01 * rng.normal(size=n), "x_true": 2 * length, "y_true": np.zeros(n)}
    make_store(tmp_path / "store", columns)
    data = Dataset(tmp_path / "store", ("ux", "uy"), Target(truth=TRUTHS), Split())
    settings = DENSE | {"rotated": ROTATED[:2], "scaling": {}}
    bundle = train(settings, data, tmp_path / "bundle")
    found = bundle.predict({"ux": np.zeros(3), "uy": np.array([-2.0, -3.0, -4.0])}).estimate
    assert found == pytest.approx(np.array([[0, -4], [0, -6], [0, -8]]), abs=0.5)


def test_half_a_vector_is_refused() -> None:
    with pytest.raises(RequestError, match="ux and uy are components of one vector, and only one is there"):
        Augmentation.of([], ROTATED, {}, ["ux"], TRUTHS)


def test_the_target_must_turn_along() -> None:
    model = build("lineshape.engine.learning.models", Model, KindSpec(**DENSE, rotated=[("ux", "uy")]), ())
    with pytest.raises(RequestError, match=r"the target \(x_true, y_true\) is a vector, and must be among the pairs"):
        model.require_target(Target(truth=TRUTHS))
