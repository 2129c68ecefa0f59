"""Run workers as HTCondor jobs."""

from typing import Any, ClassVar

from lineshape.engine.clusters.batch import BatchSystem
from lineshape.engine.clusters.jobs import Jobs, Size
from lineshape.engine.core.errors import RequestError


class HTCondor(BatchSystem):
    """Jobs of HTCondor, which has no queues; `account` is an accounting group.

    Directives are lines of a submit file, as in "MY.SendCredential = True".
    """

    system: ClassVar[str] = "HTCondorCluster"
    command: ClassVar[str] = "condor_submit"
    inquiry: ClassVar[str] = "condor_q -better-analyze"

    disk: Size = "2GiB"
    """Disk space of each job, such as 2GiB."""

    def words(self, jobs: Jobs, gpus: int) -> dict[str, Any]:
        """Return the arguments, with the wall time as `MY.MaxRuntime`, which CERN's pool reads.

        Raises RequestError where there is a queue, or a directive is no 'key = value'.
        """
        if jobs.queue:
            raise RequestError(
                "cluster.queue: HTCondor has none; CERN's job flavours are directives: ['MY.JobFlavour = \"workday\"']"
            )
        lines = {"MY.MaxRuntime": f"{jobs.walltime:.0f}"}
        if gpus:
            lines["request_gpus"] = str(gpus)
        if jobs.account:
            lines["accounting_group"] = jobs.account
        for line in jobs.directives:
            key, found, value = line.partition("=")
            if not found:
                raise RequestError(f"cluster.directives: '{line}': expected 'key = value', as in a submit file")
            lines[key.strip()] = value.strip()
        return {"disk": self.disk, "job_extra_directives": lines}
