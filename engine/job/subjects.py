"""Find the samples, and groups of samples together, that measures are of."""

from collections.abc import Sequence
from dataclasses import dataclass

from lineshape.engine.job.job import Job
from lineshape.engine.measures.measure import Measure

#: Name of the group of all samples, where classes come from samples and no other group has the same.
ALL = "all"


@dataclass(frozen=True)
class Subjects:
    """Groups of samples, and single samples, that figures are of.

    members: samples of each, by its name, groups first. together: for a measure of classes that come from samples, by
    its name, the subjects that have two classes or more; of any other its rows could not tell one class from another.
    """

    members: dict[str, tuple[str, ...]]
    together: dict[str, tuple[str, ...]]

    def shown(self, name: str, measure: Measure, model: str) -> list[str]:
        """Return the subjects that a measure, by its name, is shown of for a model."""
        allowed = self.together.get(name, tuple(self.members))
        return [subject for subject in allowed if measure.is_of(model, subject)]

    def filled(self, name: str, measure: Measure, model: str) -> set[str]:
        """Return the samples that its histograms are filled with."""
        return {sample for subject in self.shown(name, measure, model) for sample in self.members[subject]}


def subjects_of(job: Job, samples: Sequence[str]) -> Subjects:
    """Return what the measures of a job are of, among the samples that there are."""
    there = [name for name in job.samples if name in samples] + [name for name in samples if name not in job.samples]
    groups = {name: tuple(each for each in there if each in members) for name, members in job.groups.items()}
    for name, column in job.class_columns.items():
        own = tuple(column.samples(there))
        if len(own) > 1 and own not in groups.values():
            wanted = (*([ALL] if own == tuple(there) else []), name, f"{name}_samples")
            # A sample or group may have the name already, and keeps it.
            groups[next(each for each in wanted if each not in groups and each not in there)] = own
    if any(measure.of_all_samples for measure in job.built_measures().values()) and tuple(there) not in groups.values():
        groups[ALL if ALL not in groups and ALL not in there else f"{ALL}_samples"] = tuple(there)
    members = {name: own for name, own in groups.items() if own} | {name: (name,) for name in there}
    data = {name for name in there if name in job.samples and job.samples[name].data}
    together: dict[str, tuple[str, ...]] = {}
    for name, measure in job.built_measures().items():
        if measure.truth in job.class_columns:
            classes = job.class_columns[measure.truth]
            several = (each for each, own in members.items() if len(classes.classes_in(list(own))) > 1)
            together[name] = tuple(several)
        elif measure.of_all_samples:
            together[name] = tuple(each for each, own in members.items() if set(own) == set(there))
        elif measure.truth and data:
            together[name] = tuple(members)
        if measure.truth and data:  # which have no truth
            together[name] = tuple(each for each in together[name] if not data & set(members[each]))
    return Subjects(members, together)


def label_of(job: Job, subject: str) -> str:
    """Return the label of a sample, or the name of a group."""
    return (job.samples[subject].label if subject in job.samples else "") or subject
