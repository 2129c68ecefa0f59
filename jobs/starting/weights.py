"""Choose the branches that weight the rows of a first study."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from lineshape.engine.core.errors import RequestError
from lineshape.jobs.starting.columns import ChosenColumn, column_of, identifier, is_alike
from lineshape.jobs.starting.file_survey import Branch, Survey

#: Name of a branch that may hold weights, without those of variations.
_WEIGHT: Final = re.compile(r"weight|(?:^|[_.])(?:w|wgt)(?:$|_)", re.IGNORECASE)
_VARIATION: Final = re.compile(r"up$|down$|sys|var|__1", re.IGNORECASE)


def likely_weights(survey: Survey, target: Branch) -> list[str]:
    """Return the branches that may hold weights, by their names: numbers that vary, one for each of the target's."""
    return [
        branch.name
        for branch in survey.branches.values()
        if _WEIGHT.search(branch.short)
        and not _VARIATION.search(branch.short)
        and branch.name != target.name
        and is_alike(branch, target)
        and branch.is_finite
        and len(branch.distinct) > 1
    ]


def weight_branches(survey: Survey, target: Branch, event: Branch, names: Sequence[str]) -> list[Branch]:
    """Return branches by name; raises RequestError where one holds no weights of the target's rows."""
    found = []
    for name in names:
        branch = survey.branch(name, "--weight")
        if branch.name in (target.name, event.name):
            raise RequestError(f"--weight {name}: it is what is learnt, or the event's number: expected another branch")
        if not is_alike(branch, target):
            raise RequestError(f"--weight {name}: it does not have one value for each of {target.name}")
        if not branch.is_finite:
            raise RequestError(f"--weight {name}: it has values that are NaN or infinite")
        if np.sum(branch.values) <= 0:
            raise RequestError(f"--weight {name}: its sum is {np.sum(branch.values):g}: expected more than zero")
        found.append(branch)
    return found


def weight_columns(branches: Sequence[Branch], others: Sequence[ChosenColumn]) -> list[ChosenColumn]:
    """Return the columns of weights; others: columns whose names are taken."""
    taken, found = {"event", "target", *(column.name for column in others)}, []
    for branch in branches:
        column = column_of(branch, identifier(branch, taken), is_number=True)
        taken.add(column.name)
        found.append(column)
    return found
