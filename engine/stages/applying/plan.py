"""Define what is to be applied to which files, and what identifies the result."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from lineshape.engine.core.digests import digest
from lineshape.engine.core.settings import Settings
from lineshape.engine.input.catalogue import FileRecord
from lineshape.engine.job.derived import Derived
from lineshape.engine.learning.bundles import Bundle

#: Part of the identity of outputs: raise it when the content of outputs changes.
_LAYOUT: Final = 1

OutputFormat = Literal["ttree", "rntuple", "parquet"]
ENDINGS: Final[Mapping[OutputFormat, str]] = {"ttree": ".root", "rntuple": ".root", "parquet": ".parquet"}
_ROOT: Final = re.compile(r"\.root(?=(\.\d+)*$)")


@dataclass(frozen=True)
class Wanted:
    """Settings of outputs.

    tree: name of the tree; empty: that of the input. copies: branches of the input to copy.
    """

    format: OutputFormat = "ttree"
    tree: str = ""
    copies: tuple[str, ...] = ()


@dataclass(frozen=True)
class ApplyPlan:
    """Everything a worker needs to make outputs: processor, models by name of their branches, and what is wanted.

    recipe: digest of all that the scores of an entry depend on, beside the file. nonfinite: "refuse" or "drop" entries
    with NaN or infinite values. parts: folder of parts. to: folder of outputs.
    """

    kind: str
    settings: Settings
    nonfinite: str
    models: Mapping[str, Path]
    digests: Mapping[str, str]
    recipe: str
    wanted: Wanted
    parts: Path
    to: Path
    study: str
    derived: Mapping[str, Derived] = field(default_factory=dict)


@dataclass(frozen=True)
class ScoreFile:
    """The output of an input file. name: its path in the folder of outputs."""

    file: FileRecord
    name: str

    def identity(self, plan: ApplyPlan) -> str:
        """Return a digest of what the output depends on."""
        return digest(self.file.identity, self.file.sample, plan.recipe, plan.wanted.format, self.tree(plan))

    def parts(self, plan: ApplyPlan) -> Path:
        """Return the folder of the output's parts."""
        return plan.parts / digest(self.name, self.file.identity, plan.recipe)

    def part(self, plan: ApplyPlan, start: int, stop: int) -> Path:
        """Return the path of the part of a chunk."""
        return self.parts(plan) / f"{start}-{stop}.parquet"

    def tree(self, plan: ApplyPlan) -> str:
        """Return the name of the output's tree."""
        return plan.wanted.tree or self.file.tree


def recipe_of(fingerprint: str, bundles: Mapping[str, Bundle], copies: Sequence[str], chunk_entries: int) -> str:
    """Return a digest of all that the scores of an entry depend on, beside the file.

    fingerprint: of the processor. chunk_entries: as random numbers are spawned per chunk.
    """
    models = {name: digest_of(bundle) for name, bundle in bundles.items()}
    return digest(_LAYOUT, fingerprint, models, list(copies), chunk_entries)


def digest_of(bundle: Bundle) -> str:
    """Return a digest of a bundle's content."""
    model = {"kind": bundle.model.kind, **bundle.model.settings}
    return digest(bundle.digest, bundle.files, bundle.features, bundle.target.model_dump(), model)


def names_of(inputs: Sequence[tuple[str, str]], output_format: OutputFormat) -> dict[tuple[str, str], str]:
    """Return the name of the output of each input, given by sample and path.

    It is SAMPLE/NAME, with as many of the input's folders before NAME as tell it from inputs of the same name.
    """
    ending = ENDINGS[output_format]
    parts = {key: _parts(key[1]) for key in inputs}
    depth = dict.fromkeys(parts, 1)
    while True:
        names = {key: f"{key[0]}/{'_'.join(parts[key][-depth[key] :])}" for key in parts}
        times = Counter(names.values())
        longer = [key for key, name in names.items() if times[name] > 1 and depth[key] < len(parts[key])]
        if not longer:
            break
        for key in longer:
            depth[key] += 1
    found, taken = {}, Counter[str]()
    for key, name in names.items():
        taken[name] += 1
        found[key] = f"{name}{f'_{taken[name]}' if taken[name] > 1 else ''}{ending}"
    return found


def _parts(path: str) -> list[str]:
    """Return the folders of a path or URL and the file's name without its ending, from the outermost."""
    behind = path.partition("://")[2].partition("?")[0] if "://" in path else path
    parts = [part for part in PurePosixPath(behind).parts if part.strip("/")]
    return [*parts[:-1], _ROOT.sub("", parts[-1])]
