"""Jobs of OAR."""

from typing import Any, ClassVar

from lineshape.engine.clusters.batch import BatchSystem
from lineshape.engine.clusters.jobs import Jobs, clock


class OAR(BatchSystem):
    """OAR; `account` is its project.

    memory_property: a site's property that holds the memory of a core in MiB; where there is none, jobs ask for none.
    """

    system: ClassVar[str] = "OARCluster"
    command: ClassVar[str] = "oarsub"
    inquiry: ClassVar[str] = "oarstat -f"

    memory_property: str = "not_applicable"

    def words(self, jobs: Jobs, gpus: int) -> dict[str, Any]:
        """GPUs stand in the hierarchy of its resources."""
        return {
            "queue": jobs.queue,
            "project": jobs.account,
            "resource_spec": "/nodes=1" + (f"/gpu={gpus}" if gpus else "") + f"/core={jobs.cores}",
            "walltime": clock(jobs.walltime),
            "memory_per_core_property_name": self.memory_property,
            "job_extra_directives": jobs.directives,
        }
