"""Claims of a shipped study for a job file that has some of its models and measures alone."""

from collections.abc import Container
from typing import Any

from lineshape.engine.job.job import Job


def claims_about(job: Job, models: Container[str], measures: Container[str], samples: Container[str]) -> dict[str, Any]:
    """Return the claims about models, measures and samples that are left, for those of the models that are left."""
    left = {}
    for name, claim in job.claims.items():
        own = [model for model in claim.models if model in models]
        over = claim.over.model_dump(exclude_none=True) if claim.over else {}
        named = [claim.measure or "", over.get("measure", "")]
        if not all(each in samples for each in claim.samples):
            continue
        if own and over.get("model", own[0]) in models and all(each in measures for each in named if each):
            left[name] = claim.model_dump(exclude_none=True) | {"model": own}
    return left
