"""A batch system: Dask workers as its jobs, of which those that die are replaced."""

import os
import shlex
import shutil
import socket
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import dask
from dask.utils import parse_bytes
from pydantic import Field, PrivateAttr, model_validator

from lineshape.engine.clusters.cluster import LOGS, SAFE, THREADS, Cluster
from lineshape.engine.clusters.job_manager import JobGroup, Keeper, ask, last_words
from lineshape.engine.clusters.jobs import Jobs
from lineshape.engine.core.errors import RequestError, listing
from lineshape.engine.execution.workers import Promise

if TYPE_CHECKING:
    from distributed import Client, Security

#: glibc's own largest; Dask's default gives memory back after every batch of a training, which slows it.
_TRIM = 64 * 2**20

#: Of the folder that a run makes for logs and keys.
_PREFIX = "jobs-"
#: Settings of how many jobs there are.
_NUMBERS = ("workers", "minimum", "maximum")

_DASK = {
    # A lost worker is not coming back: its job is replaced.
    "distributed.deploy.lost-worker-timeout": "2s",
    "distributed.scheduler.no-workers-timeout": None,
    # A task whose workers die with it is tried this often; what is left of the blame is the executor's to judge.
    "distributed.scheduler.allowed-failures": 3,
}


class GpuJobs(Jobs):
    """Jobs with GPUs, which come when a training wants one and go when none does: `workers` is the most of them.

    gpus: of each.
    """

    gpus: int = Field(1, gt=0)

    @property
    def fewest(self) -> int:
        """Of them, trainings or none."""
        return self.minimum or 0


class BatchSystem(Jobs, Cluster, ABC):
    """Workers as jobs of a batch system, by dask-jobqueue; the scheduler is in the command that runs.

    Its own settings are those of jobs without GPUs. gpu: jobs with GPUs, on which models are trained; what it leaves
    open, but for how many there are, is as with the others. prologue: lines of shell before a worker starts. python: on
    the workers. interface, host: of the network on which scheduler and workers meet; port: of the scheduler, and
    worker_ports, as in "10000:10100", where a firewall leaves only some open. plain_tcp: yes to connections that are
    not encrypted. logs: folder for the jobs' logs and keys, in place of one in the run folder. keywords: others of
    dask-jobqueue's class. Where neither says something, Dask's own configuration of the site does.
    """

    gpu: GpuJobs | None = None
    prologue: list[str] = []
    python: str = sys.executable
    interface: str | None = None
    host: str | None = None
    port: int = Field(0, ge=0, le=65535)
    worker_ports: Annotated[str, Field(pattern=r"^(\d+(:\d+)?)?$")] = ""
    plain_tcp: bool = False
    logs: Path | None = None
    keywords: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _shared(cls, said: Any) -> Any:
        """What jobs with GPUs leave open is as with the others."""
        if not (isinstance(said, dict) and isinstance(said.get("gpu"), dict)):
            return said
        common = {key: said[key] for key in Jobs.model_fields if key in said and key not in _NUMBERS}
        return said | {"gpu": common | said["gpu"]}

    #: Class of dask-jobqueue; the command that must be there; what to ask why a job waits; and a command that lists the
    #: jobs in the queue, a number first on each line, where it was tried.
    system: ClassVar[str]
    command: ClassVar[str]
    inquiry: ClassVar[str]
    listing: ClassVar[tuple[str, ...]] = ()

    _keeper: Keeper | None = PrivateAttr(None)
    _scratch: Path = PrivateAttr(LOGS)

    @abstractmethod
    def words(self, jobs: Jobs, gpus: int) -> dict[str, Any]:
        """What this batch system's class of dask-jobqueue wants to know of such jobs."""

    @property
    def promise(self) -> Promise:
        """Jobs come when there is work, and when the batch system lets them."""
        return Promise(self.most, parse_bytes(self.memory), self.gpu.gpus if self.gpu else 0)

    @property
    def trouble(self) -> str:
        """What the batch system said last against a job, what the queue says, and the last words of one that ended."""
        if not self._keeper:
            return ""
        return "; ".join(filter(None, (self._keeper.trouble, *self._waiting(self._keeper.waiting()))))

    @property
    def refusals(self) -> int:
        """Submissions in a row that came to nothing."""
        return self._keeper.failures if self._keeper else 0

    def _waiting(self, jobs: list[str]) -> Iterator[str]:
        """What is known of jobs whose worker has not come."""
        answer = ask(self.listing) if self.listing and jobs else None
        lines = [line for line in (answer or "").splitlines() if line.split()[:1] and line.split()[0] in jobs]
        gone = [job for job in jobs if answer is not None and not any(line.split()[0] == job for line in lines)]
        if queued := lines or [job for job in jobs if job not in gone]:
            yield f"{listing(queued, 3)} in the queue (ask '{self.inquiry}' why)"
        if gone:
            yield f"{listing(gone, 3)} left the queue before its worker came{last_words(self._scratch)}"

    def one(self) -> Self:
        """The same with one job of each group, however many there were to be."""
        number = {"workers": 1, "minimum": None, "maximum": None}
        gpu = self.gpu.model_copy(update=number | {"minimum": 1, "maximum": 1, "workers": None}) if self.gpu else None
        return self.model_copy(update=number | {"gpu": gpu})

    @contextmanager
    def open(self, scratch: Path = LOGS) -> Iterator["Client"]:
        """Submit the jobs; end them when the block does. Their logs stay under `scratch` where it ends badly."""
        from distributed import Client

        scratch = self._scratch = self._prepared(self.logs or scratch)
        try:
            with dask.config.set(_DASK), self._keys(scratch) as security, self._cluster(scratch, security) as cluster:
                keeper = self._keeper = Keeper(cluster, self._groups(), scratch, self.listing)
                keeper.start()
                try:
                    # By its address: a client of a cluster object would submit what the keeper has put off.
                    with Client(cluster.scheduler_address, security=security, set_as_default=False) as client:
                        yield client
                finally:
                    keeper.stop()
            self._forget_logs()
        finally:
            for folder in (scratch, scratch.parent):
                with suppress(OSError):  # jobs have written, or others have files there
                    folder.rmdir()

    def scripts(self) -> dict[str, str]:
        """What is submitted for each group, but for the scheduler's address."""
        import dask_jobqueue

        kind = getattr(dask_jobqueue, self.system).job_cls
        words = {"scheduler": "tls://scheduler:8786", "interface": self.interface}
        return {
            name: kind(**words, name=f"{name}-0", **(group.words or self._words("cpu", self, 0))).job_script()
            for name, group in self._groups().items()
        }

    def _cluster(self, scratch: Path, security: "Security | None") -> Any:
        """The cluster of dask-jobqueue, with a scheduler and no jobs yet; raises RequestError where it cannot be."""
        import dask_jobqueue

        place = {"host": self.host} if self.host else {"interface": self.interface} if self.interface else {}
        try:
            return getattr(dask_jobqueue, self.system)(
                **self._words("cpu", self, 0),
                interface=self.interface,
                security=security,
                shared_temp_directory=str(scratch),
                scheduler_options={"dashboard_address": "127.0.0.1:0", "port": self.port, **place},
                silence_logs="critical",
            )
        except (TypeError, ValueError) as error:
            reason = str(error).partition(". Very likely")[0]  # all settings follow
            raise RequestError(f"cluster: dask_jobqueue.{self.system} does not take its settings: {reason}") from error
        except (OSError, RuntimeError) as error:
            where = self.host or self.interface or socket.gethostname()
            raise RequestError(f"cluster: the scheduler cannot listen on {where}: {error}") from error

    @contextmanager
    def _keys(self, scratch: Path) -> Iterator["Security | None"]:
        """A certificate for this run alone, in files that the jobs read and nobody else may."""
        from distributed import Security

        if self.plain_tcp:
            yield None
            return
        made = Security.temporary()
        files = {"ca.pem": made.tls_ca_file, "certificate.pem": made.tls_worker_cert, "key.pem": made.tls_worker_key}
        paths = {name: scratch / name for name in files}
        for name, path in paths.items():
            path.touch(mode=0o600)
            path.write_text(files[name], encoding="utf-8")
        names = {"ca_file": "ca.pem"} | {
            f"{role}_{part}": name
            for role in ("client", "scheduler", "worker")
            for part, name in (("cert", "certificate.pem"), ("key", "key.pem"))
        }
        try:
            yield Security(require_encryption=True, **{f"tls_{key}": str(paths[name]) for key, name in names.items()})
        finally:
            for path in paths.values():
                path.unlink(missing_ok=True)

    def _prepared(self, scratch: Path) -> Path:
        """The folder for logs and keys; raises RequestError where jobs cannot be submitted from here."""
        try:
            import dask_jobqueue  # noqa: F401 - asked for before anything is started
        except ImportError as error:
            raise RequestError(
                f"a cluster of kind '{type(self).__name__.lower()}' needs dask-jobqueue: pip install 'lineshape[batch]'"
            ) from error
        if not shutil.which(self.command):
            raise RequestError(
                f"no command '{self.command}' here: a cluster of kind '{type(self).__name__.lower()}' is used on a "
                "machine that can submit jobs (its login node); expected it on PATH"
            )
        scratch = scratch.resolve()
        if any(character.isspace() for character in str(scratch)):
            raise RequestError(f"{scratch}: the batch system takes no path with spaces; choose another with --output")
        scratch.mkdir(parents=True, exist_ok=True)
        # One of our own, which nobody else may look into: others may have files there, or another run its keys.
        return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=scratch))

    def _forget_logs(self) -> None:
        """Of a run that ended well; in its own folder those of earlier starts of it, too."""
        for folder in [self._scratch] if self.logs else self._scratch.parent.glob(f"{_PREFIX}*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _groups(self) -> dict[str, JobGroup]:
        groups = {"cpu": JobGroup(self, {})}
        if self.gpu:
            groups["gpu"] = JobGroup(self.gpu, self._words("gpu", self.gpu, self.gpu.gpus), self.gpu.gpus)
        return groups

    def _words(self, name: str, jobs: Jobs, gpus: int) -> dict[str, Any]:
        """What dask-jobqueue wants to know of such jobs."""
        return {
            "cores": jobs.cores,
            "memory": jobs.memory,
            # Of a job with several processes Dask does not notice that one died.
            "processes": 1,
            "python": self.python,
            "job_name": f"lineshape-{name}",
            "job_script_prologue": [*_prologue(jobs.cores), *self.prologue],
            "log_directory": str(self._scratch),
            "worker_extra_args": [
                *("--nthreads", "1"),
                *("--lifetime", f"{jobs.ends_at:.0f}s", "--lifetime-stagger", f"{jobs.stagger:.0f}s"),
                # Without it anyone on the network could look at the worker.
                *("--dashboard-address", "127.0.0.1:0"),
                *(("--resources", f"GPU={gpus}") if gpus else ()),
                *(("--worker-port", self.worker_ports, "--nanny-port", self.worker_ports) if self.worker_ports else ()),
            ],
            **self.words(jobs, gpus),
            **self.keywords,
        }


def _prologue(cores: int) -> list[str]:
    """Shell before the worker: where it runs, what it imports, how many threads its libraries start."""
    lines = [f"cd {shlex.quote(str(Path.cwd()))} || exit 1"]
    if path := _search_path():
        lines.append(f"export PYTHONPATH={shlex.quote(path)}")
    lines += [f"export {name}={value}" for name, value in (dict.fromkeys(THREADS, cores) | SAFE).items()]
    return [*lines, f"export MALLOC_TRIM_THRESHOLD_={_TRIM}"]


def _search_path() -> str:
    """Where a job looks for modules beside what is installed: the working folder only where this process does, too."""
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if {"", str(Path.cwd())} & {*sys.path}:
        paths.append(str(Path.cwd()))
    return os.pathsep.join(dict.fromkeys(paths))
