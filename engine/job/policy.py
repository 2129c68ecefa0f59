"""Decisions of scheduled reprocessing, without I/O: whether to train, and whether a challenger becomes champion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from lineshape.engine.core.errors import listing
from lineshape.engine.core.settings import Settings
from lineshape.engine.measures.measure import Better

Promote = Literal["better", "not_worse", "always", "never"]


class Policy(Settings):
    """Rules of scheduled reprocessing, the section `reprocess` of a job file.

    The first version, which has none to replace, becomes champion in any case.
    """

    model: str | None = None
    """Name of the model that champion and challenger are compared by; null: the job file's last one that is trained."""
    measure: str | None = None
    """Name of the measure that decides, one with figures relative to a baseline; null: the first such measure."""
    figure: str | None = None
    """Figure of the measure that decides, given relative to a baseline; null: the first such figure."""
    sample: str | None = None
    """Name of the sample that the figure is read on; null: the first one that has it."""
    grown: float = Field(0.2, gt=0)
    """Number of new objects at which models are trained anew, as a fraction of the objects of the last training."""
    promote: Promote = "better"
    """Condition for a challenger to replace the champion: better, not_worse, always or never. The first two also ask
    that it meets the job file's claims. better: by at least
    `sigmas`; not_worse: worse by less than `sigmas`; always: unconditionally; never: a person decides, by `lineshape
    ledger rollback FOLDER VERSION`.
    """
    sigmas: float = Field(2.0, ge=0)
    """Number of standard deviations that `promote: better` and `promote: not_worse` refer to."""
    drift: Annotated[float, Field(gt=0)] = 0.2
    """Population stability index above which a warning is given for a feature.
    Below 0.1 it is taken for no drift, above 0.25 for a large one (N. Siddiqi, Credit Risk Scorecards, 2006).
    """
    keep: Annotated[int, Field(ge=1)] | None = None
    """Number of latest versions to keep; null: all.
    Older ones are removed, except the champion and the one before it.
    """


@dataclass(frozen=True)
class Code:
    """Digests of the processor and of each model, with their settings and code, which decide whether to train anew."""

    processor: str
    models: Mapping[str, str]


@dataclass(frozen=True)
class Attempt:
    """The last finished training, whatever became of its challenger."""

    code: Code
    rows: int


def reasons_to_train(attempt: Attempt | None, code: Code, unseen: int, grown: float) -> list[str]:
    """Return the reasons to train anew; an empty list where there are none.

    unseen: number of objects in the feature store that the last training did not see. The last training counts, not the
    champion's: a challenger that was rejected, or rolled back, is not trained again in every run.
    """
    if attempt is None:
        return ["nothing was trained before"]
    reasons = []
    if code.processor != attempt.code.processor:
        reasons.append("the processor's code or settings changed")
    names = dict.fromkeys([*code.models, *attempt.code.models])
    if changed := [name for name in names if code.models.get(name) != attempt.code.models.get(name)]:
        reasons.append(f"code or settings of {', '.join(changed)} changed")
    if unseen >= grown * attempt.rows:
        reasons.append(f"{unseen:,} new objects, {unseen / max(attempt.rows, 1):.0%} of what was trained on")
    return reasons


@dataclass(frozen=True)
class Comparison:
    """A challenger compared with the champion on the same objects of the test split.

    figure: as in the summary, relative to the champion (`…_over_baseline`, 1 where they are equal) or minus it
    (`…_minus_baseline`, 0). better: direction of improvement. value, uncertainty: None where there is no comparison;
    problem gives the reason.
    """

    figure: str
    better: Better
    value: float | None = None
    uncertainty: float | None = None
    problem: str = ""

    def told(self, champion: str) -> str:
        """Return the comparison in words: `half_68 over 0001: 0.9880 ± 0.0100`."""
        name, _, how = self.figure.removesuffix("_baseline").rpartition("_")
        return f"{name} {how} {champion}: {self.value:.4f} ± {self.uncertainty:.4f}"

    @property
    def significance(self) -> float | None:
        """Standard deviations by which the challenger is better, negative if it is worse; None without a comparison."""
        if self.value is None or self.uncertainty is None:
            return None
        alike = 0.0 if self.figure.endswith("_minus_baseline") else 1.0
        gain = alike - self.value if self.better == "lower" else self.value - alike
        if self.uncertainty <= 0:
            return 0.0 if gain == 0 else float("inf") if gain > 0 else float("-inf")
        return gain / self.uncertainty


@dataclass(frozen=True)
class Decision:
    """Whether the challenger becomes champion, and the reason."""

    promoted: bool
    reason: str


def decide(champion: str | None, comparison: Comparison | None, policy: Policy, unmet: Sequence[str] = ()) -> Decision:
    """Return whether a challenger becomes champion.

    champion: its version, None where there is none. comparison: None where there is no champion. unmet: names of claims
    of the job file that the challenger does not meet, which keep it from replacing a champion.
    """
    if champion is None or comparison is None:
        return Decision(True, "there was no champion")
    if policy.promote in {"always", "never"}:
        always = policy.promote == "always"
        return Decision(
            always,
            "every challenger is promoted (promote: always)" if always else "a person promotes (promote: never)",
        )
    if unmet:
        return Decision(False, f"it does not meet what the job file claims: {listing(unmet)}")
    found = comparison.significance
    if found is None:
        return Decision(False, f"it cannot be compared with {champion}: {comparison.problem}")
    side = "better" if found >= 0 else "worse"
    text = f"{comparison.told(champion)}, {abs(found):.1f} standard deviations {side}"
    lowest = policy.sigmas if policy.promote == "better" else -policy.sigmas
    return Decision(found > lowest or found == lowest > 0, text)
