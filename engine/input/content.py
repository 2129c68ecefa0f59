"""Checksums of file contents, which distinguish copies of a file from other files with the same UUID."""

import queue
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import uproot

#: Number of blocks of a checksum, and the size of each in bytes.
BLOCKS: Final = 16
BLOCK_BYTES: Final = 1 << 16
#: Hexadecimal digits of a block's checksum.
BLOCK_DIGITS: Final = 8
#: Placeholder for a block that is not complete in a truncated file.
_CUT: Final = "-" * BLOCK_DIGITS


def content_of(file: "uproot.ReadOnlyDirectory") -> str:
    """Return checksums (CRC-32) of 16 blocks between a file's first byte and the last one that its header declares.

    They cover all of a file up to 1 MiB. In a larger one, the blocks are of 64 KiB each and evenly spaced, with the
    header in the first, and what ROOT writes last (list of keys, streamers, often the tree's own record) in the last
    one. A file with different content but the same header, end and blocks between, byte by byte, would be taken for a
    copy.
    """
    header = file.file
    notifications: queue.Queue[object] = queue.Queue()
    ranges = _ranges(int(header.fEND))
    whole = [(start, stop) for start, stop in ranges if stop <= header.source.num_bytes]
    chunks = header.source.chunks(whole, notifications=notifications) if whole else []
    sums = [f"{zlib.crc32(bytes(chunk.raw_data)):08x}" for chunk in chunks]
    return "".join([*sums, *[_CUT] * (len(ranges) - len(sums))])


def _ranges(end: int) -> list[tuple[int, int]]:
    """Return the byte ranges of the blocks of a file of this size, in order."""
    if end <= BLOCKS * BLOCK_BYTES:
        return list(pairwise(end * i // BLOCKS for i in range(BLOCKS + 1)))
    starts = [(end - BLOCK_BYTES) * i // (BLOCKS - 1) for i in range(BLOCKS)]
    return [(start, start + BLOCK_BYTES) for start in starts]


def same_as_far_as_both_go(content: str, other: str) -> bool:
    """Return whether two results of `content_of` agree; for a truncated file, in the blocks that are left."""
    blocks = zip(_blocks(content), _blocks(other), strict=False)
    return len(content) == len(other) and all(one == another or _CUT in (one, another) for one, another in blocks)


def _blocks(content: str) -> list[str]:
    return [content[i : i + BLOCK_DIGITS] for i in range(0, len(content), BLOCK_DIGITS)]
