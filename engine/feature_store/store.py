"""The feature store: the shards of a study in a fixed order, with the manifest that names them."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lineshape.engine.core.class_column import ClassColumn
from lineshape.engine.core.columns import Column
from lineshape.engine.core.digests import digest
from lineshape.engine.core.errors import RequestError, listing, nearest
from lineshape.engine.core.records import read_record, save_record
from lineshape.engine.core.row_weight import EVENT_WEIGHT, RowWeight
from lineshape.engine.core.seen_events import Seen
from lineshape.engine.feature_store.shards import Table
from lineshape.engine.feature_store.tables import Computed, read_table

MANIFEST = "manifest.json"
#: Advice where the manifest, or a file beside it, is damaged.
PROCESS_AGAIN = "run 'lineshape process' again, which finds the shards that are there and writes it anew"

#: Index and number of equal parts: (1, 4) is the second of four.
Share = tuple[int, int]
WHOLE: Share = (0, 1)


@dataclass(frozen=True)
class Shard:
    """An entry of the manifest: a shard's path within the feature store, its sample, rows and identity."""

    path: str
    sample: str
    rows: int
    identity: str


@dataclass(frozen=True)
class Quarantined:
    """Entries [start, stop) of a file that could not be used, and why; -1 where its entries could not be counted."""

    sample: str
    file: str
    start: int
    stop: int
    cause: str
    reason: str

    @property
    def line(self) -> str:
        """The file, its entries and what is wrong with them, each said once."""
        entries = f" entries {self.start}–{self.stop}" if self.start >= 0 else ""
        cause = "" if self.cause == "corrupt" else f" ({self.cause})"  # which the reason says itself
        return f"{self.file}{entries}{cause}: {self.reason.removeprefix(f'{self.file}: ')}"


@dataclass(frozen=True)
class WeightSums:
    """Sums over the rows of a sample: their number, weights, squared weights, and the number of negative ones."""

    rows: int = 0
    total: float = 0.0
    squares: float = 0.0
    negative: int = 0

    def __add__(self, other: "WeightSums") -> "WeightSums":
        return WeightSums(
            self.rows + other.rows,
            self.total + other.total,
            self.squares + other.squares,
            self.negative + other.negative,
        )

    @property
    def effective(self) -> float:
        """Number of rows of equal weight that would have the same statistical precision, (Σw)²/Σw²."""
        return self.total**2 / self.squares if self.squares else 0.0


@dataclass(frozen=True)
class FeatureStore:
    """The shards of a study, in the fixed order in which everything is read and merged.

    entries: number in the catalogue; processed: number in the chunks that became shards; the others are quarantined.
    seen: for each derived column, which events its bundle was trained on. control: digest of the control histograms
    beside them. classes: columns of classes, which are computed when rows are read, as the weight is. weights: sums of
    the weights of each sample's rows, where there are weights. generated: sum of the generated weights of each sample
    with a cross-section. beside: of a variation of some samples, the others, whose shards are in another store.
    """

    folder: Path
    shards: tuple[Shard, ...]
    columns: dict[str, Column]
    cut_flows: dict[str, dict[str, int]]
    entries: int
    processed: int
    quarantined: tuple[Quarantined, ...] = ()
    files: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = field(default=())
    seen: Mapping[str, Seen] = field(default_factory=dict)
    control: str = ""
    classes: Mapping[str, ClassColumn] = field(default_factory=dict)
    weight: RowWeight | None = None
    weights: Mapping[str, WeightSums] = field(default_factory=dict)
    generated: Mapping[str, float] = field(default_factory=dict)
    beside: tuple[str, ...] = ()

    @classmethod
    def load(cls, folder: Path) -> "FeatureStore":
        """Read the manifest of a feature store.

        Raises RequestError where there is none, RunError where it is damaged, or from another version of this program.
        """
        path = folder / MANIFEST
        if not path.is_file():
            raise RequestError(f"no feature store in {folder}: run 'lineshape process' first")
        return read_record(path, cls, PROCESS_AGAIN, folder=folder)

    def save(self) -> None:
        """Write the manifest."""
        values = {
            "shards": [vars(shard) for shard in self.shards],
            "columns": {name: column.to_dict() for name, column in self.columns.items()},
            "cut_flows": self.cut_flows,
            "entries": self.entries,
            "processed": self.processed,
            "quarantined": [vars(item) for item in self.quarantined],
            "files": list(self.files),
            "notes": list(self.notes),
            "seen": {name: seen.model_dump(mode="json") for name, seen in self.seen.items()},
            "control": self.control,
            "classes": {name: column.model_dump(mode="json") for name, column in self.classes.items()},
            "weight": self.weight.model_dump(mode="json") if self.weight else None,
            "weights": {name: vars(sums) for name, sums in self.weights.items()},
            "generated": dict(self.generated),
        }
        save_record(self.folder / MANIFEST, values)

    def with_classes(self, classes: Mapping[str, ClassColumn]) -> "FeatureStore":
        """Return the store with these columns of classes, and no others."""
        columns = {name: column for name, column in self.columns.items() if name not in self.classes}
        columns |= {name: column.metadata(name) for name, column in classes.items()}
        return replace(self, classes=dict(classes), columns=columns)

    def with_weight(self, weight: RowWeight | None) -> "FeatureStore":
        """Return the store with this weight of rows, or with none."""
        columns = {name: column for name, column in self.columns.items() if name != EVENT_WEIGHT}
        if weight:
            columns[EVENT_WEIGHT] = weight.metadata(EVENT_WEIGHT)
        return replace(self, weight=weight, columns=columns)

    @property
    def computed(self) -> dict[str, Computed]:
        """Columns that are computed when rows are read."""
        return {**self.classes, **({EVENT_WEIGHT: self.weight} if self.weight else {})}

    @property
    def about_computed(self) -> dict[str, Any]:
        """Definitions of these columns, for digests of what depends on them."""
        found: dict[str, Any] = {name: column.model_dump(mode="json") for name, column in self.classes.items()}
        return found | ({EVENT_WEIGHT: self.weight.model_dump(mode="json")} if self.weight else {})

    @property
    def rows(self) -> int:
        """Number of rows in all shards."""
        return sum(shard.rows for shard in self.shards)

    @property
    def lost(self) -> float:
        """Quarantined fraction of the entries; a file that could not be counted is assumed to be of average size."""
        uncounted = sum(item.start < 0 for item in self.quarantined)
        unknown = uncounted * self.entries / max(1, len(self.files))
        return (self.entries - self.processed + unknown) / max(1.0, self.entries + unknown)

    @property
    def samples(self) -> list[str]:
        """Names of the samples, in order."""
        return list(dict.fromkeys(shard.sample for shard in self.shards))

    @property
    def measured(self) -> list[str]:
        """Names of the samples that are measured together, in this store and beside it."""
        return [*self.samples, *self.beside]

    def only(self, samples: Container[str]) -> "FeatureStore":
        """Return the store with the shards of some samples, the others beside it."""
        kept = tuple(shard for shard in self.shards if shard.sample in samples)
        beside = tuple(name for name in self.samples if name not in samples)
        return replace(self, shards=kept, beside=beside)

    def digest(self, samples: Container[str] | None = None) -> str:
        """Return a digest of the identities of all shards, or of those of some samples."""
        return digest([shard.identity for shard in self.shards if samples is None or shard.sample in samples])

    def path(self, shard: Shard) -> Path:
        """Return the full path of a shard."""
        return self.folder / shard.path

    def tables(self, columns: Sequence[str]) -> Iterator[Table]:
        """Yield the columns shard by shard, in order.

        Raises RequestError where the store has no such column.
        """
        for _, table in self.read(columns):
            yield table

    def read(
        self, columns: Sequence[str], share: Share = WHOLE, samples: Container[str] | None = None
    ) -> Iterator[tuple[Shard, Table]]:
        """Yield each shard with its columns, in order.

        share: part of the shards to read. samples: samples to read, None: all.

        Raises RequestError where the store has no such column.
        """
        self.require(columns)
        part, parts = share
        chosen = [shard for shard in self.shards if samples is None or shard.sample in samples]
        number = len(chosen)
        for shard in chosen[number * part // parts : number * (part + 1) // parts]:
            yield shard, read_table(self.path(shard), shard.sample, columns, self.computed)

    def require(self, columns: Sequence[str]) -> None:
        """Raise RequestError, with the nearest names, where a column is not in the store."""
        known = [*self.columns, "event"]
        for name in columns:
            if name not in known:
                raise RequestError(
                    f"no column '{name}' in the feature store{nearest(name, known)}; it has {listing(known, 40)}"
                )
            if name in self.classes:
                self.require(self.classes[name].columns)
            if name == EVENT_WEIGHT and self.weight:
                self.require(self.weight.needed)
