"""Progress in a notebook: one output, updated in place, with a line for each finished stage."""

import html
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from rich.progress import Progress, Task

#: Seconds between two updates while a stage runs.
_EVERY: Final = 0.5
_NAME = "display:inline-block;min-width:13em"
_BAR = (
    "display:inline-block;width:16em;height:.7em;margin:0 .6em;vertical-align:middle;border-radius:.35em;"
    "background:rgba(128,128,128,.25);overflow:hidden"
)
_DONE = "display:block;height:100%;background:#1f77b4"
_DIM = "opacity:.65"


def here() -> "Page | None":
    """Return a page where this process is a notebook's kernel, else None; IPython is not imported for it."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return Page() if hasattr(shell, "kernel") else None


@dataclass
class Page:
    """One output of a cell, displayed once there is something to show.

    lines: permanent lines, of finished stages and remarks.
    """

    lines: list["NotebookLine"] = field(default_factory=list)
    _handle: Any = None
    _shown: str = ""
    _one: threading.Lock = field(default_factory=threading.Lock)

    def add(self, line: "NotebookLine") -> None:
        """Add a permanent line."""
        self.lines.append(line)
        self._show(())

    @contextmanager
    def following(self, progress: Progress) -> Iterator[None]:
        """Show the bars of `progress` below the lines while the block runs."""
        ended = threading.Event()

        def follow() -> None:
            while not ended.wait(_EVERY):
                self._show(progress.tasks)

        thread = threading.Thread(target=follow, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self._show(())

    def _show(self, tasks: Sequence[Task]) -> None:
        from IPython.display import display

        with self._one:
            shown = page_html(self.lines, tasks)
            if shown == self._shown:
                return
            self._shown = shown
            data = {"text/html": shown, "text/plain": "\n".join(line.plain for line in self.lines)}
            if self._handle is None:
                self._handle = display(data, raw=True, display_id=True)
            else:
                self._handle.update(data, raw=True)


@dataclass(frozen=True)
class NotebookLine:
    """A permanent line of the page. mark: symbol at its start, in this colour; name: the stage; aside: dimmed text."""

    mark: str
    colour: str
    text: str
    name: str = ""
    aside: str = ""

    @property
    def plain(self) -> str:
        """Text without colours."""
        return " ".join(part for part in (self.mark, self.name, self.text, self.aside) if part)


def page_html(lines: Sequence[NotebookLine], tasks: Sequence[Task]) -> str:
    """Return the HTML of permanent lines and, below them, a bar for each running task; empty where there is neither."""
    stay = [
        f'<div><span style="color:{line.colour}">{html.escape(line.mark)}</span> '
        + (f"<b>{html.escape(line.name)}</b> " if line.name else "")
        + html.escape(line.text)
        + (f' <span style="{_DIM}">{html.escape(line.aside)}</span>' if line.aside else "")
        + "</div>"
        for line in lines
    ]
    bars = [_bar(task) for task in tasks]
    return f'<div style="line-height:1.6">{"".join([*stay, *bars])}</div>' if stay or bars else ""


def _bar(task: Task) -> str:
    share = 100 * task.completed / task.total if task.total else 0
    steps = f"{task.completed:g}/{task.total:g}" if task.total else ""
    note = task.fields.get("note", "")
    aside = " · ".join(part for part in (steps, f"{task.elapsed or 0:.0f} s", note) if part)
    return (
        f'<div><span style="{_NAME}">{html.escape(task.description)}</span>'
        f'<span style="{_BAR}"><span style="{_DONE};width:{share:.0f}%"></span></span>'
        f'<span style="{_DIM}">{html.escape(aside)}</span></div>'
    )
