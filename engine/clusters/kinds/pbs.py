"""Run workers as jobs of PBS Professional or OpenPBS."""

from typing import Any, ClassVar

from dask.utils import parse_bytes

from lineshape.engine.clusters.batch import BatchSystem
from lineshape.engine.clusters.jobs import Jobs, clock


class PBS(BatchSystem):
    """Jobs of PBS; cores, memory and GPUs are requested in a chunk of its `select`."""

    system: ClassVar[str] = "PBSCluster"
    command: ClassVar[str] = "qsub"
    inquiry: ClassVar[str] = "qstat -f"

    def words(self, jobs: Jobs, gpus: int) -> dict[str, Any]:
        """Return the arguments, with GPUs as `ngpus`."""
        size = f"{-(-parse_bytes(jobs.memory) // 2**20)}mb"
        return {
            "queue": jobs.queue,
            "account": jobs.account,
            "resource_spec": f"select=1:ncpus={jobs.cores}:mem={size}" + (f":ngpus={gpus}" if gpus else ""),
            "walltime": clock(jobs.walltime),
            "job_extra_directives": jobs.directives,
        }
