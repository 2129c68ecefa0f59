"""From rows on disk to batches: every row once, in a random order, in bounded memory."""

import awkward as ak
import numpy as np
import pytest
import torch

from lineshape.engine.core.errors import RunError
from lineshape.engine.learning.data.columns import Columns
from lineshape.engine.learning.data.source import BatchSource, Layout
from lineshape.engine.learning.data.table import Rows, make_table
from lineshape.engine.learning.samplers.shuffled import Shuffled
from lineshape.engine.learning.samplers.weighted import Weighted
from tests.engine.learning.stores import dataset, make_store

N = 12_000
COLUMNS = Columns(("a", "b"), ("w",), None, (("tracks", ("pt",)),))
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """A is the row's number, b its negative, w 1 for each third row and else 0; each has a % 4 tracks of pT a."""
    folder = tmp_path_factory.mktemp("source")
    a = np.arange(N, dtype=float)
    tracks = ak.unflatten(np.repeat(a, np.arange(N) % 4), np.arange(N) % 4)
    make_store(folder / "store", {"a": a, "b": -a, "w": a % 3 == 0, "truth": a, "pt": tracks}, shards=3)
    return make_table(dataset(folder / "store", ("a", "b")), COLUMNS, folder / "table").rows("training")


def epoch(source: BatchSource, steps: int, seed: int, sampler: Shuffled | Weighted | None = None) -> list[np.ndarray]:
    """The batches of an epoch: column a, after everything else was held against it."""
    epochs = source.sampled(sampler or Shuffled(), 64)
    epochs.prepare(np.random.default_rng(seed))
    found = []
    for batch in epochs.batches(steps, np.random.default_rng(seed)):
        a = batch.x[:, 0]
        assert torch.equal(batch.x[:, 1], -a)
        assert torch.equal(batch.target, a)
        assert torch.equal(batch.columns["w"], (a % 3 == 0).float())
        tracks = batch.sequences["tracks"]
        assert torch.equal(tracks.mask.sum(dim=1), (a % 4).clamp(max=2).long())
        assert torch.equal(tracks.values[:, :, 0], a[:, None] * tracks.mask)
        found.append(a.numpy().copy())
    return found


def source(rows: Rows, share: float, rank: int = 0, ranks: int = 1) -> BatchSource:
    """One that may hold this share of the rows in memory; lists are cut at two."""
    return BatchSource(rows, Layout.of(COLUMNS, 1.0, {"tracks": 2}), CPU, share * rows.bytes, rank, ranks)


@pytest.mark.parametrize("share", [1.0, 0.3, 0.1])
def test_an_epoch_sees_every_row_once(rows: Rows, share: float) -> None:
    batches = epoch(source(rows, share), 100, seed=1)
    assert len(batches) == 100
    # A buffer is cut into a whole number of batches.
    assert all(0.75 < len(batch) / (len(rows) / 100) < 1.35 for batch in batches)
    assert np.array_equal(np.sort(np.concatenate(batches)), np.sort(rows.flat[:, 0]))


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_the_order_is_that_of_the_seed(rows: Rows, share: float) -> None:
    first, again, other = (np.concatenate(epoch(source(rows, share), 100, seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_rows_are_mixed(rows: Rows, share: float) -> None:
    """The mean of each batch is that of all within five standard errors (false alarm 6e-5 for 100 batches).

    A buffer of a tenth of the rows is of blocks from all over, so its mean may be off by a block's width a little more.
    """
    batches = epoch(source(rows, share), 100, seed=3)
    everything = rows.flat[:, 0]
    error = everything.std() / np.sqrt(len(batches[0]))
    allowed = 5 * error if share == 1 else 5 * np.hypot(error, everything.std() / np.sqrt(16))
    assert all(abs(batch.mean() - everything.mean()) < allowed for batch in batches)


def test_ranks_share_the_rows(rows: Rows) -> None:
    parts = [np.concatenate(epoch(source(rows, 0.1, rank, 3), 40, seed=1)) for rank in range(3)]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.sort(rows.flat[:, 0]))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_a_sampler_says_what_is_seen(rows: Rows, share: float) -> None:
    seen = np.concatenate(epoch(source(rows, share), 50, 4, Weighted(column="w", rows=9000)))
    assert (seen % 3 == 0).all()
    assert len(seen) == 9000


def test_in_order_is_every_row_as_it_lies(rows: Rows) -> None:
    found = [batch.x[:, 0] for batch in source(rows, 0.1).in_order(500)]
    assert np.array_equal(torch.cat(found).numpy(), rows.flat[:, 0])


def test_a_buffer_too_small_to_mix_in_is_refused(rows: Rows) -> None:
    with pytest.raises(RunError, match=r"memory: a buffer of \d+ rows is too small to mix batches of 1,000 in"):
        source(rows, 0.1).sampled(Shuffled(), 1000)


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_each_rank_sees_rows_of_all_samples(rows: Rows, share: float) -> None:
    """Rows lie in order of a: a rank's mean must still be that of all, to a block or two."""
    parts = [np.concatenate(epoch(source(rows, share, rank, 3), 30, seed=4)) for rank in range(3)]
    everything = rows.flat[:, 0]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.sort(everything))
    for part in parts:
        assert abs(part.mean() - everything.mean()) < 0.02 * everything.max()


def test_two_ranks_draw_as_one_would(rows: Rows) -> None:
    """Weights that grow with the row's number: contiguous halves would draw 1 : 1 what is 1 : 3."""
    grown = Rows(np.column_stack([rows.flat[:, 0], rows.flat[:, 0], rows.flat[:, -1]]), ("a", "w"), 1, {})
    layout = Layout.of(Columns(("a",), ("w",)), 1.0, {})
    found = []
    for rank in range(2):
        epochs = BatchSource(grown, layout, CPU, grown.bytes, rank, 2).sampled(Weighted(column="w"), 64)
        epochs.prepare(np.random.default_rng(rank))
        found += [batch.x[:, 0].numpy() for batch in epochs.batches(50, np.random.default_rng(rank))]
    drawn = np.concatenate(found)
    expected = np.average(grown.flat[:, 0], weights=grown.flat[:, 0])
    # Five standard errors, and the interleaving's block.
    assert abs(drawn.mean() - expected) < 5 * drawn.std() / np.sqrt(len(drawn)) + 0.01 * expected


@pytest.mark.parametrize(("share", "ranks"), [(1.0, 1), (0.1, 1), (1.0, 2)])
def test_rows_are_judged_as_they_are_drawn(rows: Rows, share: float, ranks: int) -> None:
    """Where only each third row is ever drawn, the others weigh nothing."""
    for rank in range(ranks):
        judging = source(rows, share, rank, ranks)
        judging.judged_by(Weighted(column="w"))
        batches = list(judging.in_order(512))
        a, weight = (torch.cat(each) for each in ([b.x[:, 0] for b in batches], [b.weight for b in batches]))
        assert len(a) == len(judging)
        assert torch.equal(weight > 0, a % 3 == 0)
        assert weight.mean().item() == pytest.approx(1, rel=1e-4)
