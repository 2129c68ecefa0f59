"""Progress on screen: a bar while a stage runs, one line when it is finished."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from lineshape.engine.execution import notebook


@dataclass
class Bar:
    """One progress bar: `advance` it by steps, or `set` its position with a note."""

    progress: Progress
    task: TaskID

    def advance(self, steps: float = 1) -> None:
        """Advance the bar by a number of finished steps."""
        self.progress.update(self.task, advance=steps)

    def set(self, done: float, total: float, note: str = "") -> None:
        """Set the numbers of finished and of all steps, and a note beside them."""
        self.progress.update(self.task, completed=done, total=total, note=note)


@dataclass
class Screen:
    """The output for a run's progress.

    console: rich's console, by default on standard error, so that standard output is reserved for results. page: the
    notebook output used instead where this process is a notebook's kernel. dashboard: whether the address of Dask's
    dashboard is shown; None: neither it nor how to see it. quiet: whether only what was found or begun leaves a line.
    """

    console: Console = field(default_factory=lambda: Console(stderr=True))
    page: notebook.Page | None = field(default_factory=notebook.here)
    dashboard: bool | None = None
    quiet: bool = False

    @contextmanager
    def bars(self) -> Iterator["Bars"]:
        """Show bars while the block runs; they vanish when it ends."""
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
        """Print the permanent line of a finished stage."""
        if self.quiet:
            return
        if self.page:
            self.page.add(notebook.NotebookLine("✓", "green", text, stage, f"({seconds:.1f} s)"))
            return
        self.console.print(
            f"[green]✓[/green] [bold]{stage:<13}[/bold] {escape(text)} [dim]({seconds:.1f} s)[/dim]",
            highlight=False,
            soft_wrap=True,
        )

    def say(self, about: str, text: str) -> None:
        """Print a permanent line about something found or begun."""
        if self.page:
            self.page.add(notebook.NotebookLine("·", "gray", text, about))
            return
        self.console.print(f"[bold]{about}[/bold] {escape(text)}", highlight=False, soft_wrap=True)

    def show_dashboard(self, address: str) -> None:
        """Print the address of Dask's dashboard, or how to see it."""
        if self.dashboard:
            self.say("dashboard", address)
        elif self.dashboard is False:
            self.console.print("[dim]workers started; --dashboard shows what they do[/dim]", highlight=False)

    def warn(self, text: str) -> None:
        """Print a permanent warning."""
        if self.quiet:
            return
        if self.page:
            self.page.add(notebook.NotebookLine("!", "darkorange", text))
            return
        self.console.print(f"[yellow]![/yellow] {escape(text)}", highlight=False, soft_wrap=True)


@dataclass
class Bars:
    """Progress bars of one stage."""

    progress: Progress

    def add(self, name: str, total: float | None) -> Bar:
        """Return a new bar. total: number of steps, None where it is unknown."""
        return Bar(self.progress, self.progress.add_task(name, total=total, note=""))

    @contextmanager
    def passing(self) -> Iterator["Bars"]:
        """Remove the bars that were added in the block when it ends."""
        before = set(self.progress.task_ids)
        yield self
        for task in set(self.progress.task_ids) - before:
            self.progress.remove_task(task)
