"""Write the text of a first processor and job file for a ROOT file and a target."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files as files_of
from typing import Any, Final

import numpy as np

from lineshape.engine.core.errors import RequestError, listing
from lineshape.jobs.starting.columns import column_of, edges_of, features, most_continuous, spread_of
from lineshape.jobs.starting.file_survey import LOOKED_AT, Branch, Survey, merged
from lineshape.jobs.starting.weights import likely_weights, weight_branches, weight_columns

#: Values of a label; any other target must be a quantity.
_LABELS: Final = (0, 1)
#: Name of the target that is the sample itself.
SAMPLE: Final = "(the sample)"
#: Part of the name of a branch that may hold a true quantity.
_TRUTH: Final = re.compile(r"truth|true|(?:^|[^a-z])gen", re.IGNORECASE)


@dataclass(frozen=True)
class Draft:
    """A first study: texts of its processor and job file, and remarks on what a physicist must decide."""

    processor: str
    job: str
    remarks: list[str]


def draft(
    study: str,
    class_name: str,
    files: str,
    survey: Survey,
    target: str | None,
    event: str | None,
    weights: Sequence[str] = (),
) -> Draft:
    """Return a first study of a file and a branch that is learnt.

    files: path or glob for the job file. target, event: names of branches; event None: as known formats name it.
    weights: branches whose product is the weight of a row.

    Raises RequestError that says what to name instead where a branch cannot be what it is named for.
    """
    number = survey.event_number(event)
    if target is None:
        raise RequestError(f"--target is missing: name the branch to learn{_likely(survey)}")
    truth = survey.branch(target, "--target")
    is_label = _require_target(survey, truth)
    return _draft(study, class_name, {"data": _Source(survey.tree, files)}, survey, truth, number, is_label, weights)


def draft_of_two(
    study: str,
    class_name: str,
    signal: tuple[str, Survey],
    background: tuple[str, Survey],
    event: str | None,
    weights: Sequence[str] = (),
) -> Draft:
    """Return a first study that tells the entries of a signal's file from those of a background's.

    signal, background: path or glob for the job file, and what is in the file.

    Raises RequestError where they have no number an entry in common that tells them apart.
    """
    both = signal[1], background[1]
    number = both[0].event_number(event)
    if number.name not in both[1].branches:
        raise RequestError(f"{both[1].path}, tree {both[1].tree}, has no branch {number.name}, the event's number")
    together = merged(*both)
    looked = [len(each.branches[number.name].values) for each in both]
    truth = Branch(SAMPLE, np.repeat([1, 0], looked).astype(np.int32))
    sources = {
        "signal": _Source(both[0].tree, signal[0]),
        "background": _Source(both[1].tree, background[0]),
    }
    made = _draft(study, class_name, sources, together, truth, together.branches[number.name], True, weights)
    alone = [name for name in both[0].branches if name not in both[1].branches]
    alone += [name for name in both[1].branches if name not in both[0].branches]
    lists = [each.name for each in both[0].branches.values() if each.name not in alone and each.is_list]
    said = [
        *([f"in one of the files alone, and not taken: {listing(alone, 6)}"] if alone else []),
        *([f"lists, where a row is an entry, and not taken: {listing(lists, 6)}"] if lists else []),
    ]
    return Draft(made.processor, made.job, [*made.remarks, *said])


@dataclass(frozen=True)
class _Source:
    """A sample's tree and files, as they are written into the job file."""

    tree: str
    files: str


def _draft(
    study: str,
    class_name: str,
    sources: Mapping[str, _Source],
    survey: Survey,
    truth: Branch,
    number: Branch,
    is_label: bool,
    weights: Sequence[str],
) -> Draft:
    weighing = weight_branches(survey, truth, number, weights)
    chosen, left_out = features(survey, truth, number, [branch.name for branch in weighing])
    weighted = weight_columns(weighing, chosen)
    remarks = []
    if not weighted and (likely := likely_weights(survey, truth)):
        remarks.append(
            f"all rows count the same; weights, by their names: {listing(likely, 6)} (--weight BRANCH, or 'weight:' in "
            "the job file)"
        )
    if left_out:
        remarks.append(f"not taken as features, as they may know the truth or count things: {listing(left_out, 6)}")
    if unknown := [branch.name for branch in survey.branches.values() if not branch.is_finite]:
        remarks.append(f"not taken as features, as some of their values are NaN or infinite: {listing(unknown, 6)}")
    if survey.entries > len(number.values):
        remarks.append(f"looked at the first {LOOKED_AT:,} entries alone")
    if survey.others:
        remarks.append(f"{survey.others:,} branches are no numbers or lists of numbers, and were not looked into")
    target = None if truth.name == SAMPLE else column_of(truth, "target")
    columns = [*chosen, *([target] if target else []), *weighted]
    negative = np.prod([spread_of(column.branch, truth) for column in weighted], axis=0) < 0
    if np.any(negative):
        remarks.append(
            f"{np.mean(negative):.1%} of the weights are negative: trainings drop these rows (negative: drop)"
        )
    scaled = [column for column in columns if column.scale != 1]
    if scaled:
        remarks.append(f"taken to be in MeV, and divided by 1000: {listing(column.name for column in scaled)}")
    values: dict[str, Any] = {
        "study": study,
        "class_name": class_name,
        "samples": sources,
        "event": number,
        "target": target,
        "features": chosen,
        "weights": weighted,
        "is_negative": bool(np.any(negative)),
        "columns": columns,
        "scales": scaled,
        "lists": [column for column in columns if column.branch.is_list],
        "is_label": is_label,
        "baseline": f"{chosen[0].name}_alone" if is_label else "trees",
        "fewest": max(10, min(100, len(truth.values) // 8)),
        "bins": most_continuous(chosen),
        "edges": [f"{edge:g}" for edge in edges_of(most_continuous(chosen))],
    }
    return Draft(_filled("processor.py.jinja", values), _filled("job.yaml.jinja", values), remarks)


def _filled(template: str, values: Mapping[str, Any]) -> str:
    import jinja2

    source = files_of("lineshape.jobs.starting").joinpath(template).read_text(encoding="utf-8")
    environment = jinja2.Environment(  # noqa: S701 - these are no web pages
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    return environment.from_string(source).render(values)


def _require_target(survey: Survey, truth: Branch) -> bool:
    """Return whether a target is a label; raises RequestError where it is neither that nor a positive quantity."""
    values, looked = truth.values, min(survey.entries, LOOKED_AT)
    if not len(values):
        raise RequestError(f"--target {truth.name}: it has no values in the first {looked:,} entries")
    if not truth.is_finite:
        raise RequestError(f"--target {truth.name}: it has values that are NaN or infinite")
    if set(np.unique(values)) <= set(_LABELS):
        if len(truth.distinct) < 2:
            raise RequestError(
                f"--target {truth.name}: it is {truth.distinct[0]:g} in all of the first {looked:,} entries: expected "
                "both 0 (background) and 1 (signal) among them"
            )
        return True
    if np.min(values) <= 0:
        raise RequestError(
            f"--target {truth.name}: it runs from {np.min(values):g} to {np.max(values):g}: expected a label, 0 or 1, "
            "or a quantity above zero, as estimates are measured by their ratio to it"
        )
    return False


def _likely(survey: Survey) -> str:
    """Return the branches that look like labels or true quantities, as the end of a sentence."""
    labels = [each.name for each in survey.branches.values() if set(each.distinct.tolist()) == set(_LABELS)]
    truths = [name for name in survey.branches if _TRUTH.search(name)]
    parts = [
        f"; {what}: {listing(names, 8)}"
        for what, names in (("labels of 0 and 1", labels), ("true quantities, by their names", truths))
        if names
    ]
    return "".join(parts)
