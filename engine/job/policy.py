"""What scheduled reprocessing decides: whether to train, and whether a challenger becomes champion. No I/O here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from lineshape.engine.core.settings import Settings
from lineshape.engine.measures.measure import Better

Promote = Literal["better", "not_worse", "always", "never"]


class Policy(Settings):
    """The section `reprocess` of a job file.

    model: the one that champion and challenger are judged by; by default the last one that is trained. measure, figure:
    what it is judged by, one that the measure gives over a baseline; by default the first such figure of the first such
    measure. sample: that it is read on; by default the first that has it. grown: new objects over those that the last
    training saw, from which on it is trained anew. promote: a challenger takes the champion's place where it is better
    by so many sigmas, where it is not worse by so many, always, or never (then a person does it, with `lineshape ledger
    rollback FOLDER VERSION`); the first version, which has none to replace, becomes champion in any case. drift:
    population stability index above which a feature is warned of. keep: so many versions, the last ones; older ones are
    removed, but the champion and the one before it; by default all stay.
    """

    model: str | None = None
    measure: str | None = None
    figure: str | None = None
    sample: str | None = None
    grown: float = Field(0.2, gt=0)
    promote: Promote = "better"
    sigmas: float = Field(2.0, ge=0)
    drift: Annotated[float, Field(gt=0)] = 0.2
    keep: Annotated[int, Field(ge=1)] | None = None


@dataclass(frozen=True)
class Code:
    """What makes a training: digests of the processor and of each model, with their settings and code."""

    processor: str
    models: Mapping[str, str]


@dataclass(frozen=True)
class Attempt:
    """The last training that came to an end, whatever became of its challenger."""

    code: Code
    rows: int


def reasons_to_train(attempt: Attempt | None, code: Code, unseen: int, grown: float) -> list[str]:
    """Why models are to be trained anew; none where they are not.

    unseen: objects in the feature store that the last training did not see. It is the last training that counts, not
    that of the champion: a challenger that was turned down, or rolled back, is not made again every night.
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
    """A challenger held against the champion on the same objects of the test split.

    figure: read as in the summary, over the champion's (`…_over_baseline`, 1 where they are alike) or minus it
    (`…_minus_baseline`, 0). better: which way. value, uncertainty: None where there is no comparison; problem says why.
    """

    figure: str
    better: Better
    value: float | None = None
    uncertainty: float | None = None
    problem: str = ""

    def told(self, champion: str) -> str:
        """In words: `half_68 over 0001: 0.9880 ± 0.0100`."""
        name, _, how = self.figure.removesuffix("_baseline").rpartition("_")
        return f"{name} {how} {champion}: {self.value:.4f} ± {self.uncertainty:.4f}"

    @property
    def significance(self) -> float | None:
        """By how many standard deviations the challenger is better; negative where it is worse."""
        if self.value is None or self.uncertainty is None:
            return None
        alike = 0.0 if self.figure.endswith("_minus_baseline") else 1.0
        gain = alike - self.value if self.better == "lower" else self.value - alike
        if self.uncertainty <= 0:
            return 0.0 if gain == 0 else float("inf") if gain > 0 else float("-inf")
        return gain / self.uncertainty


@dataclass(frozen=True)
class Decision:
    """Whether the challenger becomes champion, and why."""

    promoted: bool
    reason: str


def decide(champion: str | None, comparison: Comparison | None, policy: Policy) -> Decision:
    """Whether a challenger becomes champion; comparison is None where there is no champion."""
    if champion is None or comparison is None:
        return Decision(True, "there was no champion")
    if policy.promote == "always":
        return Decision(True, "every challenger is promoted (promote: always)")
    if policy.promote == "never":
        return Decision(False, "a person promotes (promote: never)")
    found = comparison.significance
    if found is None:
        return Decision(False, f"it cannot be compared with {champion}: {comparison.problem}")
    side = "better" if found >= 0 else "worse"
    text = f"{comparison.told(champion)}, {abs(found):.1f} standard deviations {side}"
    if policy.promote == "not_worse":
        return Decision(found > -policy.sigmas, text)
    return Decision(found >= policy.sigmas and found > 0, text)
