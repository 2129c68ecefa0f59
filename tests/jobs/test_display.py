"""How a result shows itself: tables, its first plots, links that JupyterLab can follow; everything escaped."""

from dataclasses import replace
from pathlib import Path

import pytest

from lineshape.engine.core.errors import RequestError
from lineshape.jobs import api
from lineshape.jobs.display import html as showing

pytestmark = pytest.mark.processes


def test_a_result_has_its_tables_and_the_first_plots_of_its_report(
    finished: api.Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished.folder.parent)
    shown = finished._repr_html_()
    assert shown.count("data:image/png;base64,") == 2
    assert "<th>68 % / brt</th>" in shown
    assert f'href="{finished.folder.name}/report/index.html"' in shown
    plots = finished.plots()
    assert plots[0].name == "line_shape"
    assert all(plot.path.is_file() for plot in plots)
    assert len(plots) == len(list((finished.page.parent / "plots").glob("*.png")))
    data, size = finished.plot("line_shape")._repr_png_()
    assert data.startswith(b"\x89PNG")
    assert size == {"width": 580}


def test_a_plot_that_is_not_there(finished: api.Result) -> None:
    with pytest.raises(RequestError, match=r"no plot 'line_shap' in .*report; nearest: line_shape"):
        finished.plot("line_shap")


def test_what_a_job_says_is_escaped(finished: api.Result) -> None:
    job = finished.job.model_copy(update={"title": "<script>alert(1)</script>"})
    shown = replace(finished, job=job)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_a_file_elsewhere_is_named_and_not_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert showing.link(tmp_path / "a<b.html") == f"<code>{tmp_path}/a&lt;b.html</code>"
    assert showing.link(Path("a b.html")) == '<a href="a%20b.html" target="_blank">a b.html</a>'


def test_a_notebook_keeps_so_much_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "plot.png"
    path.write_bytes(b"0" * 100)
    monkeypatch.setattr(showing, "MOST_BYTES", 250)
    assert showing.pictures([showing.Picture(path, "caption")] * 3).count("<img") == 2
    assert not showing.pictures([])
