"""Jobs of LSF."""

from typing import Any, ClassVar

from lineshape.engine.clusters.batch import Batch
from lineshape.engine.clusters.jobs import Jobs, clock


class LSF(Batch):
    """LSF; `account` is its project."""

    system: ClassVar[str] = "LSFCluster"
    command: ClassVar[str] = "bsub"
    inquiry: ClassVar[str] = "bjobs -p"

    def words(self, jobs: Jobs, gpus: int) -> dict[str, Any]:
        """GPUs by `-gpu`; its clock has no seconds."""
        return {
            "queue": jobs.queue,
            "project": jobs.account,
            "walltime": clock(jobs.walltime).rpartition(":")[0],
            "job_extra_directives": [*([f"-gpu num={gpus}"] if gpus else []), *jobs.directives],
        }
