"""Jobs of Moab with Torque."""

from typing import Any, ClassVar

from dask.utils import parse_bytes

from lineshape.engine.clusters.batch import BatchSystem
from lineshape.engine.clusters.jobs import Jobs, clock


class Moab(BatchSystem):
    """Moab; cores, memory and GPUs are asked for in Torque's words."""

    system: ClassVar[str] = "MoabCluster"
    command: ClassVar[str] = "msub"
    inquiry: ClassVar[str] = "checkjob"

    def words(self, jobs: Jobs, gpus: int) -> dict[str, Any]:
        """GPUs are `gpus` of a node."""
        nodes = f"nodes=1:ppn={jobs.cores}" + (f":gpus={gpus}" if gpus else "")
        return {
            "queue": jobs.queue,
            "account": jobs.account,
            "resource_spec": f"{nodes},mem={-(-parse_bytes(jobs.memory) // 2**20)}mb",
            "walltime": clock(jobs.walltime),
            "job_extra_directives": jobs.directives,
        }
