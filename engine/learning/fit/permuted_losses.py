"""Compute the loss of networks with permuted features, which for one that learnt nothing does not change.

This module imports torch; import it where it is used.
"""

import math
from dataclasses import replace

import torch

from lineshape.engine.learning.blocks.batch import Batch, Sequence
from lineshape.engine.learning.data.source import BatchSource, Layout
from lineshape.engine.learning.data.table import Rows
from lineshape.engine.learning.fit.learner import Learner

#: Number of batches, between which the losses fluctuate, and smallest number of rows of each: a permutation needs two.
_BATCHES, _LEAST = 100, 20


def losses_of_others(learner: Learner, rows: Rows, layout: Layout) -> tuple[list[float], list[float]]:
    """Return the loss of each batch of rows as it is, and with the features permuted; rows are in random order."""
    device = next(learner.parameters()).device
    own: list[float] = []
    other: list[float] = []
    learner.eval()
    with torch.no_grad():
        for batch in BatchSource(rows, layout, device, math.inf).in_order(max(_LEAST, -(-len(rows) // _BATCHES))):
            for part, found in ((batch, own), (_mixed(batch), other)):
                found.append(float(learner.losses(part, {"loss"})["loss"]))
    return own, other


def _mixed(batch: Batch) -> Batch:
    lists = {name: Sequence(each.values.roll(1, 0), each.mask.roll(1, 0)) for name, each in batch.sequences.items()}
    return replace(batch, x=batch.x.roll(1, 0), sequences=lists)
