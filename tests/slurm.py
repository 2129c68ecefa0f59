"""A real Slurm on this machine alone: `python -m tests.slurm` runs one until Ctrl-C; tests start their own.

Its daemons listen on loopback, run without systemd, and keep everything in one folder. Nodes are names for this host.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

#: What must be installed: Debian's slurmctld, slurmd, slurm-client and munge.
COMMANDS = ("slurmctld", "slurmd", "munged", "mungekey", "sbatch", "squeue", "scancel", "scontrol", "sinfo")
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"

_CONFIGURATION = """
ClusterName=lineshape
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
# Loopback only.
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/auth/munge.sock
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd-%n.log
MpiDefault=none
SwitchType=switch/none
# No cgroups, no accounting: processes are followed by their parents.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
# Nodes have what is said here, whatever the machine has.
SlurmdParameters=config_overrides
GresTypes=gpu
ReturnToService=2
KillWait=2
NodeName={names} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports} CPUs=4 RealMemory=16000 Gres=gpu:2 State=UNKNOWN
PartitionName=main Default=YES Nodes=ALL MaxTime=INFINITE State=UP
PartitionName=short Nodes=ALL MaxTime=1 State=UP
PartitionName=closed Nodes=ALL MaxTime=INFINITE State=DOWN
"""


def missing() -> str:
    """Why there can be no Slurm here; empty where there can."""
    if lacking := [name for name in COMMANDS if not shutil.which(name, path=_PATH)]:
        return f"no {', '.join(lacking)}: install slurmctld, slurmd, slurm-client and munge"
    return "" if os.getuid() == 0 else "slurmd starts only as root"


@dataclass(frozen=True)
class Slurm:
    """One that runs. environment: what its commands need."""

    folder: Path
    environment: dict[str, str]

    def ask(self, *command: str) -> str:
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True, timeout=60
        ).stdout.strip()

    def running(self, name: str = "") -> list[str]:
        """Numbers of jobs that run, oldest first; those of a name."""
        lines = self.ask("squeue", "--noheader", "--states", "R", "--sort", "i", "--format", "%i %j").splitlines()
        return [line.split()[0] for line in lines if name in line]

    def pids(self, job: str) -> list[int]:
        """Processes of a job, its shell first."""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if f"SLURM_JOB_ID={job}".encode() in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
        return sorted(found)


@contextmanager
def slurm(nodes: int = 2) -> Iterator[Slurm]:
    """Start one, and stop it with all its jobs when the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)  # munged refuses a path that others can write
    for name in ("state", "log", "auth", *(f"spool/n{number}" for number in range(1, nodes + 1))):
        (folder / name).mkdir(parents=True)
    (folder / "auth").chmod(0o711)  # every user must reach the socket, else every command hangs
    configuration = folder / "slurm.conf"
    port = _free_ports(nodes + 1)
    configuration.write_text(
        _CONFIGURATION.format(
            host=socket.gethostname().partition(".")[0],
            user="root",
            folder=folder,
            port=port,
            ports=f"[{port + 1}-{port + nodes}]",
            names=f"n[1-{nodes}]",
        ),
        encoding="utf-8",
    )
    (folder / "gres.conf").write_text(
        f"NodeName=n[1-{nodes}] Name=gpu Count=2 File=/dev/null,/dev/zero\n", encoding="utf-8"
    )
    environment = os.environ | {"SLURM_CONF": str(configuration), "PATH": _PATH}
    found = Slurm(folder, environment)
    with ExitStack() as daemons:
        daemons.callback(shutil.rmtree, folder, ignore_errors=True)
        key, sock = folder / "auth/munge.key", folder / "auth/munge.sock"
        found.ask("mungekey", "--create", f"--keyfile={key}", "--bits=1024")
        files = (f"--pid-file={folder}/auth/munged.pid", f"--seed-file={folder}/auth/munged.seed")
        daemons.enter_context(_daemon(found, "munged", "--foreground", f"--socket={sock}", f"--key-file={key}", *files))
        _until(sock.is_socket, "munged has no socket", folder)
        daemons.enter_context(_daemon(found, "slurmctld", "-D", "-f", str(configuration)))
        for number in range(1, nodes + 1):
            daemons.enter_context(_daemon(found, "slurmd", "-D", "-N", f"n{number}", "-f", str(configuration)))
        daemons.callback(_cancel_all, found)
        _until(lambda: _states(found) == {"idle"}, "nodes are not idle", folder)
        yield found


@contextmanager
def _daemon(found: Slurm, name: str, *words: str) -> Iterator[None]:
    with (found.folder / "log" / f"{name}-{len(words)}.out").open("a") as log:
        command = [shutil.which(name, path=_PATH) or name, *words]
        process = subprocess.Popen(command, env=found.environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _cancel_all(found: Slurm) -> None:
    with suppress(subprocess.SubprocessError):
        if jobs := found.ask("squeue", "--noheader", "--format", "%i").split():
            found.ask("scancel", *jobs)
        _until(lambda: not found.ask("squeue", "--noheader"), "jobs do not end", found.folder)


def _states(found: Slurm) -> set[str]:
    with suppress(subprocess.SubprocessError):
        return set(found.ask("sinfo", "--noheader", "--partition", "main", "--format", "%t").split())
    return set()


def _until(true: object, problem: str, folder: Path, seconds: float = 60) -> None:
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            logs = "\n".join(path.read_text()[-2000:] for path in sorted((folder / "log").iterdir()))
            raise TimeoutError(f"{problem} after {seconds:.0f} s\n{logs}")
        time.sleep(0.1)


def _free_ports(count: int) -> int:
    """The first of so many ports in a row that are free."""
    for first in range(26800, 30000, 16):
        with ExitStack() as opened, suppress(OSError):
            for port in range(first, first + count):
                opened.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
    raise OSError(f"no {count} free ports in a row")


if __name__ == "__main__":
    if problem := missing():
        sys.exit(problem)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with slurm() as started, suppress(KeyboardInterrupt):
        print(f"export SLURM_CONF={started.environment['SLURM_CONF']}", flush=True)
        signal.pause()
