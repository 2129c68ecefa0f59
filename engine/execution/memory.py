"""Estimate memory before anything is started, term by term, and compare it with the limit."""

from collections.abc import Sequence
from dataclasses import dataclass

from lineshape.engine.core.errors import RequestError
from lineshape.engine.execution.workers import Workers, worker_infos

MIB = 2**20
#: Fraction of its limit at which Dask pauses a worker.
USABLE = 0.8
#: A worker with the libraries that processing imports (measured: 250 to 300 MiB; tests compare the sum with the peak).
PROCESSING_BASE = 350 * MIB
#: A worker that has also loaded torch and XGBoost.
PREDICTING_BASE = 600 * MIB
#: The command itself with the local scheduler (measured: 155 MiB).
CLIENT_BASE = 250 * MIB


@dataclass(frozen=True)
class Term:
    """One contribution to a process's memory, in bytes, and what it is for."""

    what: str
    size: float


@dataclass(frozen=True)
class Need:
    """The most memory that a process needs and its limit (None: no limit), in bytes, and advice if it is too much."""

    process: str
    terms: tuple[Term, ...]
    limit: float | None
    advice: str

    @property
    def size(self) -> float:
        """Total in bytes."""
        return sum(term.size for term in self.terms)

    def __str__(self) -> str:
        lines = [f"  {term.size / MIB:10,.0f} MiB  {term.what}" for term in self.terms]
        return "\n".join([f"{self.process} needs", *lines, f"  {self.size / MIB:10,.0f} MiB  in all"])


def check(needs: Sequence[Need]) -> None:
    """Raise RequestError, with every term, where a process needs more than its limit."""
    for need in needs:
        if need.limit and need.size > need.limit:
            raise RequestError(
                f"too little memory: {need}\n  {need.limit / MIB:10,.0f} MiB  is its limit\n{need.advice}"
            )


def worker_limit(workers: Workers) -> float | None:
    """Return the usable part of the smallest worker's limit, in bytes; None where there is none or it is unknown."""
    known = worker_infos(workers.client).values()
    limits = [worker["memory_limit"] for worker in known if worker["memory_limit"]]
    limits = limits or [workers.promise.memory] * (workers.promise.memory > 0)
    return USABLE * min(limits) if limits else None


def client_limit() -> float:
    """Return the memory available to this process, in bytes: the machine's, or what the system grants."""
    from distributed.system import MEMORY_LIMIT

    return float(MEMORY_LIMIT)
