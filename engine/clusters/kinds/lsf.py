"""Run workers as LSF jobs."""

import math
from typing import Any, ClassVar

from lineshape.engine.clusters.batch import BatchSystem
from lineshape.engine.clusters.jobs import Jobs, clock


class LSF(BatchSystem):
    """Jobs of LSF; `account` is its project."""

    system: ClassVar[str] = "LSFCluster"
    command: ClassVar[str] = "bsub"
    inquiry: ClassVar[str] = "bjobs -p"

    def words(self, jobs: Jobs, gpus: int) -> dict[str, Any]:
        """Return the arguments, with GPUs as `-gpu` and the wall time rounded up to minutes, as LSF has no seconds."""
        return {
            "queue": jobs.queue,
            "project": jobs.account,
            "walltime": clock(60 * math.ceil(jobs.walltime / 60)).rpartition(":")[0],
            "job_extra_directives": [*([f"-gpu num={gpus}"] if gpus else []), *jobs.directives],
        }
