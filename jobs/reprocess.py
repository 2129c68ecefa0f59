"""Scheduled reprocessing: what is new is processed, models are trained anew where it is time, the better one stays.

One call is one run, or night. It may be killed at any moment: shards, checkpoints, histograms and versions that are
there stay, the champion is never touched, and the next run goes on from what it finds.
"""

import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineshape.engine import ledger
from lineshape.engine.bundles import FILE, Bundle
from lineshape.engine.champion import (
    champion_before,
    champion_of,
    discard,
    missing_shards,
    point,
    publish,
    snapshot,
    take_up,
    verify,
)
from lineshape.engine.comparison import (
    CHALLENGER,
    CHAMPION,
    Judge,
    comparison_job,
    judge_of,
    obstacle,
    read_comparison,
)
from lineshape.engine.digests import digest
from lineshape.engine.errors import BusyError, IncompleteRunError, LineshapeError, RequestError, RunError
from lineshape.engine.files import read_json, write_json
from lineshape.engine.folders import ReprocessingFolder, RunFolder
from lineshape.engine.inputs import inputs_of
from lineshape.engine.job import Job
from lineshape.engine.kinds import KindError
from lineshape.engine.lock import Lock, held
from lineshape.engine.news import known, news_of, states_of, tell, to_record
from lineshape.engine.policy import Attempt, Code, Comparison, Decision, decide, reasons_to_train
from lineshape.engine.progress import Screen
from lineshape.engine.run import Run, open_run
from lineshape.engine.shards import FeatureStore
from lineshape.engine.source_code import code_of
from lineshape.engine.sources import Source, expand
from lineshape.engine.split import Split

if TYPE_CHECKING:
    from distributed import Client

Record = dict[str, Any]
#: In a challenger that is in the making: why, and by which code.
PLAN = "challenger.json"


def reprocess(
    job: Job,
    output: str | Path | None = None,
    client: "Client | None" = None,
    screen: Screen | None = None,
) -> Record:
    """One run of scheduled reprocessing; returns its record in the ledger.

    output: the reprocessing folder, reprocessing/<study> by default. client: a Dask client; by default the job's own
    cluster is started, where there is anything to do.

    Raises RequestError where the request is wrong, BusyError where another run is going on, RunError where the run
    failed, and IncompleteRunError where it is done but more of the input is quarantined than the job tolerates.
    """
    from lineshape.jobs.simulate.writing import simulator

    folder = folder_of(job, output)
    judge = judge_of(job)
    with held(folder.lock) as lock:
        records = ledger.read(folder.ledger)
        point(folder, champion_of(records))
        take_up(folder, records)
        with open_run(job, folder.latest.path, screen, client) as opened:
            night = Night(replace(opened, folder=folder.latest), folder, lock, records, judge)
            try:
                night.go(simulator(job))
            except BusyError:
                raise
            except LineshapeError as error:
                lock.check()
                night.close("failed", str(error))
                raise
            store = FeatureStore.load(folder.features)
            if store.quarantined and store.lost > job.tolerate:
                raise IncompleteRunError(
                    f"{len(store.quarantined)} parts of the input, about {store.lost:.2%} of its entries, are "
                    f"quarantined, more than 'tolerate: {job.tolerate}' allows; everything else is done. The list is "
                    f"in {folder.features}/manifest.json"
                )
    return night.record


def folder_of(job: Job, output: str | Path | None) -> ReprocessingFolder:
    """The reprocessing folder that is asked for; raises RequestError where an ordinary run is there."""
    folder = ReprocessingFolder(Path(output) if output else Path("reprocessing") / job.study)
    if (folder.path / "job.json").is_file():
        raise RequestError(f"{folder.path} is the folder of an ordinary run: name another one with -o")
    return folder


def code_of_job(job: Job) -> Code:
    """Digests of all that a training depends on but the data."""
    from lineshape.engine.stages.processing import fingerprint_of

    models = {name: inputs_of(job, model).code(job) for name, model in job.built_models().items() if model.trains}
    return Code(fingerprint_of(job), models)


def last_attempt(records: list[Record]) -> tuple[Attempt | None, str]:
    """The last training that came to an end, and the version that came of it, empty where none did."""
    for record in reversed(records):
        if training := record.get("training"):
            return Attempt(Code(**training["code"]), training["rows"]), record.get("version") or ""
    return None, ""


def unseen_rows(store: FeatureStore, seen: FeatureStore | None, rows: int) -> int:
    """Objects that a training of so many rows, on a store that may still be known, did not see."""
    if seen is None:
        return max(0, store.rows - rows)
    known_shards = {shard.identity for shard in seen.shards}
    return sum(shard.rows for shard in store.shards if shard.identity not in known_shards)


@dataclass
class Night:
    """A run at work. run: on the latest run folder. record: what the ledger will say of it."""

    run: Run
    folder: ReprocessingFolder
    lock: Lock
    records: list[Record]
    judge: Judge
    record: Record = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._start = time.monotonic()
        self.job = self.run.job
        self.champion = champion_of(self.records)
        self.record = {
            "run": len(self.records) + 1,
            "what": "reprocessing",
            "study": self.job.study,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }

    def close(self, status: str, text: str) -> None:
        """Write the record: from here on what it says is so."""
        self.record |= {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self._start, 1),
            "status": status,
            "text": text,
            "champion": self.champion,
            "versions": ledger.versions(),
        }
        ledger.append(self.folder.ledger, self.record)
        point(self.folder, self.champion)

    def go(self, simulate: Any) -> None:
        """All of it."""
        store = self._process(simulate)
        code = code_of_job(self.job)
        state = self._state(store, code)
        reasons = self._plan(store, code)
        before = next((record["state"] for record in reversed(self.records) if "state" in record), "")
        if not reasons and state == before:
            self.record["state"] = state
            self.close("nothing", "nothing to do")
            return
        challenger = self._train(code, reasons) if reasons else None
        decision = self._compare(challenger)
        text = "; ".join(reasons) if reasons else "the champion on the data of now"
        if challenger and decision:
            self.lock.check()
            version, content = publish(self.folder, self.records)
            self.record |= {"version": version, "content": content}
            self.champion = version if decision.promoted else self.champion
            text = f"{version} {'promoted' if decision.promoted else 'not promoted'}: {decision.reason}"
        self.lock.check()
        self.record["state"] = self._state(store, code)
        self.close("done", text)

    def _process(self, simulate: Any) -> FeatureStore:
        """Shards of all that is there now, and the news of files."""
        files = {name: expand(patterns) for name, patterns in self.run.simulate(simulate).items()}
        store = self.run.process({name: [_pattern(source) for source in sources] for name, sources in files.items()})
        states = states_of(((name, source.path) for name, sources in files.items() for source in sources), store)
        news = news_of(known(self.records), states)
        counts = {str(kind): len(some) for kind, some in news.items()}
        self.record |= {
            "files": to_record(news),
            "data": {
                "files": len(store.files),
                "entries": store.entries,
                "processed": store.processed,
                "rows": store.rows,
                "quarantined": len(store.quarantined),
                "lost": round(store.lost, 6),
                "store": store.digest(),
            },
        }
        self.run.screen.console.print(f"[bold]files[/bold] {tell(counts)}", highlight=False)
        return store

    def _state(self, store: FeatureStore, code: Code) -> str:
        """Digest of all that a run depends on: where it is as before, there is nothing to do."""
        parts = [vars(item) for item in store.quarantined], asdict(code), self.champion
        settings = self.job.model_dump(mode="json", exclude={"cluster"})
        made_by = code_of("lineshape.engine.measures"), code_of("lineshape.engine.report")
        return digest(store.digest(), parts, settings, made_by)

    def _plan(self, store: FeatureStore, code: Code) -> list[str]:
        """Why there is to be a challenger: one that a killed run began is gone on with, if its code is that of now."""
        plan = self.folder.challenger.path / PLAN
        if plan.is_file():
            begun = read_json(plan)
            if begun["code"] == asdict(code) and not missing_shards(FeatureStore.load(self.folder.challenger.features)):
                self.run.screen.warn(f"a challenger was begun at {begun['begun']} and is gone on with")
                return [*begun["reasons"]]
        discard(self.folder)
        attempt, version = last_attempt(self.records)
        seen = FeatureStore.load(RunFolder(self.folder.version(version)).features) if version else None
        unseen = unseen_rows(store, seen, attempt.rows if attempt else 0)
        return reasons_to_train(attempt, code, unseen, self.job.reprocess.grown)

    def _train(self, code: Code, reasons: list[str]) -> Bundle | None:
        """A challenger, trained, measured and reported on in a folder of its own; None where it was left out."""
        own = replace(self.run, folder=self.folder.challenger)
        plan = own.folder.path / PLAN
        if not plan.is_file():
            self.run.screen.console.print(f"[bold]training[/bold] {'; '.join(reasons)}", highlight=False)
            snapshot(self.folder, own.folder)
            write_json(plan, {"begun": self.record["started"], "reasons": reasons, "code": asdict(code)})
        rows = FeatureStore.load(own.folder.features).rows
        try:
            trained = own.train()
        except RunError as error:
            if type(error) is RunError:  # not the cluster's fault, nor the disk's: it would fail again on the same data
                discard(self.folder)
            raise
        self.record["training"] = {
            "code": asdict(code),
            "rows": rows,
            "reasons": reasons,
            "begun": read_json(plan)["begun"],
        }
        if self.judge.model not in trained.bundles:
            self.record["training"]["left_out"] = trained.left_out.get(self.judge.model, "")
            discard(self.folder)
            return None
        own.histogram()
        own.report()
        return Bundle.load(own.folder.models / self.judge.model)

    def _compare(self, challenger: Bundle | None) -> Decision | None:
        """Champion and challenger on the data of now, in the latest run; the decision where there is a challenger."""
        champion, problem = self._standing()
        bundles = {CHAMPION: champion, CHALLENGER: challenger}
        models = {name: bundle for name, bundle in bundles.items() if bundle}
        if not models:
            return None
        labels = {
            CHAMPION: f"Champion {self.champion}",
            CHALLENGER: "Challenger" if self.champion else "First version",
        }
        job = comparison_job(self.job, models, labels, self.judge.model, "")
        run = replace(self.run, job=job)
        _put(models, run.folder)
        performance = run.histogram()
        comparison, decision = None, None
        if challenger:
            if champion:
                comparison = read_comparison(performance, job, self.judge)
            elif self.champion:
                comparison = Comparison(self.judge.figure, self.judge.better, problem=problem)
            decision = decide(self.champion, comparison, self.job.reprocess)
            self._note(comparison, decision)
        self._drift(champion, run)
        about = self._about(decision, problem)
        replace(run, job=comparison_job(self.job, models, labels, self.judge.model, about)).report()
        return decision

    def _standing(self) -> tuple[Bundle | None, str]:
        """The champion's bundle, where it can be measured on the data of now; else why not."""
        if not self.champion:
            return None, ""
        verify(self.folder, self.champion, self.records)
        run = RunFolder(self.folder.version(self.champion))
        if not (run.models / self.judge.model / FILE).is_file():
            return None, f"it has no model {self.judge.model}"
        bundle = Bundle.load(run.models / self.judge.model)
        try:
            split = Split.model_validate(read_json(run.job)["split"])
            problem = obstacle(bundle, split, self.job, FeatureStore.load(self.folder.features))
        except KindError as error:
            problem = f"its kind is no longer known as it was: {error}"
        if problem:
            self.run.screen.warn(f"champion {self.champion} cannot be measured on the data of now: {problem}")
        return (None, problem) if problem else (bundle, "")

    def _note(self, comparison: Comparison | None, decision: Decision) -> None:
        self.record["decision"] = asdict(decision)
        if comparison:
            own = {"model": self.judge.model, "measure": self.judge.measure, "champion": self.champion}
            self.record["comparison"] = own | asdict(comparison) | {"significance": comparison.significance}

    def _drift(self, champion: Bundle | None, run: Run) -> None:
        from lineshape.engine.stages.drifting import Subject

        if not (champion and self.champion):
            run.folder.drift.unlink(missing_ok=True)
            return
        version = RunFolder(self.folder.version(self.champion))
        features = (*champion.features, *champion.built.lists())
        subject = Subject(self.champion, version, features, champion.built.choice.samples)
        found = run.drift(subject, self.job.reprocess.drift)
        above = [each.feature for each in found if each.worst > self.job.reprocess.drift]
        self.record["drift"] = {
            "worst": found[0].feature if found else "",
            "index": round(found[0].index, 4) if found else 0.0,
            "above": above,
        }

    def _about(self, decision: Decision | None, problem: str) -> str:
        """What the report of the latest run says first."""
        parts = [f"The champion is version {self.champion}." if self.champion else "There was no champion."]
        if problem:
            parts.append(f"It cannot be measured on the data of now: {problem}.")
        if decision:
            verb = "takes its place" if decision.promoted else "does not take its place"
            parts.append(f"The challenger {verb}: {decision.reason}.")
        return " ".join(parts)


def _pattern(source: Source) -> str:
    return f"{source.path}#adler32={source.adler32}" if source.adler32 else source.path


def _put(models: Mapping[str, Bundle], folder: RunFolder) -> None:
    """Copies of bundles into a run folder, to be measured there; the originals stay as they are."""
    for place in folder.models.glob("*/"):
        if place.name not in models:
            shutil.rmtree(place)
    for name, bundle in models.items():
        place = folder.models / name
        if (place / FILE).is_file() and Bundle.load(place).digest == bundle.digest:
            continue
        shutil.rmtree(place, ignore_errors=True)
        half = folder.models / f".{name}.half"
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(bundle.folder, half, copy_function=shutil.copyfile)
        half.chmod(0o755)
        for path in half.rglob("*/"):
            path.chmod(0o755)
        half.rename(place)
    write_json(folder.index, {"bundles": list(models), "left_out": {}, "given": True})


def roll_back(folder: ReprocessingFolder, version: str | None = None) -> Record:
    """Make an earlier version champion, by default the one before this; returns the record in the ledger.

    The next run does not train the version that was left again: it is the last training that counts, whose code or data
    must have changed first.

    Raises RequestError where there is no such version, BusyError where a run is going on.
    """
    with held(folder.lock) as lock:
        records = ledger.read(folder.ledger)
        now = champion_of(records)
        chosen = version or champion_before(records)
        if chosen is None:
            raise RequestError(
                f"there is no champion before {now or 'this'}: name one of the versions in {folder.versions}"
            )
        verify(folder, chosen, records)
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        record = {
            "run": len(records) + 1,
            "what": "rollback",
            "started": moment,
            "finished": moment,
            "seconds": 0.0,
            "status": "done",
            "text": f"rolled back from {now}" if now != chosen else f"{chosen} is champion already",
            "champion": chosen,
            "versions": ledger.versions(),
        }
        lock.check()
        ledger.append(folder.ledger, record)
        point(folder, chosen)
    return record
