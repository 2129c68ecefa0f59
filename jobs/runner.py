"""A drop-in for coffea's Runner: the same arguments and results, exactly accounted for, and resumed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lineshape.engine.core.errors import IncompleteRunError, Interrupted, RequestError, listing
from lineshape.jobs.filesets import read_fileset

if TYPE_CHECKING:
    from lineshape.engine.clusters.cluster import Cluster
    from lineshape.engine.execution.progress import Screen
    from lineshape.engine.feature_store.store import Quarantined
    from lineshape.engine.stages.accumulating.plan import Accumulation
    from lineshape.engine.stages.accumulating.stage import Accumulated

#: Arguments of coffea's Runner that have no effect here but their default, and why.
_REFUSED: Final = {
    "pre_executor": (None, "files are inspected on the same workers"),
    "metadata_cache": (None, "what was found in files is kept in the folder"),
    "align_clusters": (False, "chunks are of about 'chunksize' entries"),
    "checkpointer": (None, "every chunk is kept, with the code that made it"),
    "cachestrategy": (None, "columns are not kept in memory"),
    "use_result_type": (False, "errors are raised, and what is there is their 'partial_output'"),
    "format": ("root", "ROOT files alone are read"),
}
#: Public methods of coffea's Runner that there are not.
_OTHER_CALLS: Final = ("run", "preprocess", "automatic_retries", "get_cache", "metadata_fetcher")


@dataclass
class Runner:
    """Caller of a coffea processor on the files of datasets.

    What was done is not done again: results are kept chunk by chunk in `folder`, by the file's content, the entries,
    and the processor's code and settings, so that after an interrupt, or a change of code, a call does what is left.
    """

    executor: Any = None
    """Where to run: coffea's DaskExecutor (its client), IterativeExecutor or FuturesExecutor (its number of workers), a
    Dask client, or None for this machine's cores.
    """
    pre_executor: Any = None
    chunksize: int = 100_000
    """Entries of a chunk, about."""
    maxchunks: int | None = None
    """Chunks of each dataset that are processed, the first ones; None: all."""
    metadata_cache: Any = None
    skipbadfiles: Any = False
    """Whether what cannot be read or processed is left out with a warning, and not an error at the end."""
    xrootdtimeout: int | None = 60
    """Ignored: servers that do not answer are asked again."""
    align_clusters: bool = False
    savemetrics: bool = False
    """Whether the metrics are returned beside the accumulator."""
    use_result_type: bool = False
    schema: Any = None
    """Schema of the events, a class or its name; None: coffea's NanoAODSchema."""
    processor_compression: int | None = 1
    """Ignored."""
    format: str = "root"
    checkpointer: Any = None
    cachestrategy: Any = None
    folder: str | Path = ""
    """Where results are kept; empty: runs/NAME, by the name of the processor's class."""
    pickle: list[str] = field(default_factory=list)
    """Types of values, as module:Class, that are pickled, where the processor returns others than are known."""
    screen: "Screen | None" = None

    def __getattr__(self, name: str) -> Any:
        """Raise AttributeError, with the way to go for what coffea's Runner has beside being called."""
        if name in _OTHER_CALLS:
            raise AttributeError(
                f"Runner.{name} is not supported: call the Runner itself with the fileset and processor"
            )
        raise AttributeError(f"'Runner' object has no attribute '{name}'")

    def __post_init__(self) -> None:
        """Raise RequestError for what is not supported."""
        if not isinstance(self.skipbadfiles, bool):
            raise RequestError(
                f"Runner: skipbadfiles={self.skipbadfiles!r} is not supported: expected True, to leave damaged files "
                "out, or False"
            )
        for name, (default, why) in _REFUSED.items():
            if getattr(self, name) != default:
                raise RequestError(f"Runner: {name} is not supported, as {why}: leave it out")

    def __call__(
        self,
        fileset: Any,
        processor_instance: Any,
        *,
        treename: str | None = None,
        uproot_options: Mapping[str, Any] | None = None,
        iteritems_options: Mapping[str, Any] | None = None,
        trace: Callable[..., Any] | None = None,
    ) -> Any:
        """Return the accumulator, or accumulator and metrics, of a processor on a fileset.

        Arguments are those of coffea's Runner; files may be globs, folders and text lists, too.

        Raises RequestError where the request is wrong, and IncompleteRunError where a part of the input is quarantined
        that is not a damaged file left out by `skipbadfiles`; the accumulator of all else is its `partial_output`.
        """
        if trace is not None:
            raise RequestError("Runner: trace is not supported, as what is touched is found out: leave it out")
        if others := [key for key in uproot_options or {} if key != "timeout"]:
            raise RequestError(f"Runner: uproot_options {listing(others)} are not supported: leave them out")
        plan = self.plan(fileset, processor_instance, treename, iteritems_options or {})
        try:
            found = self._run(plan)
        except KeyboardInterrupt:
            raise Interrupted("interrupted: call the same again to go on from here") from None
        value, measured = found.whole(processor_instance)
        metrics = {
            "bytesread": measured.bytesread,
            "columns": sorted(measured.columns),
            "entries": measured.entries,
            "processtime": measured.processtime,
            "chunks": found.chunks,
            "lost": [item.line for item in found.quarantined],
        }
        result = (value, metrics) if self.savemetrics else value
        # What a processor raises is no matter of files.
        missing = [item for item in found.quarantined if not self.skipbadfiles or not _is_damage(item)]
        number = len(missing)
        if number:
            error = IncompleteRunError(
                f"{f'{number} parts' if number > 1 else '1 part'} of the input cannot be used, first "
                f"{missing[0].line}; all "
                f"else is in {found.folder} and in this error's 'partial_output'; mend them and call the same again, "
                "or, where files are damaged, set skipbadfiles=True"
            )
            error.partial_output = result  # type: ignore[attr-defined]
            raise error
        return result

    def plan(
        self, fileset: Any, processor: Any, treename: str | None, iteritems_options: Mapping[str, Any]
    ) -> "Accumulation":
        """Return what is to be accumulated; raises RequestError where the request is wrong."""
        return plan_of(
            read_fileset(fileset, treename),
            processor,
            self.schema,
            chunk_entries=self.chunksize,
            most_chunks=self.maxchunks,
            accepted=self.pickle,
            iteritems_options=iteritems_options,
        )

    def _run(self, plan: "Accumulation") -> "Accumulated":
        from lineshape.engine.running.accumulation_run import AccumulationRun
        from lineshape.engine.running.workers import open_workers

        cluster, client = where(self.executor)
        folder = Path(self.folder or Path("runs") / plan.name.rpartition(".")[2])
        if folder.is_file():
            raise RequestError(f"folder {folder}: it is a file: expected a folder, or a name that is free")
        with open_workers(folder, cluster, self.screen, client) as (run_folder, workers, screen):
            return AccumulationRun(run_folder, workers, screen).accumulate(plan)


def _is_damage(item: "Quarantined") -> bool:
    """Return whether a part cannot be read, and not where the request is wrong: the name of a tree."""
    from lineshape.engine.execution.failures import Cause
    from lineshape.engine.input.root_files import NO_TREE

    return item.cause == Cause.CORRUPT.value and NO_TREE not in item.reason


def plan_of(
    datasets: Mapping[str, Any],
    processor: Any,
    schema: Any,
    *,
    chunk_entries: int,
    most_chunks: int | None = None,
    accepted: list[str] | None = None,
    iteritems_options: Mapping[str, Any] | None = None,
) -> "Accumulation":
    """Return what is to be accumulated; processor: an object or a function. Raises RequestError where it is wrong."""
    import cloudpickle
    from coffea.nanoevents import NanoAODSchema
    from coffea.processor import ProcessorABC

    from lineshape.engine.accumulators.part import LAYOUT
    from lineshape.engine.core.digests import digest
    from lineshape.engine.input.processor_state import digest_of_processor, digest_of_state
    from lineshape.engine.input.schemas import find_schema
    from lineshape.engine.stages.accumulating.plan import GIVEN, Accumulation

    if isinstance(processor, type) or not (hasattr(processor, "process") or callable(processor)):
        raise RequestError(
            f"processor: expected an object with 'process', or a function of events, found {processor!r:.80}"
        )
    for name, number in {"chunksize": chunk_entries, "maxchunks": most_chunks}.items():
        if not (isinstance(number, int) and number >= 1) and not (name == "maxchunks" and number is None):
            raise RequestError(f"{name}: expected a whole number of at least 1, found {number!r}")
    if isinstance(accepted, str) or not all(":" in str(each) for each in accepted or []):
        raise RequestError(f"pickle: expected a list of types, each as their_module:TheirClass, found {accepted!r}")
    known = find_schema(schema) if isinstance(schema, str) else schema or NanoAODSchema
    if not isinstance(known, type):
        raise RequestError(f"schema: expected a class, or its name, found {schema!r:.60}")
    options = dict(iteritems_options or {})
    kind = type(processor) if hasattr(processor, "process") else processor
    # Before it is looked at what they hold.
    pickled = _pickled(processor, cloudpickle.dumps), _pickled(known, cloudpickle.dumps)
    mark = digest(
        LAYOUT, digest_of_processor(processor), digest_of_processor(known), digest_of_state(options), accepted or []
    )
    GIVEN[mark] = processor, known
    datasets = {name: replace(each, mark=digest_of_state(dict(each.metadata))) for name, each in datasets.items()}
    return Accumulation(
        f"{kind.__module__}.{kind.__qualname__}",
        *pickled,
        mark,
        getattr(type(processor), "postprocess", None) not in (None, ProcessorABC.postprocess),
        datasets,
        chunk_entries,
        most_chunks,
        tuple(accepted or ()),
        options,
    )


def _pickled(thing: Any, dumps: Callable[[Any], bytes]) -> bytes:
    try:
        return dumps(thing)
    except Exception as error:
        raise RequestError(
            f"{thing!r:.80} cannot be sent to workers: {error}; make in 'process' what cannot be pickled, such as an "
            "evaluator of correctionlib, and keep the path of its file"
        ) from error


def where(executor: Any) -> "tuple[Cluster, Any]":
    """Return the cluster to start, and the Dask client to use in its place; raises RequestError for other executors."""
    from lineshape.engine.clusters.cluster import CLUSTERS
    from lineshape.engine.core.kinds import KindSpec

    client, settings = None, {}
    name = type(executor).__name__
    if name == "DaskExecutor":
        client = executor.client
    elif name == "IterativeExecutor":
        settings = {"workers": 1}
    elif name == "FuturesExecutor":
        settings = {"workers": executor.workers}
    elif name == "Client":
        client = executor
    elif executor is not None:
        raise RequestError(
            f"executor: {name} is not supported: expected coffea's DaskExecutor, FuturesExecutor or IterativeExecutor, "
            "a Dask client, or None"
        )
    return CLUSTERS.build(KindSpec(kind="local", **settings), ("cluster",)), client
