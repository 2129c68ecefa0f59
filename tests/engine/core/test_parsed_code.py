"""Words about code are no code, and what was parsed once is remembered as long as the file is what it was."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lineshape.engine.core.parsed_code import parse

PROCESSES = 10

_CODE = '''"""Docstring."""
import math  # comment

class Cuts:
    """Docstring."""

    pt: float = 10.0
    """Docstring of a setting."""

    def passes(self, pt):
        """Docstring."""
        # comment
        return pt > self.pt
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Docstring", "What it does, in other words"),
        ('    """Docstring."""\n\n    pt', "    pt"),
        ("  # comment", ""),
        ("# comment", "# another\n        # comment, longer"),
        ("import math", "import    math"),
        ("pt > self.pt", "(pt > self.pt)"),
    ],
)
def test_words_about_code_are_no_code(old: str, new: str) -> None:
    assert _CODE.replace(old, new) != _CODE
    assert parse(_CODE.replace(old, new)).code == parse(_CODE).code


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pt > self.pt", "pt >= self.pt"),
        ("10.0", "20.0"),
        ("import math", "import cmath"),
        ("pt: float", "pt: int"),
        ("class Cuts", "class Cut"),
        ("return pt > self.pt", 'return "pt > self.pt"'),
        ("pt: float = 10.0", 'pt: str = "10.0"'),
    ],
)
def test_a_changed_cut_is_other_code(old: str, new: str) -> None:
    assert parse(_CODE.replace(old, new)).code != parse(_CODE).code


def test_a_function_that_only_says_what_it_does_is_code() -> None:
    assert parse('def f():\n    """Docstring."""\n').code == parse("def f():\n    pass\n").code


#: Says how often Python's parser was called for a file, and a word of its code.
_COUNT = """
import ast, sys
from pathlib import Path
import lineshape.engine
calls, whole = [], ast.parse
ast.parse = lambda *given, **named: calls.append(1) or whole(*given, **named)
from lineshape.engine.core.parsed_code import parsed
found = parsed(Path(sys.argv[1]))
print(len(calls), found.code, found.imports)
"""


def count(path: Path, cache: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", _COUNT, str(path)],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"XDG_CACHE_HOME": str(cache)},
    )
    calls, _, told = done.stdout.partition(" ")
    return int(calls), told.strip()


@pytest.mark.processes
def test_a_file_is_parsed_once_for_each_content(tmp_path: Path) -> None:
    path, cache = tmp_path / "mine.py", tmp_path / "cache"
    path.write_text("from . import a\nx = 1  # comment\n", encoding="utf-8")
    told = "from . import a\nx = 1 ((1, '', ('a',)),)"
    assert count(path, cache) == (1, told)
    assert count(path, cache) == (0, told)
    path.write_text("from . import a\nx = 2  # comment\n", encoding="utf-8")
    assert count(path, cache) == (1, told.replace("x = 1", "x = 2"))
    assert count(path, cache)[0] == 0
    (remembered,) = (cache / "lineshape").iterdir()
    remembered.write_text(remembered.read_text(encoding="utf-8").replace("x = 2", "x = 3"), encoding="utf-8")
    assert count(path, cache) == (1, told.replace("x = 1", "x = 2"))


@pytest.mark.processes
def test_where_nothing_can_be_remembered_all_goes_on(tmp_path: Path) -> None:
    path, cache = tmp_path / "mine.py", tmp_path / "cache"
    path.write_text("x = 1\n", encoding="utf-8")
    cache.write_text("a file", encoding="utf-8")
    assert [count(path, cache) for _ in range(2)] == [(1, "x = 1 ()")] * 2
