"""Hashes: uniform, independent, and the same on every machine."""

import numpy as np

from lineshape.engine.core.digests import digest, uniform
from lineshape.engine.core.split import Split
from lineshape.engine.core.statistics import GROUPS, groups

#: Of 1 and 2, computed with Python's integers.
GOLDEN = [0.5665615751722809, 0.5911897341980794]


def test_digest_depends_on_content_alone() -> None:
    assert digest("a", {"x": 1, "y": 2}) == digest("a", {"y": 2, "x": 1})
    assert digest("a", 1) != digest("a", 2)
    assert len(digest("lineshape")) == 20


def test_uniform_is_uniform_and_fixed() -> None:
    """χ² of 50 bins below its 99.9 % quantile (86); the numbers are fixed, so there is no false alarm to come."""
    event = np.arange(100_000, dtype=np.uint64)
    counts = np.histogram(uniform(event, 0), 50, (0, 1))[0]
    assert ((counts - 2000) ** 2 / 2000).sum() < 86
    assert (
        uniform(np.array([1, 2], dtype=np.uint64), 0).tolist() == uniform(np.array([1, 2], dtype=np.uint64), 0).tolist()
    )


def test_split_and_groups_are_independent() -> None:
    event = np.arange(200_000, dtype=np.uint64)
    splits = Split().of(event)
    assert sum(mask.astype(int) for mask in splits.values()).tolist() == [1] * len(event)
    assert abs(splits["test"].mean() - 1 / 3) < 0.004
    assert abs(splits["validation"].mean() - 2 / 3 * 0.2) < 0.004
    in_test = np.bincount(groups(event)[splits["test"]], minlength=GROUPS)
    assert in_test.std() / in_test.mean() < 0.04
