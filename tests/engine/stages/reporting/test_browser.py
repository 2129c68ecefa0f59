"""The report in a real browser."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineshape.engine.measures.kinds.vector import Vector
from lineshape.jobs import api
from tests.engine.measures.vectors import VECTOR

PROCESSES = 4

pytestmark = [pytest.mark.browser, pytest.mark.processes]

QUIET = "no-first-run disable-background-networking disable-component-update disable-sync disable-quic"
VIEW = "headless no-sandbox disable-gpu hide-scrollbars window-size=1280,2400 virtual-time-budget=5000"
NODE_MODULES = Path(sys.prefix) / "node_modules"
FLAGS = [f"--{flag}" for flag in f"{VIEW} {QUIET}".split()]


@pytest.fixture(scope="module")
def browser() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no chromium on this machine")
    return found


def pixels(path: Path, colour: str) -> int:
    """Number of pixels of nearly this colour."""
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    picture = np.asarray(Image.open(path).convert("RGB"), dtype=int)
    return int((np.abs(picture - wanted).max(axis=-1) < 12).sum())


def beyond(path: Path) -> int:
    """Number of points of a plot and of its ratios that are beyond their axes."""
    data, found = json.loads(path.read_text(encoding="utf-8")), 0
    for panel in [data, data["ratio"]] if data["ratio"] else [data]:
        low, high = panel["y_range"] or (-np.inf, np.inf)
        y = [value for each in panel["curves"] if each["style"] == "points" for value in each["y"] if value is not None]
        found += sum(not low <= value <= high for value in y)
    return found


def test_models_are_switched_off_and_pictures_stand_without_scripts(
    finished: api.Result, browser: str, tmp_path: Path
) -> None:
    """By the page's boxes in all plots, and by a click on the legend in one."""
    if shutil.which("node") is None or not (NODE_MODULES / "playwright-core").is_dir():
        pytest.skip(f"no node or no playwright-core here: npm install --prefix {sys.prefix} playwright-core")
    settings = {
        "LINESHAPE_PAGE": finished.page.resolve().as_uri(),
        "LINESHAPE_MODEL": "mdn",
        "LINESHAPE_BROWSER": browser,
        "LINESHAPE_PLAYWRIGHT": str(NODE_MODULES / "playwright-core"),
        "LINESHAPE_SCREENSHOTS": str(tmp_path),
    }
    script = Path(__file__).with_name("page.cjs")
    done = subprocess.run(
        ["node", str(script)], env=os.environ | settings, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["errors"] == []
    assert seen["asked"] == [], "the page is one file, without a server or a network"
    data = [json.loads(path.read_text(encoding="utf-8")) for path in (finished.page.parent / "plots").glob("*.json")]
    plots = [each for each in data if "curves" in each]
    assert seen["plots"] == seen["pictures"] == len(plots) + 1, "the first stands above, too"
    outside = [beyond(finished.page.parent / "plots" / f"{name}.json") for name in seen["names"]]
    assert seen["beyond"] == sum(outside) > 0, "a triangle at the edge for each point that is out of range"
    assert seen["before"]["hidden"] == seen["again"]["hidden"] == 0
    shown = sum(curve["key"] == "mdn" for each in plots for curve in each["curves"])
    assert seen["without"]["hidden"] > shown
    assert 0 < seen["clicked"]["hidden"] < shown
    (colour,) = {curve["colour"] for each in plots for curve in each["curves"] if curve["key"] == "mdn"}
    assert pixels(tmp_path / "before.png", colour) > 100
    assert pixels(tmp_path / "without.png", colour) < 5


def test_the_widest_table_fits_a_small_screen(browser: str, tmp_path: Path) -> None:
    """At 1280 pixels the vector's table with two more references is as wide as its page, and nothing is scrolled."""
    source = files("lineshape.engine.stages.reporting").joinpath("base.html").read_text(encoding="utf-8")
    style = source[source.index("<style>") : source.index("</style>")] + "</style>"
    measure = Vector(truth="truth", against=["plain", "dense"], **VECTOR["vector"])
    headings = "".join(f"<th>{each}</th>" for each in ["Model", *measure.headline, "Objects"])
    numbers = ["10.53 ± 0.04", *3 * ["1.0652 ± 0.0028"], "6.720 ± 0.035", *2 * ["0.2600 ± 0.0016"], "1,127,235"]
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
