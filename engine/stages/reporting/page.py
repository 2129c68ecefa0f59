"""Write the report's page: one HTML file with everything inside."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lineshape.engine.core.contents import is_weighted
from lineshape.engine.core.errors import listing
from lineshape.engine.core.ledger import StageRecord
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.job import Job
from lineshape.engine.job.subjects import label_of
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.measures.measure import Measure
from lineshape.engine.results.claims import CheckedClaim
from lineshape.engine.results.drift_plots import SECTION, DriftReport, chance_of, index_of
from lineshape.engine.results.findings import findings
from lineshape.engine.results.look import LookRecord
from lineshape.engine.results.performance import Performance
from lineshape.engine.results.row import Row
from lineshape.engine.results.summary import headline_tables, written
from lineshape.engine.results.trainings import trainings_lines
from lineshape.engine.results.variation_tables import variation_tables
from lineshape.engine.stages.reporting import template
from lineshape.engine.stages.reporting.variations import VariedResults


@dataclass(frozen=True)
class Shown:
    """A picture of the page: the name of its files under plots/, and its caption.

    live: whether the page draws it from its data, where scripts run.
    """

    name: str
    caption: str
    live: bool


@dataclass(frozen=True)
class Section:
    """A heading and its pictures.

    samples: that it belongs to, where there are several.
    """

    title: str
    samples: str
    pictures: list[Shown]


@dataclass(frozen=True)
class Content:
    """Everything that the page shows."""

    job: Job
    store: FeatureStore
    performance: Performance
    bundles: dict[str, Bundle]
    left_out: dict[str, str]
    rows: list[Row]
    claims: list[CheckedClaim]
    sections: list[Section]
    ledger: list[StageRecord]
    drifts: DriftReport | None = None
    look: LookRecord | None = None
    variations: VariedResults | None = None

    @property
    def contents(self) -> dict[str, list[tuple[str, int]]]:
        """For each title, the samples with a section of that title and the sections' numbers."""
        found: dict[str, list[tuple[str, int]]] = {}
        for number, section in enumerate(self.sections, start=1):
            found.setdefault(section.title, []).append((section.samples, number))
        return found

    @property
    def live(self) -> list[str]:
        """Names of the pictures that the page draws itself."""
        return [each.name for section in self.sections for each in section.pictures if each.live]

    @property
    def leading(self) -> Shown | None:
        """Picture that the page opens with: the first that is not of drift."""
        pictures = (one for section in self.sections if section.title != SECTION for one in section.pictures)
        return next(pictures, None)


def lead(title: str) -> str:
    """Return a title for use within a line: first letter in lower case, but for abbreviations or symbols (BRT, N−1)."""
    return title[:1].lower() + title[1:] if title[1:2].islower() or title[1:2] == " " else title


def write_page(path: Path, content: Content) -> None:
    """Write the page; its plots and their data must be in plots/ beside it."""
    plots = path.parent / "plots"
    last = {record.stage: record for record in content.ledger}
    labels = {model: bundle.label for model, bundle in content.bundles.items()}
    measures = content.job.built_measures()
    samples = _shown(content, labels, measures)
    template.write(
        path,
        "page.html",
        {name: json.loads((plots / f"{name}.json").read_text(encoding="utf-8")) for name in content.live},
        {
            "picture": lambda name: template.embedded(plots / f"{name}.png"),
            "written": written,
            "lead": lead,
            "index": index_of,
            "chance": chance_of,
        },
        content=content,
        job=content.job,
        drift_section=SECTION,
        store=content.store,
        made=datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC"),
        findings=findings(content.rows, measures, labels, content.job.baseline, samples),
        models=labels,
        samples=[_of_sample(content, name) for name in samples],
        notes=[*dict.fromkeys(each.note for each in measures.values() if each.note), *_on_weights(content, measures)],
        objects="Effective objects" if content.store.weight else "Objects",
        facts=[_model_facts(name, bundle) for name, bundle in content.bundles.items()],
        stages=list(last.values()),
        versions=content.ledger[-1].versions if content.ledger else {},
    )


def _on_weights(content: Content, measures: Mapping[str, Measure]) -> list[str]:
    """Return sentences on what is weighted; none where the job has no weights."""
    if not content.store.weight:
        return []
    empty = {name: each.empty(content.store.columns) for name, each in measures.items()}
    # A user's own kind may count objects whatever its settings say.
    bare = [name for name, histograms in empty.items() if not all(map(is_weighted, histograms.values()))]
    found = []
    if len(bare) < len(measures):
        found = ["Objects are weighted, and the effective number of them is (Σw)²/Σw², of equal weights their number."]
    return [*found, *([f"Not weighted: {listing(bare)}, of which each object counts once."] if bare else [])]


def _shown(content: Content, models: Iterable[str], measures: Mapping[str, Measure]) -> list[str]:
    """Return the groups and samples that the page tells of: those that are not measured in a group alone."""
    subjects = content.performance.subjects
    measured = {
        subject for name, each in measures.items() for model in models for subject in subjects.shown(name, each, model)
    }
    grouped = {sample for subject in measured for sample in subjects.members[subject]}
    return [subject for subject in subjects.members if subject in measured or subject not in grouped]


def _of_sample(content: Content, sample: str) -> dict[str, Any]:
    """Return inclusive figures of a sample: the measures' headline tables, and all other figures by measure."""
    labels = {model: bundle.label for model, bundle in content.bundles.items()}
    own = [row for row in content.rows if row.sample == sample and row.by == ""]
    measures = content.job.built_measures()
    tables = headline_tables(
        content.rows, sample, measures, labels, labels.get(content.job.baseline, content.job.baseline)
    )
    shown = {(name, figure) for name, measure in measures.items() for figure in measure.headline.values()}
    others = {
        name: [
            {"label": labels[row.model], "row": row, "words": measures[name].in_words(row.figure)}
            for row in own
            if row.measure == name and (name, row.figure) not in shown
        ]
        for name in measures
    }
    titles = {name: measure.title or name for name, measure in measures.items()}
    return {
        "label": label_of(content.job, sample),
        "tables": tables,
        "lacking": "; ".join(
            dict.fromkeys(
                each.lacking
                for name, each in measures.items()
                if any(sample in content.performance.subjects.shown(name, each, model) for model in labels)
            )
        ),
        "variations": variation_tables(
            content.rows,
            content.variations.shifts,
            sample,
            measures,
            labels,
            content.variations.labels,
            labels.get(content.job.baseline, content.job.baseline),
        )
        if content.variations
        else [],
        "others": [(titles[name], rows) for name, rows in others.items() if rows],
        "trainings": [
            (titles[name], lines)
            for name, measure in measures.items()
            if (lines := trainings_lines(content.rows, sample, name, measure, labels))
        ],
    }


def _model_facts(name: str, bundle: Bundle) -> dict[str, Any]:
    leaves = [leaf.provenance for leaf in bundle.leaves.values()]
    trained = {"trainings": str(len(leaves)) if len(leaves) > 1 else ""}
    trained |= {
        "trees": _range("rounds", leaves),
        "best epoch": _range("best_epoch", leaves),
        "weights": _range("parameters", leaves),
        "training rows": _range("training_rows", leaves),
        "validation rows": _range("validation_rows", leaves),
    }
    shares = [facts.get("importance", {}) for facts in leaves]
    mean = {name: sum(each.get(name, 0.0) for each in shares) / len(shares) for each in shares for name in each}
    importance = sorted(mean.items(), key=lambda item: -item[1])[:6]
    return {
        "name": name,
        "label": bundle.label,
        "kind": bundle.model.kind,
        "features": len(bundle.features),
        "target": _target(bundle) if bundle.built.is_learnt else "–",
        "settings": {key: value for key, value in bundle.model.settings.items() if key not in {"label", "features"}},
        "trained": {words: value for words, value in trained.items() if value},
        "remarks": bundle.remarks,
        "importance": ", ".join(f"{feature} {share:.0%}" for feature, share in importance),
    }


def _range(fact: str, trainings: Sequence[Mapping[str, Any]]) -> str:
    """Return a number that trainings record, or its range; empty where none does."""
    numbers = [facts[fact] for facts in trainings if facts.get(fact) is not None]
    ends = dict.fromkeys([min(numbers), max(numbers)] if numbers else [])
    return " – ".join(f"{number:,}" for number in ends)


def _target(bundle: Bundle) -> str:
    truth = ", ".join(bundle.target.truths)
    return f"{truth} / {bundle.target.per}" if bundle.target.per else truth
