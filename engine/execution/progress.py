"""Progress on screen: a bar while a stage works, one line when it is done."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from lineshape.engine.execution import notebook


@dataclass
class Bar:
    """One bar: `advance` it, or `set` it with a word on where it stands."""

    progress: Progress
    task: TaskID

    def advance(self, steps: float = 1) -> None:
        """Steps that are done."""
        self.progress.update(self.task, advance=steps)

    def set(self, done: float, total: float, note: str = "") -> None:
        """Where it stands."""
        self.progress.update(self.task, completed=done, total=total, note=note)


@dataclass
class Screen:
    """Where a run tells how far it is.

    console: rich's console; one on standard error by default, so that standard output stays for results. page: where
    this process is a notebook's kernel, what is shown there instead.
    """

    console: Console = field(default_factory=lambda: Console(stderr=True))
    page: notebook.Page | None = field(default_factory=notebook.here)

    @contextmanager
    def bars(self) -> Iterator["Bars"]:
        """Bars that vanish when the block ends."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", style="bold"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
        )
        shown = self.console.is_terminal and self.page is None
        with (
            Progress(*columns, console=self.console, transient=True, disable=not shown) as progress,
            self.page.following(progress) if self.page else nullcontext(),
        ):
            yield Bars(progress)

    def done(self, stage: str, text: str, seconds: float) -> None:
        """The one line that stays when a stage is done."""
        if self.page:
            self.page.add(notebook.NotebookLine("✓", "green", text, stage, f"({seconds:.1f} s)"))
            return
        self.console.print(
            f"[green]✓[/green] [bold]{stage:<13}[/bold] {escape(text)} [dim]({seconds:.1f} s)[/dim]",
            highlight=False,
            soft_wrap=True,
        )

    def say(self, about: str, text: str) -> None:
        """A line that stays, of what is found or begins."""
        if self.page:
            self.page.add(notebook.NotebookLine("·", "gray", text, about))
            return
        self.console.print(f"[bold]{about}[/bold] {escape(text)}", highlight=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        """A line that stays and asks for attention."""
        if self.page:
            self.page.add(notebook.NotebookLine("!", "darkorange", text))
            return
        self.console.print(f"[yellow]![/yellow] {escape(text)}", highlight=False, soft_wrap=True)


@dataclass
class Bars:
    """Bars of one stage."""

    progress: Progress

    def add(self, name: str, total: float | None) -> Bar:
        """A bar of so many steps."""
        return Bar(self.progress, self.progress.add_task(name, total=total, note=""))

    @contextmanager
    def passing(self) -> Iterator["Bars"]:
        """Those that are added meanwhile vanish when the block ends."""
        before = set(self.progress.task_ids)
        yield self
        for task in set(self.progress.task_ids) - before:
            self.progress.remove_task(task)
