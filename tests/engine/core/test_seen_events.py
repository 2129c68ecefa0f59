"""Which events count: those of the test part of every training behind what is measured."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lineshape.engine.core.columns import Column
from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.seen_events import Seen, unseen
from lineshape.engine.core.split import Split, Target
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.counted_events import Counted, counted, seen_through
from lineshape.engine.job.job import Job
from lineshape.engine.learning.bundles import Bundle

EVENTS = np.arange(20_000, dtype=np.uint64)
OWN, OTHER = Split(), Split(test=0.5, validation=0.3)


@pytest.mark.parametrize("splits", [(OWN,), (OTHER,), (OWN, OTHER), (Split(test=0.05), Split(validation=0.9), OTHER)])
def test_an_event_that_any_training_looked_at_does_not_count(splits: tuple[Split, ...]) -> None:
    good = unseen(splits, EVENTS)
    assert good.any()
    for split in splits:
        parts = split.of(EVENTS)
        assert not (good & (parts["training"] | parts["validation"])).any()


def test_what_is_behind_columns_is_behind_what_is_trained_on_them() -> None:
    first = Seen(own=OTHER, unknown=("x",))
    second = Seen.behind(OWN, [first, Seen(own=OWN)])
    assert second == Seen(own=OWN, through=(OTHER, OWN), unknown=("x",))
    assert second.splits == (OWN, OTHER)
    assert Seen.model_validate(second.model_dump(mode="json")) == second


@pytest.mark.parametrize(
    ("events", "name", "share", "words"),
    [
        (Counted(OWN), "all", 1.0, "all events, as no model was trained on any"),
        (Counted(OWN, (), sought=True), "unseen", 1 - 2 / 15, "all events but those of the validation split"),
        (Counted(OWN, (OWN,), columns=()), "test", 1 / 3, "the test split"),
        (Counted(OWN, (OWN,), columns=("c",)), "test", 1 / 3, "neither a model nor the bundle behind c was trained"),
        (Counted(OWN, (OTHER,), columns=("c",)), "held-out", 0.5, "neither a model nor the bundle behind c was"),
        (Counted(OWN, (OTHER,), sought=True, columns=("c",)), "held-out", 0.5 - 2 / 15, "the events on which neither"),
        (Counted(OWN, (OWN, OTHER), columns=("c",)), "held-out", 1 / 3, "the events on which neither"),
        (Counted(OWN, (OWN,), columns=("c",), unknown=("c",)), "test", 1 / 3, "the test split; what c comes from may"),
    ],
)
def test_the_events_and_what_is_said_of_them(events: Counted, name: str, share: float, words: str) -> None:
    """The share within five standard deviations."""
    assert events.name == name
    assert words in events.words
    good = events.of(EVENTS)["test"]
    assert good.mean() == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / len(EVENTS)))
    assert not (good & ~unseen(events.splits, EVENTS)).any()
    assert not (events.sought and (good & OWN.of(EVENTS)["validation"]).any())


@pytest.mark.parametrize("other", [Split(test=0.4), Split(test=0.4, validation=0.3), Split(test=0.1, validation=0.1)])
def test_thresholds_are_sought_where_no_training_learnt(other: Split) -> None:
    own = OWN.of(EVENTS)["validation"]
    assert (Counted(OWN, (OWN,), sought=True).looked_at(EVENTS) == own).all()
    found = Counted(OWN, (OWN, other), sought=True, columns=("c",)).looked_at(EVENTS)
    assert (found == own & ~other.of(EVENTS)["training"]).all()
    assert (own & other.of(EVENTS)["training"]).any() != (found.sum() == own.sum())


def bundle(folder: Path, column: str, seen: Seen | None) -> Bundle:
    """A column of the file, as a model."""
    spec = KindSpec(kind="column", column=column)
    made = Bundle(folder / column, column, spec, (column,), Target(truth="truth"), "digest", {}, seen)
    made.folder.mkdir(parents=True)
    made.save()
    return made


def job_of(folder: Path, **derived: Any) -> Job:
    values = {"bundle": folder / "a", "low": 0, "high": 1}
    return Job.model_validate(
        {
            "study": "s",
            "processor": {"kind": "x:Y"},
            "derived": {"c": values | derived},
            "target": {"truth": "truth"},
            "models": {"c": {"kind": "column", "column": "c"}, "b": {"kind": "column", "column": "b"}},
            "baseline": "c",
            "measures": {"m": {"kind": "response", "truth": "truth"}},
        }
    )


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path, (), {"c": Column("c", "", 0, 1)}, {}, 0, 0, seen={"c": Seen(own=OTHER)})


def test_a_column_of_another_runs_bundle_keeps_that_runs_training_out(tmp_path: Path, store: FeatureStore) -> None:
    bundles = {name: bundle(tmp_path / "models", name, Seen()) for name in ("c", "b")}
    job = job_of(tmp_path)
    assert counted(job, store, bundles, ()) == Counted(job.split, (OTHER,), columns=("c",))
    # Not where nothing of it is measured.
    assert counted(job, store, {"b": bundles["b"]}, ()) == Counted(job.split)
    trained = replace(bundles["b"], seen=Seen.behind(job.split, [Seen(own=OTHER)]))
    assert counted(job, store, {"b": trained}, ()).splits == (job.split, OTHER)


def test_what_is_not_known_is_refused_unless_it_is_accepted(tmp_path: Path, store: FeatureStore) -> None:
    models = tmp_path / "models"
    bundle(models, "a", None)
    refused, accepted = job_of(models), job_of(models, may_have_seen=True)
    seen = refused.derived["c"].seen
    assert seen == Seen(unknown=(str(models / "a"),))
    told = r"not known which events .*models/a was trained on.*train it again.*'may_have_seen: true' under derived.c"
    with pytest.raises(RequestError, match=told):
        refused.derived["c"].require_known("c", seen)
    store = replace(store, seen={"c": seen})
    with pytest.raises(RequestError, match=told):
        seen_through(refused, store, ["c"])
    found = counted(accepted, store, {"c": bundle(models, "c", Seen())}, ())
    assert (found.unknown, found.name) == (("c",), "all")
    assert "what c comes from may have been trained on some of them" in found.words
    with pytest.raises(RequestError, match="does not say which events the bundle behind 'c' was trained on: run"):
        seen_through(accepted, replace(store, seen={}), ["c"])


def test_a_bundle_and_a_store_remember(tmp_path: Path, store: FeatureStore) -> None:
    for seen in (None, Seen(own=OTHER, through=(OWN,))):
        made = bundle(tmp_path / str(seen is None), "a", seen)
        assert Bundle.load(made.folder).seen == seen
    store.save()
    assert FeatureStore.load(tmp_path).seen == store.seen
