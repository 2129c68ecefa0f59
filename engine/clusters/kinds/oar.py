"""Run workers as OAR jobs."""

from typing import Any, ClassVar

from lineshape.engine.clusters.batch import BatchSystem
from lineshape.engine.clusters.jobs import Jobs, clock


class OAR(BatchSystem):
    """Jobs of OAR; `account` is its project."""

    system: ClassVar[str] = "OARCluster"
    command: ClassVar[str] = "oarsub"
    inquiry: ClassVar[str] = "oarstat -f"

    memory_property: str = "not_applicable"
    """Name of the site's property for the memory per core in MiB; not_applicable: jobs request no memory."""

    def words(self, jobs: Jobs, gpus: int) -> dict[str, Any]:
        """Return the arguments, with GPUs as a level of OAR's resource hierarchy."""
        return {
            "queue": jobs.queue,
            "project": jobs.account,
            "resource_spec": "/nodes=1" + (f"/gpu={gpus}" if gpus else "") + f"/core={jobs.cores}",
            "walltime": clock(jobs.walltime),
            "memory_per_core_property_name": self.memory_property,
            "job_extra_directives": jobs.directives,
        }
