"""Select the events that performance is measured on: those that no model or derived column involved was trained on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import RequestError, listing
from lineshape.engine.core.seen_events import Seen, unseen
from lineshape.engine.core.split import Division, Folds, SplitName
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.job import Job
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.measures.measure import Measure

Name = Literal["test", "out-of-fold", "all", "unseen", "held-out"]


@dataclass(frozen=True)
class Counted:
    """The events that performance is measured on.

    split: the job's. splits: of all trainings behind models and columns. sought: whether measures calibrate themselves
    (find thresholds, say) on the job's validation split. columns: derived columns, from bundles of other runs. unknown:
    columns and bundles whose training events are not known, which the job file accepts for columns.
    """

    split: Division
    splits: tuple[Division, ...] = ()
    sought: bool = False
    columns: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def name(self) -> Name:
        """Name of the selection: test, out-of-fold, all, unseen or held-out.

        test: the job's test split. out-of-fold: that of its folds, all events. held-out: the test part of every
        training's split. unseen: without any training, all events but those on which measures calibrated themselves.
        all: without any training, all events.
        """
        if self.splits == (self.split,):
            return "out-of-fold" if self._in_folds else "test"
        if self.splits:
            return "held-out"
        return "unseen" if self.sought and not self._in_folds else "all"

    @property
    def _in_folds(self) -> bool:
        """Whether all events count in every split, also those that measures calibrate on."""
        return isinstance(self.split, Folds)

    @property
    def words(self) -> str:
        """Description of the events in the report."""
        known = [name for name in self.columns if name not in self.unknown]
        neither = f"neither a model nor the bundle behind {listing(known)} was" if known else "no model was"
        told: dict[Name, str] = {
            "test": f"the test split, on which {neither} trained" if known else "the test split",
            "out-of-fold": "all events, each predicted by the model of its fold, which was not trained on it",
            "all": "all events" if self.unknown else "all events, as no model was trained on any",
            "unseen": "all events but those of the validation split, on which thresholds were found"
            + ("" if self.unknown else "; no model was trained on any"),
            "held-out": f"the events on which {neither} trained",
        }
        return f"{told[self.name]}; {self.doubt}" if self.doubt else told[self.name]

    @property
    def doubt(self) -> str:
        """What is not known about their training, as the job file accepts; else empty."""
        return f"what {listing(self.unknown)} comes from may have been trained on some of them" if self.unknown else ""

    def of(self, event: NDArray[np.uint64]) -> dict[SplitName, NDArray[np.bool_]]:
        """Return by split a mask of the events that count; training and validation only where models use them."""
        found = self.split.of(event)
        if self.name in ("test", "out-of-fold"):
            return found
        good = unseen(self.splits, event)
        if self.sought and not self._in_folds:
            good &= ~found["validation"]
        return found | {"test": good} if self.split in self.splits else {"test": good}

    @property
    def others(self) -> tuple[Division, ...]:
        """Splits of trainings that differ from the job's."""
        return tuple(split for split in self.splits if split != self.split)

    def looked_at(self, event: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Return a mask of the events that measures calibrate on, as for thresholds: validation, unseen in training."""
        good = self.split.of(event)["validation"]
        for split in self.others:
            good &= split.untrained(event)
        return good


def counted(job: Job, store: FeatureStore, bundles: Mapping[str, Bundle], measures: Iterable[Measure]) -> Counted:
    """Return the events that models of a job are measured on.

    Raises RequestError where it is not known which events the bundle behind a column was trained on.
    """
    measures = list(measures)
    needed = {name for bundle in bundles.values() for name in bundle.columns}
    needed |= {name for measure in measures for name in measure.columns()}
    columns = seen_through(job, store, sorted(needed))
    # A bundle copied from another run, without a record of its split, was compared with this job's split before.
    own = [bundle.seen or Seen(own=job.division if bundle.built.trains else None) for bundle in bundles.values()]
    behind = [*own, *columns.values()]
    splits: dict[Division, None] = dict.fromkeys(
        [job.division] if any(job.division in each.splits for each in behind) else []
    )
    splits |= dict.fromkeys(split for each in behind for split in each.splits)
    unknown = [name for name, each in columns.items() if each.unknown]
    unknown += [name for name, bundle in bundles.items() if bundle.seen and bundle.seen.unknown]
    sought = any(measure.calibrates for measure in measures)
    return Counted(job.division, tuple(splits), sought, tuple(columns), tuple(unknown))


def seen_through(job: Job, store: FeatureStore, columns: Sequence[str]) -> dict[str, Seen]:
    """Return the training records of the bundles behind some of these columns, by column.

    Raises RequestError where the feature store lacks the record, or the record is incomplete and the job file does not
    accept that.
    """
    found = {}
    for name, derived in job.derived.items():
        if name not in columns:
            continue
        if name not in store.seen:
            raise RequestError(
                f"the feature store in {store.folder} does not say which events the bundle behind '{name}' was trained "
                "on: run 'lineshape process' again, which keeps the shards that are there"
            )
        derived.require_known(name, store.seen[name])
        found[name] = store.seen[name]
    return found
