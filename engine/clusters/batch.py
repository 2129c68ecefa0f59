"""Run Dask workers as jobs of a batch system, replacing those that die."""

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

#: glibc's own maximum, in bytes; Dask's default returns memory to the system after every batch, slowing trainings.
_TRIM = 64 * 2**20

#: Prefix of the folder that a run makes for logs and keys.
_PREFIX = "jobs-"
#: Settings of the number of jobs.
_NUMBERS = ("workers", "minimum", "maximum")

_DASK = {
    # A lost worker does not return: its job is replaced.
    "distributed.deploy.lost-worker-timeout": "2s",
    "distributed.scheduler.no-workers-timeout": None,
    # Number of workers that may die with a task before Dask gives it up; the executor then decides on retries.
    "distributed.scheduler.allowed-failures": 3,
}


class GpuJobs(Jobs):
    """Jobs with GPUs, started when a training needs them, then ended; `workers` is the largest number of them."""

    gpus: int = Field(1, gt=0)
    """Number of GPUs of each job."""

    @property
    def fewest(self) -> int:
        """Number of jobs to keep even without work; `workers` does not set it."""
        return self.minimum or 0


class BatchSystem(Jobs, Cluster, ABC):
    """Workers as jobs of a batch system, through dask-jobqueue; the scheduler runs in the command's own process.

    Its own job settings are those of jobs without GPUs. What no setting says is as in the site's Dask configuration.
    """

    gpu: GpuJobs | None = None
    """Jobs with GPUs, on which models are trained; null: none.
    Settings that it leaves open, except for the number of jobs, are those of the jobs without GPUs.
    """
    prologue: list[str] = []
    """Shell lines of the job script that run before a worker starts."""
    python: str = sys.executable
    """Python executable on the workers; by default the one that runs this command."""
    interface: str | None = None
    """Network interface on which scheduler and workers communicate; null: as in the site's Dask configuration."""
    host: str | None = None
    """Host name or address on which the scheduler listens; null: the address of `interface`."""
    port: int = Field(0, ge=0, le=65535)
    """Port of the scheduler; 0: any free port. Set it where a firewall leaves only some ports open."""
    worker_ports: Annotated[str, Field(pattern=r"^(\d+(:\d+)?)?$")] = ""
    """Port, or range of ports such as "10000:10100", of workers and their nannies; empty: any free port.
    Set it where a firewall leaves only some ports open.
    """
    plain_tcp: bool = False
    """Whether connections are not encrypted. By default they use TLS, with a certificate for this run alone."""
    logs: Path | None = None
    """Folder for the jobs' logs and keys, which all workers must see; null: a folder within the run folder."""
    keywords: dict[str, Any] = {}
    """Further keyword arguments of dask-jobqueue's cluster class, which override those set by this program."""

    @model_validator(mode="before")
    @classmethod
    def _shared(cls, said: Any) -> Any:
        """Fill in what the settings of jobs with GPUs leave open from those of the other jobs."""
        if not (isinstance(said, dict) and isinstance(said.get("gpu"), dict)):
            return said
        common = {key: said[key] for key in Jobs.model_fields if key in said and key not in _NUMBERS}
        return said | {"gpu": common | said["gpu"]}

    #: Class of dask-jobqueue; the command that submits jobs; the one that says why a job waits; and one that lists the
    #: jobs in the queue, a number first on each line (empty where none was tested).
    system: ClassVar[str]
    command: ClassVar[str]
    inquiry: ClassVar[str]
    listing: ClassVar[tuple[str, ...]] = ()

    _keeper: Keeper | None = PrivateAttr(None)
    _scratch: Path = PrivateAttr(LOGS)

    @abstractmethod
    def words(self, jobs: Jobs, gpus: int) -> dict[str, Any]:
        """Return the keyword arguments of dask-jobqueue's class that are specific to this batch system."""

    @property
    def promise(self) -> Promise:
        """Jobs that are submitted when there is work, and start when the batch system lets them."""
        return Promise(self.most, parse_bytes(self.memory), self.gpu.gpus if self.gpu else 0)

    @property
    def trouble(self) -> str:
        """The last error of the batch system, the state of waiting jobs, and the end of the log of one that ended."""
        if not self._keeper:
            return ""
        return "; ".join(filter(None, (self._keeper.trouble, *self._waiting(self._keeper.waiting()))))

    @property
    def refusals(self) -> int:
        """Number of consecutive failed submissions."""
        return self._keeper.failures if self._keeper else 0

    def _waiting(self, jobs: list[str]) -> Iterator[str]:
        """Yield what is known of jobs whose worker has not started."""
        answer = ask(self.listing) if self.listing and jobs else None
        lines = [line for line in (answer or "").splitlines() if line.split()[:1] and line.split()[0] in jobs]
        gone = [job for job in jobs if answer is not None and not any(line.split()[0] == job for line in lines)]
        if queued := lines or [job for job in jobs if job not in gone]:
            yield f"{listing(queued, 3)} in the queue (ask '{self.inquiry}' why)"
        if gone:
            yield f"{listing(gone, 3)} left the queue before its worker came{last_words(self._scratch)}"

    def one(self) -> Self:
        """Return the same cluster with one job of each group, whatever their numbers."""
        number = {"workers": 1, "minimum": None, "maximum": None}
        gpu = self.gpu.model_copy(update=number | {"minimum": 1, "maximum": 1, "workers": None}) if self.gpu else None
        return self.model_copy(update=number | {"gpu": gpu})

    @contextmanager
    def open(self, scratch: Path = LOGS) -> Iterator["Client"]:
        """Submit the jobs, and end them when the block ends; after a failure, their logs remain under `scratch`."""
        from distributed import Client

        scratch = self._scratch = self._prepared(self.logs or scratch)
        try:
            with dask.config.set(_DASK), self._keys(scratch) as security, self._cluster(scratch, security) as cluster:
                keeper = self._keeper = Keeper(cluster, self._groups(), scratch, self.listing)
                keeper.start()
                try:
                    # By its address: a client of the cluster object would submit jobs that the keeper has delayed.
                    with Client(cluster.scheduler_address, security=security, set_as_default=False) as client:
                        yield client
                finally:
                    keeper.stop()
            self._forget_logs()
        finally:
            for folder in (scratch, scratch.parent):
                with suppress(OSError):  # not empty: logs of jobs, or other files
                    folder.rmdir()

    def scripts(self) -> dict[str, str]:
        """Return the job script of each group, with a placeholder for the scheduler's address."""
        import dask_jobqueue

        kind = getattr(dask_jobqueue, self.system).job_cls
        words = {"scheduler": "tls://scheduler:8786", "interface": self.interface}
        return {
            name: kind(**words, name=f"{name}-0", **(group.words or self._words("cpu", self, 0))).job_script()
            for name, group in self._groups().items()
        }

    def _cluster(self, scratch: Path, security: "Security | None") -> Any:
        """Return dask-jobqueue's cluster, with a scheduler but no jobs; raise RequestError where that fails."""
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
            reason = str(error).partition(". Very likely")[0]  # followed by a list of all settings
            raise RequestError(f"cluster: dask_jobqueue.{self.system} does not take its settings: {reason}") from error
        except (OSError, RuntimeError) as error:
            where = self.host or self.interface or socket.gethostname()
            raise RequestError(f"cluster: the scheduler cannot listen on {where}: {error}") from error

    @contextmanager
    def _keys(self, scratch: Path) -> Iterator["Security | None"]:
        """Yield a certificate for this run alone, in files that only the user's own jobs can read."""
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
        """Create the folder for logs and keys; raise RequestError where jobs cannot be submitted from here."""
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
        # A private folder: others may have files in the given one, or another run its keys.
        return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=scratch))

    def _forget_logs(self) -> None:
        """Remove the logs of a run that ended well, and in its own folder those of its earlier starts."""
        for folder in [self._scratch] if self.logs else self._scratch.parent.glob(f"{_PREFIX}*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _groups(self) -> dict[str, JobGroup]:
        groups = {"cpu": JobGroup(self, {})}
        if self.gpu:
            groups["gpu"] = JobGroup(self.gpu, self._words("gpu", self.gpu, self.gpu.gpus), self.gpu.gpus)
        return groups

    def _words(self, name: str, jobs: Jobs, gpus: int) -> dict[str, Any]:
        """Return dask-jobqueue's keyword arguments for such jobs."""
        return {
            "cores": jobs.cores,
            "memory": jobs.memory,
            # In a job with several processes, Dask does not notice that one died.
            "processes": 1,
            "python": self.python,
            "job_name": f"lineshape-{name}",
            "job_script_prologue": [*_prologue(jobs.cores), *self.prologue],
            "log_directory": str(self._scratch),
            "worker_extra_args": [
                *("--nthreads", "1"),
                *("--lifetime", f"{jobs.ends_at:.0f}s", "--lifetime-stagger", f"{jobs.stagger:.0f}s"),
                # Otherwise anyone on the network could see the worker's dashboard.
                *("--dashboard-address", "127.0.0.1:0"),
                *(("--resources", f"GPU={gpus}") if gpus else ()),
                *(("--worker-port", self.worker_ports, "--nanny-port", self.worker_ports) if self.worker_ports else ()),
            ],
            **self.words(jobs, gpus),
            **self.keywords,
        }


def _prologue(cores: int) -> list[str]:
    """Return the shell lines before the worker: working folder, module paths, number of its libraries' threads."""
    lines = [f"cd {shlex.quote(str(Path.cwd()))} || exit 1"]
    if path := _search_path():
        lines.append(f"export PYTHONPATH={shlex.quote(path)}")
    lines += [f"export {name}={value}" for name, value in (dict.fromkeys(THREADS, cores) | SAFE).items()]
    return [*lines, f"export MALLOC_TRIM_THRESHOLD_={_TRIM}"]


def _search_path() -> str:
    """Return a job's PYTHONPATH; it contains the working folder only if this process finds modules there too."""
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if {"", str(Path.cwd())} & {*sys.path}:
        paths.append(str(Path.cwd()))
    return os.pathsep.join(dict.fromkeys(paths))
