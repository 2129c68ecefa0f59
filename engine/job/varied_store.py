"""Find the feature store and bundles of a variation: its own where it has any, else those of the job."""

from dataclasses import dataclass, replace
from typing import Final

from lineshape.engine.core.digests import digest
from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.records import find_record
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.job import Job
from lineshape.engine.job.processor_builder import fingerprint_of
from lineshape.engine.job.varied import Varied, bundle_path
from lineshape.engine.job.weighting import row_weight
from lineshape.engine.learning.bundles import Bundle, read_index


@dataclass(frozen=True)
class VariedStore:
    """A variation in one direction: its job, folder and feature store, of the samples that it changes."""

    varied: Varied
    job: Job
    folder: RunFolder
    store: FeatureStore

    @classmethod
    def load(cls, job: Job, folder: RunFolder, nominal: FeatureStore, varied: Varied) -> "VariedStore":
        """Return it as `make_store` left it.

        job, folder, nominal: without variations. Raises RequestError where it has not been made.
        """
        changed, own, samples = varied.job(job), own_folder(folder, varied), varied.samples(job)
        if reads_files(varied):
            store = FeatureStore.load(own.features)
            made = find_record(own.path / MADE, _MadeOf)
            if made is None or made.identity != identity_of(job, varied):
                raise RequestError(f"the shards in {own.features} are of other settings or code")
            beside = tuple(name for name in nominal.samples if name not in store.samples)
            return cls(varied, changed, own, replace(store, beside=beside))
        weight = None
        if changed.is_weighted:
            weight = row_weight(changed.weight, changed.samples, changed.luminosity, nominal.generated)
        store = nominal.only(samples).with_weight(weight)
        if weight:
            store.require(weight.needed)
        return cls(varied, changed, own, store)

    def bundles(self, job: Job, folder: RunFolder) -> dict[str, Bundle]:
        """Return the job's bundles, with those of the variation in their place, as `copy_bundles` left them."""
        names = [name for name in read_index(folder).bundles if name in job.models]
        replaced = self.varied.variation.bundles(self.varied.direction)
        found = {name: Bundle.load((self.folder if name in replaced else folder).models / name) for name in names}
        for name, named in replaced.items():
            source = bundle_path(named, folder.models, [*job.models])
            if name in found and found[name].digest != Bundle.load(source).digest:
                raise RequestError(
                    f"{found[name].folder} is a copy of another bundle than {source}, or of an earlier one"
                )
        return found


@dataclass(frozen=True)
class _MadeOf:
    """Record of what a variation's shards were made of."""

    identity: str


#: File of this record, in the variation's folder.
MADE: Final = "made_of.json"


def identity_of(job: Job, varied: Varied) -> str:
    """Return the digest of the processor and of a variation's settings, by which its shards are made."""
    excluded = {"label", "measures", "parameter", "symmetrise"}
    settings = varied.variation.model_dump(mode="json", exclude=excluded)
    return digest(fingerprint_of(job, varied), settings, varied.direction)


def own_folder(folder: RunFolder, varied: Varied) -> RunFolder:
    """Return the folder of a variation in one direction, in that of the run."""
    return folder.variation(varied.key, reads_files(varied))


def reads_files(varied: Varied) -> bool:
    """Return whether a variation has shards of its own."""
    return varied.variation.changes_events or varied.variation.changes_files
