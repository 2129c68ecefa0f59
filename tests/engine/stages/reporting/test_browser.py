"""The report in a real browser."""

import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from lineshape.engine.measures.kinds.vector import Vector
from lineshape.jobs import api
from tests.engine.measures.vectors import VECTOR

pytestmark = [pytest.mark.browser, pytest.mark.processes]

QUIET = "no-first-run disable-background-networking disable-component-update disable-sync disable-quic"
VIEW = "headless no-sandbox disable-gpu hide-scrollbars window-size=1280,2400 virtual-time-budget=5000"
FLAGS = [f"--{flag}" for flag in f"{VIEW} {QUIET}".split()]


@pytest.fixture(scope="module")
def browser() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no chromium on this machine")
    return found


def test_the_page_opens_and_shows_its_plots(finished: api.Result, browser: str, tmp_path: Path) -> None:
    url = finished.page.resolve().as_uri()
    picture = tmp_path / "page.png"
    data = f"--user-data-dir={tmp_path / 'profile'}"
    subprocess.run(
        [browser, *FLAGS, data, f"--screenshot={picture}", url], check=True, capture_output=True, timeout=120
    )
    assert picture.stat().st_size > 100_000
    dump = subprocess.run([browser, *FLAGS, data, "--dump-dom", url], check=True, capture_output=True, timeout=120)
    dom = dump.stdout.decode()
    assert "Tau energy scale" in dom
    assert dom.count("<img") == len(list((finished.page.parent / "plots").glob("*.png")))


def test_the_widest_table_fits_a_small_screen(browser: str, tmp_path: Path) -> None:
    """At 1280 pixels the vector's table with two more references is as wide as its page, and nothing is scrolled."""
    source = files("lineshape.engine.stages.reporting").joinpath("page.html").read_text(encoding="utf-8")
    style = source[source.index("<style>") : source.index("</style>")] + "</style>"
    measure = Vector(truth="truth", against=["plain", "dense"], **VECTOR["vector"])
    headings = "".join(f"<th>{each}</th>" for each in ["Model", *measure.headline, "Objects"])
    numbers = ["10.53 ± 0.04 GeV", *3 * ["1.0652 ± 0.0028"], "6.720 ± 0.035 GeV", *2 * ["0.2600 ± 0.0016"], "1,127,235"]
    cells = "".join(f"<td>{each}</td>" for each in ["Penalty of each event", *numbers])
    assert headings.count("<th>") == cells.count("<td>")
    table = f"<table><thead><tr>{headings}</tr></thead><tbody><tr class='baseline'>{cells}</tr></tbody></table>"
    script = "let s = document.querySelector('.scroll'); document.title = s.scrollWidth - s.clientWidth"
    page = tmp_path / "page.html"
    page.write_text(
        f"<!DOCTYPE html><meta charset='utf-8'><title></title>{style}<main><div class='scroll'>{table}</div></main>"
        f"<script>{script}</script>",
        encoding="utf-8",
    )
    data = f"--user-data-dir={tmp_path / 'profile'}"
    dump = subprocess.run(
        [browser, *FLAGS, data, "--dump-dom", page.as_uri()], check=True, capture_output=True, timeout=120
    )
    found = re.search(r"<title>(.*)</title>", dump.stdout.decode())
    assert found
    assert found[1] == "0"
