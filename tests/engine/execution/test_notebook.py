"""What a notebook's page of progress holds; tests/jobs/test_notebook.py looks at it in a real kernel."""

from rich.progress import Progress

from lineshape.engine.execution import notebook
from lineshape.engine.execution.progress import Bars


def test_a_process_that_is_no_kernel_has_no_page() -> None:
    assert notebook.here() is None


def test_nothing_to_show_is_empty() -> None:
    assert not notebook.page_html([], [])


def test_lines_stay_above_bars_and_everything_is_escaped() -> None:
    progress = Progress(disable=True)
    bars = Bars(progress)
    bars.add("training <mdn>", 8).set(2, 8, "loss < 1")
    line = notebook.NotebookLine("✓", "green", "a & b", "processing", "(1.0 s)")
    shown = notebook.page_html([line], progress.tasks)
    assert shown.index("a &amp; b") < shown.index("training &lt;mdn&gt;")
    assert "width:25%" in shown
    assert "2/8 · 0 s · loss &lt; 1" in shown
    assert line.plain == "✓ processing a & b (1.0 s)"


def test_a_bar_without_an_end_has_no_share() -> None:
    progress = Progress(disable=True)
    Bars(progress).add("training mdn", None).advance()
    assert "width:0%" in notebook.page_html([], progress.tasks)
