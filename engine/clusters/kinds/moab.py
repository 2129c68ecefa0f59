"""Run workers as jobs of Moab with Torque."""

from typing import Any, ClassVar

from dask.utils import parse_bytes

from lineshape.engine.clusters.batch import BatchSystem
from lineshape.engine.clusters.jobs import Jobs, clock


class Moab(BatchSystem):
    """Jobs of Moab; cores, memory and GPUs are requested in Torque's syntax."""

    system: ClassVar[str] = "MoabCluster"
    command: ClassVar[str] = "msub"
    inquiry: ClassVar[str] = "checkjob"

    def words(self, jobs: Jobs, gpus: int) -> dict[str, Any]:
        """Return the arguments, with GPUs as `gpus` of a node."""
        nodes = f"nodes=1:ppn={jobs.cores}" + (f":gpus={gpus}" if gpus else "")
        return {
            "queue": jobs.queue,
            "account": jobs.account,
            "resource_spec": f"{nodes},mem={-(-parse_bytes(jobs.memory) // 2**20)}mb",
            "walltime": clock(jobs.walltime),
            "job_extra_directives": jobs.directives,
        }
