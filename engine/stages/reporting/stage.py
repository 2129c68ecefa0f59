"""Write figures, plots and one self-contained page from the merged histograms."""

import hashlib
import pickle
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lineshape.engine.core import ledger
from lineshape.engine.core.digests import digest
from lineshape.engine.core.errors import RunError
from lineshape.engine.core.files import write_json
from lineshape.engine.core.histograms import Histograms, load_control, to_uhi
from lineshape.engine.core.records import find_record
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.core.source_code import REPORTING, code_of
from lineshape.engine.execution.executor import Executor
from lineshape.engine.execution.failures import Failure
from lineshape.engine.execution.progress import Bars
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.job import Job
from lineshape.engine.job.subjects import label_of
from lineshape.engine.learning.bundles import Bundle, Index, read_index
from lineshape.engine.learning.fit.history import read_history
from lineshape.engine.measures.plots import Plot, Series
from lineshape.engine.results.bands import with_bands
from lineshape.engine.results.claims import check
from lineshape.engine.results.contents import file_name, is_whole, keep_unchanged, read_rows, seal
from lineshape.engine.results.drawing import draw, draw_grid
from lineshape.engine.results.drift_plots import DriftReport, drift_plots, keys, read_drifts
from lineshape.engine.results.look import FIGURES, LookRecord, identity_of
from lineshape.engine.results.performance import Performance
from lineshape.engine.results.plot_data import data_of
from lineshape.engine.results.row import Row
from lineshape.engine.results.shifts import with_systematics
from lineshape.engine.results.style import Style
from lineshape.engine.results.summary import rows_of
from lineshape.engine.stages.reporting.measured import measured_of, plots_of
from lineshape.engine.stages.reporting.page import Content, Section, Shown, write_page
from lineshape.engine.stages.reporting.variations import (
    VariedRecord,
    VariedResults,
    find_variations,
    results_of,
)


@dataclass(frozen=True)
class Drawing:
    """One picture to be drawn on a worker.

    section: of the page. samples: that the picture shows, where there are several.
    """

    name: str
    section: str
    samples: str
    caption: str
    what: Plot | tuple[Any, ...]
    style: Style
    folder: Path

    def as_file(self) -> "Drawing":
        """Return the drawing with a name valid for a file: a measure may name a plot by a column with any name."""
        name = file_name(self.name)
        return replace(
            self, name=name, what=replace(self.what, name=name) if isinstance(self.what, Plot) else self.what
        )

    def identity(self) -> str:
        """Return a digest of what is drawn and of the code that draws it; not of where it is written to."""
        drawn = pickle.dumps(replace(self, folder=Path()))
        return digest(hashlib.blake2b(drawn).hexdigest(), code_of(*REPORTING))

    def __call__(self) -> None:
        """Draw the picture into its folder, and write its data beside it."""
        if isinstance(self.what, Plot):
            draw(self.what, self.folder, self.style)
            data = data_of(self.what, self.style)
        else:
            draw_grid(self.what, self.folder, self.name)
            data = {"histograms": {histogram.axes[0].label: to_uhi(histogram) for histogram in self.what}}
        write_json(self.folder / f"{self.name}.json", data)


def report(job: Job, folder: RunFolder, workers: Workers, bars: Bars) -> list[Row]:
    """Write summary.json, the plots and the page; return the rows of the summary.

    Raises RequestError where the histograms are missing, RunError where no figure can be read off them.
    """
    store = FeatureStore.load(folder.features)
    measures = job.built_measures()
    index = read_index(folder) if folder.index.is_file() else Index((), {})
    bundles = {
        name: Bundle.load(folder.models / name).labelled(str(job.models[name].settings.get("label", "")))
        for name in index.bundles
        if name in job.models
    }
    performance = Performance.load(job, folder.histograms, store, bundles, index.given)
    varied = find_variations(job, folder, store, performance)
    drifts = read_drifts(folder)
    seen = find_record(folder.look / FIGURES, LookRecord)
    seen = seen if seen and seen.store == identity_of(store) else None
    identity = _identity(job, store, performance, index, drifts, seen, varied)
    if is_whole(folder, identity):
        return read_rows(folder)
    rows = rows_of(performance, measures, job.baseline)
    if not rows and any(measure.gives_figures for measure in measures.values()):
        reasons = dict.fromkeys(measure.lacking for measure in measures.values())
        raise RunError(f"no measure gives a figure: {'; '.join(reasons)}")
    labels = {name: bundle.label for name, bundle in bundles.items()}
    variations = results_of(job, folder, varied, labels, workers, bars)
    rows = [*with_systematics(rows, variations.shifts, variations.parameters), *variations.rows]
    wanted = [*_drift(job, folder, drifts), *_drawings(job, folder, store, performance, bundles, variations)]
    drawings = [drawing.as_file() for drawing in wanted]
    identities = {drawing.name: drawing.identity() for drawing in drawings}
    kept = keep_unchanged(folder, identities)
    changed = [drawing for drawing in drawings if drawing.name not in kept]
    bar = bars.add("reporting", len(changed))
    for drawing, outcome in Executor(workers, _draw).run(changed):
        if isinstance(outcome, Failure):
            raise RunError(f"plot {drawing.name} could not be drawn: {outcome.reason}")
        bar.advance()
    content = Content(
        job,
        store,
        performance,
        bundles,
        index.left_out,
        rows,
        check(job.claims_on_its_samples(), rows),
        _sections(drawings),
        ledger.stages(folder.ledger),
        drifts,
        seen,
        variations,
    )
    write_page(folder.page, content)
    write_json(folder.plots, [_entry(drawing) for drawing in drawings])
    write_json(folder.summary, [asdict(row) for row in rows])
    if variations.shifts:
        write_json(folder.shifts, [asdict(shift) for shift in variations.shifts])
    else:
        folder.shifts.unlink(missing_ok=True)
    seal(folder, identity, identities)
    return rows


def _entry(drawing: Drawing) -> dict[str, str]:
    return {name: getattr(drawing, name) for name in ("name", "section", "samples", "caption")}


def _identity(
    job: Job,
    store: FeatureStore,
    performance: Performance,
    index: Index,
    drifts: DriftReport | None,
    seen: LookRecord | None,
    varied: Sequence[VariedRecord],
) -> str:
    """Return a digest of everything that the page shows: figures, labels, missing parts, and the code that draws it."""
    missing = [vars(item) for item in store.quarantined], store.notes, index.left_out
    moved = [drifts.threshold, drifts.left_out, *(drift.to_dict() for drift in drifts.features)] if drifts else []
    return digest(
        performance.identity,
        job.model_dump(mode="json"),
        missing,
        moved,
        code_of(*REPORTING),
        *([seen.separation] if seen else []),
        *([(each.varied.key, each.identity, each.lost) for each in varied]),
    )


def _draw(drawing: Drawing) -> None:
    drawing()


def _drawings(
    job: Job,
    folder: RunFolder,
    store: FeatureStore,
    performance: Performance,
    bundles: dict[str, Bundle],
    variations: VariedResults,
) -> Iterable[Drawing]:
    plots = folder.report / "plots"
    # The baseline has the first colour, whichever models there are.
    keys = tuple(dict.fromkeys([job.baseline, *job.models]))
    labels = {name: bundle.label for name, bundle in bundles.items()}
    trained = tuple(name for name, bundle in bundles.items() if bundle.built.is_learnt)
    subjects = performance.subjects
    for sample, prefix in _prefixes([*subjects.members]).items():
        style = Style(keys, job.title or job.study, label_of(job, sample), trained)
        for name in job.measures:
            start = f"{prefix}{_start(job, name)}"
            for bare in plots_of(job, store, performance, labels, sample, name):
                varied = variations.plots.get((sample, name, bare.name), {})
                plot = with_bands(bare, varied, variations.parameters)
                of = "" if len(subjects.members) == 1 else style.note
                yield Drawing(f"{start}{plot.name}", plot.section, of, plot.caption, _named(plot, start), style, plots)
        control = load_control(folder.features, store.control).get(sample, {}) if sample in store.samples else {}
        yield from _control(control, prefix, sample, style, plots, store.weight is not None)
    yield from _across(job, folder, store, performance, labels)
    style = Style(keys, job.title or job.study, "")
    for name, bundle in bundles.items():
        for curve in _curves(name, bundle):
            yield Drawing(curve.name, "Training", "", curve.caption, curve, style, plots)


def _drift(job: Job, folder: RunFolder, drifts: DriftReport | None) -> Iterable[Drawing]:
    """Yield drawings of the features that moved furthest since the champion was trained, where drift is known."""
    style = Style(keys(), job.title or job.study, "")
    for plot in drift_plots(drifts) if drifts else ():
        yield Drawing(plot.name, plot.section, "", plot.caption, plot, style, folder.report / "plots")


def _across(
    job: Job, folder: RunFolder, store: FeatureStore, performance: Performance, labels: dict[str, str]
) -> Iterable[Drawing]:
    """Yield drawings that show several samples."""
    samples = store.samples
    style = Style(tuple(samples), job.title or job.study, "")
    for name, measure in job.built_measures().items():
        all_of_it = [measured_of(job, store, performance, labels, sample, name) for sample in samples]
        measured = [each for each in all_of_it if each.histograms]
        start = _start(job, name)
        for plot in filter(None, (plot.without_empty() for plot in measure.plots_across(measured))):
            what = _named(plot, start)
            plots = folder.report / "plots"
            yield Drawing(what.name, plot.section, "all samples", plot.caption, what, style, plots)


def _start(job: Job, measure: str) -> str:
    """Return the prefix of a measure's plot names: its name where several measures have its kind, else empty."""
    kinds = [spec.kind for spec in job.measures.values()]
    return f"{measure}_" if kinds.count(job.measures[measure].kind) > 1 else ""


def _prefixes(samples: list[str]) -> dict[str, str]:
    return {sample: "" if len(samples) == 1 else f"{sample}_" for sample in samples}


def _named(plot: Plot, prefix: str) -> Plot:
    return replace(plot, name=f"{prefix}{plot.name}")


def _control(
    control: Histograms, prefix: str, sample: str, style: Style, folder: Path, weighted: bool
) -> Iterable[Drawing]:
    flat = tuple(histogram for histogram in control.values() if histogram.ndim == 1 and histogram.sum() > 0)
    if flat:
        caption = f"What the processor selected in {sample}: all splits together."
        # Weights are known once all files are processed; `lineshape look` has the columns with them.
        caption += " Not weighted: each object counts once." if weighted else ""
        yield Drawing(f"{prefix}control", "Control histograms", "", caption, flat, style, folder)


def _curves(name: str, bundle: Bundle) -> Iterable[Plot]:
    """Yield plots of the watched quantity by step, and of each loss or metric where there are several.

    Folds and seeds are drawn together.
    """
    leaves = () if bundle.built.members() else tuple(bundle.leaves.values())
    if not leaves:
        return  # those of its members are drawn with them
    histories = [read_history(leaf.folder) for leaf in leaves]
    facts = next(leaf.provenance for leaf in leaves)
    keys = list(dict.fromkeys(key for history in histories for line in history for key in line if key != "step"))
    parts = dict.fromkeys(key.partition(" ")[2] for key in keys)
    several = f", {len(histories)} trainings" if len(histories) > 1 else ""
    for part in parts:
        curves = [key for key in keys if key.partition(" ")[2] == part]
        series = [
            _curve(name, key, history, number == 0)
            for number, history in enumerate(histories)
            for key in curves
            if any(key in line for line in history)
        ]
        # Early losses are far higher, for averaged weights for longer: the axis fits the last two thirds.
        shown = np.concatenate([line.y[len(line.y) // 3 :] for line in series])
        shown = shown[np.isfinite(shown)]
        if not len(shown):
            continue
        low, high = shown.min(), shown.max()
        margin = 0.1 * (high - low) + 1e-9
        kind = bundle.model.settings.get("loss", {}).get("kind", "")
        what = str(facts.get("loss", kind)).replace("_", " ")
        yield Plot(
            f"loss_{name}_{re.sub(r'[^a-z0-9]+', '_', part.lower())}" if part else f"loss_{name}",
            "Training",
            f"{bundle.label}: {part}{several}." if part else f"Loss of {bundle.label}{several}: {what}.",
            "Boosting round" if "rounds" in facts else "Epoch",
            f"{bundle.label}: {part}" if part else f"Loss of {bundle.label}",
            series,
            y_range=(float(low - margin), float(high + 4 * margin)),
            x_whole=True,
        )


def _curve(name: str, key: str, history: Sequence[Mapping[str, float]], is_first: bool) -> Series:
    """Return the curve of a quantity in one training; of several, the first stands in the legend."""
    lines = [line for line in history if key in line]
    steps, values = (np.array([line[what] for line in lines], dtype=float) for what in ("step", key))
    label = key.split(" ", maxsplit=1)[0] if is_first else ""
    return Series(name, label, steps, values, None, "line", key.startswith("training"))


def _sections(drawings: list[Drawing]) -> list[Section]:
    sections: dict[tuple[str, str], list[Shown]] = {}
    for drawing in drawings:
        sections.setdefault((drawing.section, drawing.samples), []).append(
            Shown(drawing.name, drawing.caption, isinstance(drawing.what, Plot))
        )
    return [Section(title, samples, pictures) for (title, samples), pictures in sections.items()]
