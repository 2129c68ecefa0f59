"""Groups of shards whose borders depend on the shards themselves: what is added later disturbs one group, not all."""

from collections.abc import Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")

#: The most that a group may weigh; without a border of its own it ends there.
_MOST = 3.0


def cut(items: Iterable[Item], weight: Callable[[Item], float], identity: Callable[[Item], str]) -> list[list[Item]]:
    """Groups of neighbours that weigh about 1 each.

    weight: of an item; it ends a group with about this probability. identity: hexadecimal digits, which decide.
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
