"""Save and load parts: what a processor returned for a chunk, or the sum of several, with what it is of."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.accumulators.addition import added
from lineshape.engine.accumulators.encoding import AccumulatorDecoder, AccumulatorEncoder
from lineshape.engine.accumulators.sizes import Sizes, sizes_of
from lineshape.engine.core.files import replacing

_ABOUT, _VALUE = "about.json", "value.json"
#: Bytes up to which compression takes longer than it is worth: for each array it is set up anew.
_SMALL = 1 << 16
#: Version of the layout of parts: raise it when that changes.
LAYOUT = 2


@dataclass
class Metrics:
    """Measurements of chunks, as coffea's Runner makes them.

    bytesread: from files. columns: buffers that were read. processtime: seconds in the processor.
    """

    bytesread: int = 0
    columns: set[str] = field(default_factory=set)
    entries: int = 0
    processtime: float = 0.0

    def add(self, other: "Metrics") -> None:
        """Add those of other chunks."""
        self.bytesread += other.bytesread
        self.columns |= other.columns
        self.entries += other.entries
        self.processtime += other.processtime


@dataclass
class AccumulatorPart:
    """An accumulator, the identities of the chunks that it is of with their entries, in order, and their metrics."""

    value: Any
    chunks: dict[str, int]
    metrics: Metrics

    def add(self, other: "AccumulatorPart") -> None:
        """Add the part that is next in order; raises RunError where accumulators cannot be added."""
        self.value = added(self.value, other.value)
        self.chunks |= other.chunks
        self.metrics.add(other.metrics)

    def save(self, path: Path, accepted: Sequence[str]) -> None:
        """Save the part; accepted: types that are pickled, as module:Class.

        Raises ProcessorError with the place of a value of a type that is not kept on disk.
        """
        encoder = AccumulatorEncoder(accepted)
        value = encoder.encode(self.value)
        about = {
            "layout": LAYOUT,
            "chunks": self.chunks,
            "metrics": vars(self.metrics) | {"columns": sorted(self.metrics.columns)},
            "sizes": vars(sizes_of(self.value)),
            "pickles": len(encoder.pickles),
        }
        size = sum(array.nbytes for array in encoder.arrays) + sum(map(len, encoder.pickles))
        way = zipfile.ZIP_DEFLATED if size > _SMALL else zipfile.ZIP_STORED
        with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", way, compresslevel=1) as to:
            for number, array in enumerate(encoder.arrays):
                buffer = BytesIO()
                np.save(buffer, array, allow_pickle=False)
                to.writestr(f"{number}.npy", buffer.getbuffer())
            for number, content in enumerate(encoder.pickles):
                to.writestr(f"{number}.pickle", content)
            to.writestr(_VALUE, json.dumps(value))
            to.writestr(_ABOUT, json.dumps(about))

    @classmethod
    def load(cls, path: Path, accepted: Sequence[str]) -> "AccumulatorPart":
        """Return a saved part; raises one of `DAMAGES` where the file is damaged."""
        with zipfile.ZipFile(path) as file:
            about = _about(file)
            names = set(file.namelist())
            arrays: list[NDArray[Any]] = []
            while (name := f"{len(arrays)}.npy") in names:
                arrays.append(np.load(BytesIO(file.read(name)), allow_pickle=False))
            value = json.loads(file.read(_VALUE))
            pickles = [file.read(f"{number}.pickle") for number in range(about["pickles"])]
        metrics = Metrics(**about["metrics"] | {"columns": set(about["metrics"]["columns"])})
        return cls(AccumulatorDecoder(arrays, pickles, accepted).decode(value), about["chunks"], metrics)


def sizes_in(path: Path) -> Sizes:
    """Return the sizes of what a part holds, without reading it; raises one of `DAMAGES` where it is damaged."""
    with zipfile.ZipFile(path) as file:
        return Sizes(**_about(file)["sizes"])


def entries_in(path: Path) -> int:
    """Return the entries that a part is of, without reading it; raises one of `DAMAGES` where it is damaged."""
    with zipfile.ZipFile(path) as file:
        return sum(_about(file)["chunks"].values())


def _about(file: zipfile.ZipFile) -> Mapping[str, Any]:
    about: dict[str, Any] = json.loads(file.read(_ABOUT))
    if about.get("layout") != LAYOUT:
        raise ValueError(f"layout {about.get('layout')}, expected {LAYOUT}")
    return about
