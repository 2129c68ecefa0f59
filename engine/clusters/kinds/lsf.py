"""Jobs of LSF."""

import math
from typing import Any, ClassVar

from lineshape.engine.clusters.batch import BatchSystem
from lineshape.engine.clusters.jobs import Jobs, clock


class LSF(BatchSystem):
    """LSF; `account` is its project."""

    system: ClassVar[str] = "LSFCluster"
    command: ClassVar[str] = "bsub"
    inquiry: ClassVar[str] = "bjobs -p"

    def words(self, jobs: Jobs, gpus: int) -> dict[str, Any]:
        """GPUs by `-gpu`; its clock has no seconds, and is rounded up."""
        return {
            "queue": jobs.queue,
            "project": jobs.account,
            "walltime": clock(60 * math.ceil(jobs.walltime / 60)).rpartition(":")[0],
            "job_extra_directives": [*([f"-gpu num={gpus}"] if gpus else []), *jobs.directives],
        }
