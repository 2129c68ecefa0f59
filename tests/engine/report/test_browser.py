"""The report in a real browser."""

import shutil
import subprocess
from pathlib import Path

import pytest

from lineshape.jobs import api

pytestmark = [pytest.mark.browser, pytest.mark.processes]

QUIET = "no-first-run disable-background-networking disable-component-update disable-sync disable-quic"
VIEW = "headless no-sandbox disable-gpu hide-scrollbars window-size=1280,2400 virtual-time-budget=5000"
FLAGS = [f"--{flag}" for flag in f"{VIEW} {QUIET}".split()]


def test_the_page_opens_and_shows_its_plots(finished: api.Result, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium on this machine")
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
