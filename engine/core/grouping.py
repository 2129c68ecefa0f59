"""Groups of shards with content-defined borders: shards that are added later change one group, not all of them."""

from collections.abc import Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")

#: Weight at which a group ends in any case.
_MOST = 3.0


def cut(items: Iterable[Item], weight: Callable[[Item], float], identity: Callable[[Item], str]) -> list[list[Item]]:
    """Return groups of neighbouring items, each of a weight of about 1.

    weight: weight of an item, which is also about the probability that a group ends with it. identity: hexadecimal
    digits of an item, whose value decides whether a group ends with it.
    """
    groups: list[list[Item]] = []
    open_group: list[Item] = []
    total = 0.0
    for item in items:
        open_group.append(item)
        total += weight(item)
        if total >= _MOST or int(identity(item)[:8], 16) < weight(item) * 0x1_0000_0000:
            groups.append(open_group)
            open_group, total = [], 0.0
    return [*groups, open_group] if open_group else groups
