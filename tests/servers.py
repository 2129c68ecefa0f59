"""Real file servers on loopback, for as long as a test needs them."""

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class XRootD:
    """A server of a folder; it can be stopped, to go on later, and killed, to be started anew."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"root://localhost:{self.port}//{self.folder.name}/"

    def start(self) -> None:
        configuration = self.folder.parent / "xrootd.cfg"
        state = self.folder.parent / "state"
        state.mkdir(exist_ok=True)
        lines = (
            f"xrd.port {self.port}",
            "xrd.allow host localhost",
            "xrd.network nodnr",
            f"oss.localroot {self.folder.parent}",
            "all.export / r/o",
            f"all.adminpath {state}",
            f"all.pidpath {state}",
        )
        configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = ["xrootd", "-c", str(configuration), "-l", str(state / "log")]
        if os.getuid() == 0:  # it refuses to run as root
            nobody = pwd.getpwnam("nobody")
            for path in (self.folder.parent, self.folder, state, *self.folder.iterdir()):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
            command = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", *command]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.port, state)

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def wait_for(port: int, place: Path) -> None:
    """Until a server answers; raises RuntimeError with what it wrote to a log, or to those of that name in a folder."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    logs = "\n".join(
        path.read_text(errors="replace")[-2000:] for path in [place, *place.rglob("log")] if path.is_file()
    )
    raise RuntimeError(f"no server answers on port {port}:\n{logs}")


@contextmanager
def xrootd(place: Path, files: list[Path]) -> Iterator[XRootD]:
    """An XRootD server of copies of files; skips where none is installed. `place` must be open to all users."""
    if shutil.which("xrootd") is None:
        pytest.skip("no XRootD server here: install xrootd-server and xrootd-plugins")
    pytest.importorskip("fsspec_xrootd", reason="no XRootD client here: pip install 'lineshape[remote]'")
    folder = place / "data"
    folder.mkdir()
    for path in files:
        shutil.copy(path, folder)
    server = XRootD(folder, free_port())
    server.start()
    try:
        yield server
    finally:
        server.stop()


class _Ranges(SimpleHTTPRequestHandler):
    """Files with range requests, which Python's own server ignores; the requests of these numbers are answered 503."""

    busy: Container[int] = ()
    answered = 0
    refused = 0

    def do_GET(self) -> None:
        type(self).answered += 1
        if type(self).answered in self.busy:
            type(self).refused += 1
            self.send_error(503)
            return
        path = Path(self.translate_path(self.path))
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not path.is_file() or asked is None:
            super().do_GET()
            return
        size = path.stat().st_size
        start, stop = int(asked[1]), min(size, int(asked[2]) + 1 if asked[2] else size)
        if start >= size:
            self.send_error(416)
            return
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.send_header("Content-Length", str(stop - start))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        with path.open("rb") as file:
            file.seek(start)
            self.wfile.write(file.read(stop - start))

    def log_message(self, *_: object) -> None:
        pass


class _NoRanges(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def http(folder: Path, ranges: bool = True, busy: Container[int] = ()) -> Iterator[str]:
    """An HTTP server of a folder; gives its address. One that is to be busy must have refused a request at the end."""
    handler: Any = type("Handler", (_Ranges if ranges else _NoRanges,), {"busy": busy})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert not (ranges and busy) or handler.refused, f"{handler.answered} requests, of which none was refused"
