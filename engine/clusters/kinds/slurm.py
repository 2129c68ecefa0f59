"""Run workers as Slurm jobs."""

from typing import Any, ClassVar

from lineshape.engine.clusters.batch import BatchSystem
from lineshape.engine.clusters.jobs import Jobs, clock


class Slurm(BatchSystem):
    """Jobs of Slurm; `queue` is its partition, `account` its account."""

    system: ClassVar[str] = "SLURMCluster"
    command: ClassVar[str] = "sbatch"
    inquiry: ClassVar[str] = "squeue --start --me"
    listing: ClassVar[tuple[str, ...]] = ("squeue", "--noheader", "--me", "--format", "%i %T %r")

    def words(self, jobs: Jobs, gpus: int) -> dict[str, Any]:
        """Return the arguments, with GPUs as the generic resource `gpu`."""
        return {
            "queue": jobs.queue,
            "account": jobs.account,
            "walltime": clock(jobs.walltime),
            "job_extra_directives": [*([f"--gres=gpu:{gpus}"] if gpus else []), *jobs.directives],
        }
