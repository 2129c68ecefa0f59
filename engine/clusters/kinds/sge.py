"""Jobs of Grid Engine: SGE, UGE, Altair Grid Engine."""

from typing import Any, ClassVar

from dask.utils import parse_bytes

from lineshape.engine.clusters.batch import BatchSystem
from lineshape.engine.clusters.jobs import Jobs, clock


class SGE(BatchSystem):
    """Grid Engine; `account` is its project.

    parallel: the parallel environment for jobs of more than one core, which every site names as it likes. size: the
    resource that limits memory, and gpu_resource the one that counts GPUs.
    """

    system: ClassVar[str] = "SGECluster"
    command: ClassVar[str] = "qsub"
    inquiry: ClassVar[str] = "qstat -j"

    parallel: str = "smp"
    size: str = "h_vmem"
    gpu_resource: str = "gpu"

    def words(self, jobs: Jobs, gpus: int) -> dict[str, Any]:
        """Memory is counted for each core."""
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
