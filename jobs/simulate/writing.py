"""Write a file of a simulated sample: batches of events as ROOT branches."""

from dataclasses import dataclass
from pathlib import Path

import awkward as ak
import numpy as np

from lineshape.engine.core.files import replacing
from lineshape.jobs.simulate.family import Family, Sample


@dataclass(frozen=True)
class FileOrder:
    """One file to be written on a worker; the amount is in the family's unit."""

    family: Family
    amount: int
    seed: int
    number: int
    tree: str
    path: Path


def write_file(order: FileOrder) -> None:
    """Generate one file, batch by batch, and put it in place when it is complete."""
    import uproot

    # Spawned from (seed, file): files can be made in any order, on any worker, and stay the same.
    rng = np.random.default_rng(np.random.SeedSequence(order.seed, spawn_key=(order.number,)))
    first = (order.seed % 10_000) * 10**13 + order.number * 10**9
    with replacing(order.path) as temporary, uproot.recreate(temporary, compression=uproot.ZSTD(3)) as file:
        tree = None
        left = order.amount
        while left:
            amount = min(left, order.family.at_once)
            batch = order.family.generate(amount, rng)
            left -= amount
            branches = to_branches(batch, first)
            first += batch.length
            if tree is None:
                types = {name: ak.type(values).content for name, values in branches.items()}
                tree = file.mktree(order.tree, types, field_name=_branch_name, counter_name=lambda name: f"n{name}")
            tree.extend(branches)


EVENT_NUMBER = "EventInfoAuxDyn.eventNumber"


def to_branches(sample: Sample, first_event: int) -> dict[str, ak.Array]:
    """Return columns as uproot writes them: each collection is one record of jagged arrays with one counter."""
    branches = {name: ak.Array(values) for name, values in sample.events.items()}
    branches[EVENT_NUMBER] = ak.Array(np.arange(first_event, first_event + sample.length, dtype=np.uint64))
    for collection, columns in sample.objects.items():
        record = ak.zip({name: ak.Array(values) for name, values in columns.items()})
        branches[collection] = ak.unflatten(record, sample.counts[collection])
    return branches


def _branch_name(outer: str, inner: str) -> str:
    return f"{outer}.{inner}" if outer else inner
