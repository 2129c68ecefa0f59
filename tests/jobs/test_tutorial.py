"""The tutorial, executed: no cell fails, and what it shows is what the run has found."""

from pathlib import Path

import pytest

from lineshape.jobs import api

TUTORIAL = Path(__file__).parents[2] / "jobs" / "tutorial.ipynb"


def test_it_is_kept_without_outputs() -> None:
    nbformat = pytest.importorskip("nbformat", reason="no nbformat here: pip install 'lineshape[notebook]'")
    cells = nbformat.read(TUTORIAL, as_version=4).cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells if cell.cell_type == "code")
    assert TUTORIAL.stat().st_size < 20_000


@pytest.mark.drill
@pytest.mark.processes
@pytest.mark.filterwarnings("default")
def test_from_root_to_a_line_shape(tmp_path: Path) -> None:
    """Its outputs, one by one; that it runs without an error is shown by `make docs`."""
    for package in ("nbclient", "ipykernel"):
        pytest.importorskip(package, reason=f"no {package} here: pip install 'lineshape[notebook]'")
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(TUTORIAL, as_version=4)
    NotebookClient(book, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    data = [output.data for output in outputs if "data" in output]
    progress = [one for one in data if "✓" in one["text/plain"]]
    assert len(progress) == 4, "one output for each cell that runs stages"
    result = api.open_result(tmp_path / "runs" / "tutorial")
    (shown,) = [one["text/html"] for one in data if one["text/plain"] == "Result of tau_energy_scale in runs/tutorial"]
    assert shown.count("<img") == 2
    for _, lines in result.tables():
        assert all(f"<td>{cell}</td>" in shown for line in lines[1:] for cell in line)
    assert len([one for one in data if "image/png" in one]) == 2
    row = result.figure("mdn", "half_68_over_baseline")
    text = "".join(output.text for output in outputs if output.output_type == "stream")
    assert f"{row.value:.3f} ± {row.uncertainty:.3f} of {row.entries:,} taus" in text
