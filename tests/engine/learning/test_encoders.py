"""Lists of tracks and clusters, from shards to a prediction."""

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import torch

from lineshape.engine.core import kinds
from lineshape.engine.learning.blocks.batch import Sequence
from lineshape.engine.learning.blocks.scaling import Scaling
from lineshape.engine.learning.roles.encoder import Encoder
from tests.engine.learning.stores import dataset, make_store, train

ENCODERS = "lineshape.engine.learning.encoders"
KINDS = kinds.names(ENCODERS, Encoder)
#: Settings that a kind cannot be without, where objects have these columns.
COLUMNS = ["pt", "eta", "px", "py"]
SETTINGS: dict[str, dict[str, Any]] = {"vector_sum": {"vector": ("px", "py")}}
#: Settings of a kind that learns the same in less time.
SMALL: dict[str, dict[str, Any]] = {"transformer": {"size": 16, "blocks": 1}}


def module(kind: str) -> torch.nn.Module:
    torch.manual_seed(1)
    encoder = kinds.find(ENCODERS, Encoder, kind)(columns=COLUMNS, **SETTINGS.get(kind, {}))
    return encoder.build(Scaling.unit(len(COLUMNS))).eval()


def padded(lists: list[list[list[float]]], most: int) -> Sequence:
    values, mask = torch.zeros(len(lists), most, len(COLUMNS)), torch.zeros(len(lists), most, dtype=torch.bool)
    for row, objects in enumerate(lists):
        for place, each in enumerate(objects):
            values[row, place], mask[row, place] = torch.tensor(each), True
    return Sequence(values, mask)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_and_order_mean_nothing(kind: str) -> None:
    objects = [[1.0, 2.0, 0.5, -1.0], [3.0, -1.0, 1.0, 2.0], [0.5, 0.0, -0.5, 0.1]]
    encoder = module(kind)
    tight, wide, turned = (
        encoder(padded([objects], 3)),
        encoder(padded([objects], 7)),
        encoder(padded([objects[::-1]], 3)),
    )
    torch.testing.assert_close(tight, wide)
    torch.testing.assert_close(tight, turned)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_list_has_a_finite_value(kind: str) -> None:
    found = module(kind)(padded([[], [[1.0, 2.0, 0.5, -1.0]]], 3))
    assert torch.isfinite(found).all()
    assert not torch.allclose(found[0], found[1])


@pytest.mark.parametrize("kind", KINDS)
def test_lists_go_from_shards_to_a_prediction(kind: str, tmp_path: Path, rng: np.random.Generator) -> None:
    """The target is the sum of the tracks' pT, of which the one feature says nothing."""
    n = 6000
    counts = rng.integers(0, 5, n)
    tracks = ak.unflatten(rng.random(counts.sum()), counts)
    total = ak.to_numpy(ak.sum(tracks, axis=1))
    other = {name: ak.unflatten(rng.random(counts.sum()), counts) for name in COLUMNS[1:]}
    columns = {"a": rng.random(n), "pt": tracks, "truth": total, **other}
    make_store(tmp_path / "store", columns, shards=2)
    own = ["pt"] if kind not in SETTINGS else COLUMNS
    vector = {"vector": ("pt", "px")} if kind in SETTINGS else {}
    sequences: dict[str, Any] = {"tracks": {"kind": kind, "columns": own, "most": 4, **vector, **SMALL.get(kind, {})}}
    settings = {
        "kind": "neural",
        "network": {"kind": "dense", "layers": [32], "sequences": sequences},
        "loss": {"kind": "mean_squared_error"},
        "epochs": 12,
        "batch": 128,
        "rate": 5e-3,
    }
    bundle = train(settings, dataset(tmp_path / "store", ("a",)), tmp_path / "bundle")
    assert set(bundle.columns) == {"a", *own}
    test = {"a": rng.random(3), "pt": ak.Array([[], [0.25], [0.5, 0.75, 0.25]])}
    test |= {name: ak.Array([[], [0.5], [0.5, 0.5, 0.5]]) for name in own[1:]}
    assert bundle.predict(test).estimate == pytest.approx([0, 0.25, 1.5], abs=0.12)


def test_turning_the_vectors_turns_the_sums() -> None:
    """A weight does not depend on where an object's vector points to."""
    encoder = module("vector_sum")
    objects = [[1.0, 2.0, 0.5, -1.0], [3.0, -1.0, 1.0, 2.0]]
    turned = [[pt, eta, -py, px] for pt, eta, px, py in objects]
    sums, others = (encoder(padded([each], 3))[0].reshape(-1, 2) for each in (objects, turned))
    torch.testing.assert_close(others, torch.stack([-sums[:, 1], sums[:, 0]], dim=1))


@pytest.mark.parametrize(
    ("columns", "said"), [(["pt", "px"], "'py' is not one of the columns"), (["px", "py"], "some beside the vector")]
)
def test_a_vector_needs_its_columns_and_others(columns: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        kinds.find(ENCODERS, Encoder, "vector_sum").model_validate({"columns": columns, "vector": ("px", "py")})
