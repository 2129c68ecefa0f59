"""Settings of Dask that a site made: what does not work with them is named, and where they are from."""

import os
import subprocess
import sys
from pathlib import Path

import dask
import pytest

from lineshape.engine.clusters.kinds.local import Local
from lineshape.engine.clusters.site import fault_of_settings, made_here, require_loopback, require_unencrypted, starting
from lineshape.engine.core.errors import ClusterError, RequestError, RunError

PROCESSES = 3


def test_encryption_that_is_required_is_named_with_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION", "True")
    with (
        dask.config.set({"distributed.comm.require-encryption": True}),
        pytest.raises(RequestError, match=r"require-encryption is on \(\$DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION\)"),
        Local(workers=1).open(),
    ):
        pass
    require_unencrypted()


def test_settings_of_files_and_the_environment_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("distributed:\n  worker:\n    memory: {target: 0.5}\n", encoding="utf-8")
    monkeypatch.setattr(dask.config, "paths", [str(tmp_path)])
    monkeypatch.setenv("DASK_TEMPORARY_DIRECTORY", "/nowhere")
    assert made_here()["distributed.worker.memory.target"] == (0.5, str(file))
    assert made_here()["temporary-directory"] == ("/nowhere", "$DASK_TEMPORARY_DIRECTORY")


def test_what_does_not_start_says_why_and_which_settings_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASK_TEMPORARY_DIRECTORY", "/nowhere")
    with pytest.raises(ClusterError, match=r"KeyError: 'why'; .*temporary-directory: /nowhere \(\$DASK_"):
        start(RuntimeError("Scheduler failed to start"), KeyError("why"))
    with pytest.raises(RunError, match="known"):
        start(RunError("known"), KeyError("why"))


def start(error: Exception, cause: Exception) -> None:
    with starting("the cluster"):
        raise error from cause


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("distributed: [", encoding="utf-8")
    with pytest.raises(ValueError, match="malformed") as caught:
        list(dask.config.collect_yaml([str(file)]))
    assert str(file) in fault_of_settings(caught.value)
    assert fault_of_settings(ValueError("another")) == ""


@pytest.mark.processes
def test_a_machine_without_loopback_is_told_so() -> None:
    require_loopback()
    code = "from lineshape.engine.clusters.site import require_loopback; require_loopback()"
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-c", code], capture_output=True, text=True, check=False, env=os.environ
    )
    if "unshare" in done.stderr.splitlines()[0]:
        pytest.skip("no network namespace may be made here")
    assert "ClusterError: a local cluster needs IPv4 loopback, and 127.0.0.1 cannot be reached here" in done.stderr
