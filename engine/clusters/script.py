"""Refuse a script that starts workers whenever it is imported, as each worker imports it."""

import ast
import inspect
import sys
from pathlib import Path

from lineshape.engine.core.errors import RequestError


def require_guard() -> None:
    """Raise RequestError where the running script got here outside `if __name__ == "__main__":`.

    Workers import the script, for what it defines, and would each start workers of their own.
    """
    main = sys.modules["__main__"]
    file, name = getattr(main, "__file__", None), getattr(getattr(main, "__spec__", None), "name", "")
    if not file or name.rpartition(".")[2] == "__main__":  # a package's __main__.py is not imported by workers
        return
    line = _line_of(file)
    if line is not None and not _is_guarded(Path(file), line):
        raise RequestError(
            f"{file}, line {line}: workers are started whenever the script is imported, and they import it: expected "
            "this under 'if __name__ == \"__main__\":'"
        )


def _line_of(file: str) -> int | None:
    """Return the line of the script's own code that is being run; None where it is not on the way to here."""
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_code.co_filename == file:
            return frame.f_lineno
        frame = frame.f_back
    return None


def _is_guarded(script: Path, line: int) -> bool:
    """Return whether the statement that a line is of stands under a condition on the module's name."""
    try:
        body = ast.parse(script.read_text(encoding="utf-8")).body
    except (OSError, ValueError, SyntaxError):  # no script in Python's words, such as a launcher's archive
        return True
    for statement in body:
        if statement.lineno <= line <= (statement.end_lineno or line):
            return isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)
    return True
