"""Standard output that cannot hold what is printed, or that nobody reads: it decides neither status nor result."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.jobs.nights import command

PROCESSES = 10

pytestmark = pytest.mark.processes


def printed(words: str, folder: Path, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """A command as a shell runs it; `lineshape` stands for the command line."""
    lineshape = " ".join(command())
    return subprocess.run(
        ["/bin/bash", "-c", words.replace("lineshape", lineshape) + "; exit ${PIPESTATUS[0]}"],
        cwd=folder,
        capture_output=True,
        check=False,
        env=os.environ | environment,
        timeout=120,
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1:strict"])
def test_letters_that_cannot_be_encoded_are_replaced(encoding: str, tmp_path: Path) -> None:
    done = printed("lineshape studies", tmp_path, PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    assert not done.stderr
    assert b"Tau energy scale" in done.stdout
    assert b"?" in done.stdout or "\N{MULTIPLICATION SIGN}".encode("latin-1") in done.stdout or done.stdout.isascii()


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("lineshape studies | head -0", 0),
        ("lineshape studies >&- 2>&- <&-", 0),
        ("lineshape reprocess nothing >&-", 2),
        ("lineshape reprocess nothing | true", 2),
    ],
)
def test_nobody_need_read_it(words: str, status: int, tmp_path: Path) -> None:
    done = printed(words, tmp_path)
    assert done.returncode == status
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_what_a_full_disk_cuts_short_is_no_success(tmp_path: Path) -> None:
    done = printed("lineshape studies >/dev/full", tmp_path)
    assert done.returncode == 1
    assert done.stderr.decode().strip() == "error: output is incomplete: No space left on device"


def test_what_a_worker_prints_fails_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, os; from lineshape.engine.core.output import forgive; "
        "read, write = os.pipe(); os.close(read); os.dup2(write, 1); forgive(); "
        "print('\\u2192' * 100_000, flush=True); print('again', flush=True); sys.exit(7)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (7, b"")
