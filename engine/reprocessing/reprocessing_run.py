"""Carry out one reprocessing run: process files, train a challenger where due, compare it, and write the record."""

import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from lineshape.engine.core import ledger
from lineshape.engine.core.digests import digest
from lineshape.engine.core.errors import RunError, listing
from lineshape.engine.core.files import write_json
from lineshape.engine.core.lock import Lock
from lineshape.engine.core.records import find_record
from lineshape.engine.core.run_folder import ReprocessingFolder, RunFolder
from lineshape.engine.core.signals import undisturbed
from lineshape.engine.core.source_code import REPORTING, code_of
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.input.sources import expand
from lineshape.engine.job.policy import Code, Comparison, Decision, decide, reasons_to_train
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.reprocessing.attempts import (
    ChallengerPlan,
    can_go_on,
    code_of_job,
    last_attempt,
    plan_of,
    seen_by,
    unseen_rows,
)
from lineshape.engine.reprocessing.champion import (
    champion_of,
    discard,
    point,
    publish,
    remove,
    snapshot,
    start_with,
    superfluous,
)
from lineshape.engine.reprocessing.champion_status import ChampionStatus, champion_status_of, is_whole, undecided
from lineshape.engine.reprocessing.comparison import (
    CHALLENGER,
    CHAMPION,
    Criterion,
    comparison_job,
    put_in_place,
    read_comparison,
)
from lineshape.engine.reprocessing.file_changes import known, news_of, states_of, tell
from lineshape.engine.reprocessing.run_record import (
    ComparisonRecord,
    DataRecord,
    DriftRecord,
    RunRecord,
    TrainingRecord,
    UnknownDrift,
)
from lineshape.engine.results.claims import check
from lineshape.engine.running.run import Run

#: File in the latest run: digest of everything that it depends on.
_STATE = "state.json"


@dataclass
class ReprocessingRun:
    """State of one reprocessing run.

    run: writes into the latest run folder. record: its record in the ledger, as far as the run has come.
    """

    run: Run
    folder: ReprocessingFolder
    lock: Lock
    records: list[RunRecord]
    criterion: Criterion
    record: RunRecord = field(init=False)

    def __post_init__(self) -> None:
        self._start = time.monotonic()
        self.job = self.run.job
        self.closed = False
        before = self.lock.before
        self.record = RunRecord(
            run=len(self.records) + 1,
            what="reprocessing",
            study=self.job.study,
            started=_now(),
            after=f"a run that did not come to its end: {before}" if before else None,
            finished="",
            seconds=0.0,
            status="unfinished",
            text="",
            champion=champion_of(self.records),
            versions=ledger.versions(),
        )
        self.champion_status = ChampionStatus(self.champion)

    @property
    def champion(self) -> str | None:
        """The champion's version, this run's where it is promoted; None where there is none."""
        return self.record.champion

    def close(self, status: str, text: str) -> None:
        """Write the record to the ledger unless it is written already, and set the pointer to the champion."""
        if self.closed:
            return
        with undisturbed():
            self._close(status, text)

    def _close(self, status: str, text: str) -> None:
        if status in {"failed", "interrupted"} and not self.record.version:
            # A training counts as the last one only together with its outcome.
            self.record = replace(self.record, training=None, comparison=None, decision=None, unmet=None)
        seconds = round(time.monotonic() - self._start, 1)
        self.record = replace(
            self.record, finished=_now(), seconds=seconds, status=status, text=text, problem=self._problem() or None
        )
        ledger.append(self.folder.ledger, self.record.to_dict())
        self.closed = True
        point(self.folder, self.champion)

    def go(self, simulate: Any) -> None:
        """Carry out all steps."""
        store = self._process(simulate)
        code = code_of_job(self.job)
        self.champion_status = champion_status_of(self.folder, self.records, self.job, self.criterion)
        if self.champion_status.problem:
            self.run.screen.warn(f"champion {self.champion} cannot be measured: {self.champion_status.problem}")
        state = self._state(store, code)
        reasons = self._plan(store, code)
        shown = self.folder.latest.path / _STATE
        if not reasons and find_record(shown, str) == state:
            self.close("nothing", "nothing to do")
            return
        shown.unlink(missing_ok=True)
        challenger = self._train(code, reasons) if reasons else None
        decision = self._compare(challenger)
        self.lock.check()
        with undisturbed():
            text = "; ".join(reasons) if reasons else "the champion on the data of now"
            if challenger and decision:
                version, content = publish(self.folder, self.records)
                champion = version if decision.promoted else self.champion
                self.record = replace(self.record, version=version, content=content, champion=champion)
                text = f"{version} {'promoted' if decision.promoted else 'not promoted'}: {decision.reason}"
            write_json(shown, self._state(store, code))
            removed = superfluous(self.folder, [*self.records, self.record], self.job.reprocess.keep)
            self.record = replace(self.record, removed=removed or None)
            self.close("done", text)
        remove(self.folder, removed)  # slow, and may be interrupted

    def _process(self, simulate: Any) -> FeatureStore:
        """Make the shards of all present files, and record which files changed."""
        files = {name: expand(patterns) for name, patterns in self.run.simulate(simulate).items()}
        store = self.run.process(files)
        states = states_of(((name, source.path) for name, found in files.items() for source in found.sources), store)
        news = news_of(known(record.files or {} for record in self.records), states)
        self.record = replace(self.record, files=news, data=DataRecord.of(store))
        self.run.screen.say("files", tell({kind: len(some) for kind, some in news.items()}))
        return store

    def _state(self, store: FeatureStore, code: Code) -> str:
        """Return a digest of everything that a run depends on: where it is unchanged, there is nothing to do."""
        champion_status = self.champion_status.key if self.champion_status.version == self.champion else ""
        parts = [vars(item) for item in store.quarantined], store.notes, asdict(code), self.champion, champion_status
        settings = self.job.model_dump(mode="json", exclude={"cluster"})
        made_by = code_of("lineshape.engine.measures"), code_of(*REPORTING)
        return digest(store.digest(), parts, settings, made_by)

    def _plan(self, store: FeatureStore, code: Code) -> list[str]:
        """Return the reasons to train a challenger; one begun by a killed run is continued if its code is unchanged."""
        plan = plan_of(self.folder)
        if plan and can_go_on(self.folder, plan, code):
            self.run.screen.warn(f"a challenger was begun at {plan.begun} and is gone on with")
            return plan.reasons
        discard(self.folder)
        attempt, version = last_attempt(self.records)
        unseen = unseen_rows(store, seen_by(self.folder, version), attempt.rows if attempt else 0)
        reasons = reasons_to_train(attempt, code, unseen, self.job.reprocess.grown)
        if self.champion_status.damaged and self.job.reprocess.promote == "always":
            reasons.append(f"champion {self.champion} is damaged")
        return reasons

    def _train(self, code: Code, reasons: list[str]) -> Bundle | None:
        """Train, measure and report on a challenger in a folder of its own; return None if its model was left out."""
        own = replace(self.run, folder=self.folder.challenger)
        plan = plan_of(self.folder)
        if not plan:
            self.run.screen.say("training", "; ".join(reasons))
            snapshot(self.folder, own.folder)
            version = last_attempt(self.records)[1]
            if version and is_whole(self.folder, version, self.records):
                start_with(RunFolder(self.folder.version(version)), self.job.models, own.folder)
            plan = ChallengerPlan(self.record.started, reasons, code)
            plan.save(self.folder)
        objects = FeatureStore.load(own.folder.features).rows
        try:
            trained = own.train()
        except RunError as error:
            if type(error) is RunError:  # not the cluster's fault, nor the disk's: it would fail again on the same data
                discard(self.folder)
            raise
        model = self.criterion.model
        left_out = None if model in trained.bundles else trained.left_out.get(model, "")
        self.record = replace(self.record, training=TrainingRecord(code, objects, reasons, plan.begun, left_out))
        if left_out is not None:
            discard(self.folder)
            return None
        own.histogram()
        rows = own.report()
        claims = check(self.job.claims_on_its_samples(), rows)
        if unmet := [claim.name for claim in claims if not claim.holds]:
            self.record = replace(self.record, unmet=unmet)
            self.run.screen.warn(f"the challenger does not meet {listing(unmet)}: see its report")
        return Bundle.load(own.folder.models / model)

    def _compare(self, challenger: Bundle | None) -> Decision | None:
        """Measure champion and challenger on the present data; return the decision where there is a challenger.

        The result goes into the latest run.
        """
        # Training may have taken hours.
        self.champion_status = champion_status_of(self.folder, self.records, self.job, self.criterion)
        champion, problem = self.champion_status.bundle, self.champion_status.problem
        bundles = {CHAMPION: champion, CHALLENGER: challenger}
        models = {name: bundle for name, bundle in bundles.items() if bundle}
        if not models:
            return None
        labels = {
            CHAMPION: f"Champion {self.champion}",
            CHALLENGER: "Challenger" if self.champion else "First version",
        }
        job = comparison_job(self.job, models, labels, self.criterion.model, "")
        run = replace(self.run, job=job)
        put_in_place(models, labels, run.folder)
        performance = run.histogram()
        comparison, decision = None, None
        if challenger:
            if champion:
                comparison = read_comparison(performance, job, self.criterion)
            elif self.champion:
                comparison = Comparison(self.criterion.figure, self.criterion.better, problem=problem)
            decision = decide(self.champion, comparison, self.job.reprocess, self.record.unmet or ())
            self._note(comparison, decision)
        self._drift(champion, run)
        about = self._about(decision, problem)
        replace(run, job=comparison_job(self.job, models, labels, self.criterion.model, about)).report()
        return decision

    def _problem(self) -> str:
        """Return what is left for a person to decide about the champion and the last version."""
        champion = self.champion_status.problem if self.champion_status.version == self.champion else ""
        said = f"champion {self.champion} cannot be measured: {champion}" if champion else ""
        return "; ".join(filter(None, [said, undecided([*self.records, self.record], self.folder.path)]))

    def _note(self, comparison: Comparison | None, decision: Decision) -> None:
        found = None
        if comparison and self.champion:
            found = ComparisonRecord.of(comparison, self.criterion.model, self.criterion.measure, self.champion)
        self.record = replace(self.record, decision=decision, comparison=found)

    def _drift(self, champion: Bundle | None, run: Run) -> None:
        from lineshape.engine.stages.drift.stage import DriftBaseline

        if not (champion and self.champion):
            run.folder.drift.unlink(missing_ok=True)
            if self.champion:
                unknown = UnknownDrift("the champion cannot be measured on the data of now")
                self.record = replace(self.record, drift=unknown)
            return
        version = RunFolder(self.folder.version(self.champion))
        features = (*champion.features, *champion.lists)
        subject = DriftBaseline(self.champion, version, features, champion.learnt_from)
        found = run.drift(subject, self.job.reprocess.drift)
        above = [each.feature for each in found.drifts if each.worst > self.job.reprocess.drift]
        worst, index = (found.drifts[0].feature, found.drifts[0].index) if found.drifts else ("", 0.0)
        self.record = replace(self.record, drift=DriftRecord(worst, round(index, 4), above, found.left_out))

    def _about(self, decision: Decision | None, problem: str) -> str:
        """Return the first paragraph of the latest run's report."""
        parts = [f"The champion is version {self.champion}." if self.champion else "There was no champion."]
        if problem:
            parts.append(
                f"It cannot be measured on the data of now: {problem}. Nor is the drift of its features known."
            )
        drift = self.record.drift
        if isinstance(drift, DriftRecord) and drift.left_out:
            parts.append(f"Drift is not known of {listing(drift.left_out)}, as their control histograms changed.")
        if decision:
            verb = "takes its place" if decision.promoted else "does not take its place"
            parts.append(f"The challenger {verb}: {decision.reason}.")
        return " ".join(parts)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
