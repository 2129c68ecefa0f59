"""Run workers as jobs of Grid Engine: SGE, UGE or Altair Grid Engine."""

from typing import Any, ClassVar

from dask.utils import parse_bytes

from lineshape.engine.clusters.batch import BatchSystem
from lineshape.engine.clusters.jobs import Jobs, clock


class SGE(BatchSystem):
    """Jobs of Grid Engine; `account` is its project."""

    system: ClassVar[str] = "SGECluster"
    command: ClassVar[str] = "qsub"
    inquiry: ClassVar[str] = "qstat -j"

    parallel: str = "smp"
    """Parallel environment of jobs with more than one core; every site names its own."""
    size: str = "h_vmem"
    """Name of the resource that limits memory, which is requested per core."""
    gpu_resource: str = "gpu"
    """Name of the resource that counts GPUs."""

    def words(self, jobs: Jobs, gpus: int) -> dict[str, Any]:
        """Return the arguments, with the memory per core."""
        each = -(-parse_bytes(jobs.memory) // (jobs.cores * 2**20))
        return {
            "queue": jobs.queue,
            "project": jobs.account,
            "resource_spec": f"{self.size}={each}M" + (f",{self.gpu_resource}={gpus}" if gpus else ""),
            "walltime": clock(jobs.walltime),
            "job_extra_directives": [
                *([f"-pe {self.parallel} {jobs.cores}"] if jobs.cores > 1 else []),
                *jobs.directives,
            ],
        }
