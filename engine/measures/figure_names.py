"""Name figures in words, for readers who do not know the keys that summary.json has."""

import re
from collections.abc import Mapping
from typing import Final

#: Parts that the figures of several kinds have, as (regular expression, words); {} is the rest, in words.
_COMMON: Final = (
    (r"mean_(.+)", "{}, mean over bins"),
    (r"(.+)_over_baseline", "{} over the baseline's"),
    (r"(.+)_minus_baseline", "{} less the baseline's"),
    (r"(.+)_over_(.+)", "{} over that of \\2"),
    (r"(.+)_minus_(.+)", "{} less that of \\2"),
)


def in_words(figure: str, known: Mapping[str, str]) -> str:
    r"""Return the name of a figure in words.

    known: words of figures, by regular expressions of their names, in which \1 is a group. Of any other figure, what
    several kinds have in common is said (`_over_baseline`), and the rest is looked up.
    """
    for pattern, words in known.items():
        if found := re.fullmatch(pattern, figure):
            return found.expand(words)
    for pattern, words in _COMMON:
        if found := re.fullmatch(pattern, figure):
            return found.expand(words.replace("{}", in_words(found[1], known).replace("\\", r"\\")))
    return figure.replace("_", " ")
