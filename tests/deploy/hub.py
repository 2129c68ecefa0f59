"""The JupyterHub of deploy/, with an authenticator and a spawner of the test, and its REST API and WebSockets."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.servers import free_port, wait_for

ROOT = Path(__file__).parents[2]
NODE_MODULES = Path(sys.prefix) / "node_modules"
USER = "physicist"

OVERRIDES = """
load_subconfig({shipped!r})
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = {password!r}
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r} + "/{{username}}"
c.JupyterHub.hub_port = {hub_port}
c.JupyterHub.db_url = "sqlite:///hub.sqlite"
c.Spawner.args = ["--allow-root"]
"""


@dataclass(frozen=True)
class Hub:
    """A hub that answers, and the user's folder."""

    url: str
    password: str
    home: Path

    def ask(self, method: str, path: str, token: str = "", body: object = None) -> Any:
        """What the REST API says; raises where it refuses."""
        import requests

        headers = {"Authorization": f"token {token}"} if token else {}
        answer = requests.request(method, f"{self.url}{path}", headers=headers, json=body, timeout=120)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.text else None

    def login(self) -> str:
        """A token for the user's password, by the forms that a browser would send."""
        import requests

        session = requests.Session()
        session.get(f"{self.url}/hub/login", timeout=60)
        form = {"username": USER, "password": self.password, "_xsrf": session.cookies.get("_xsrf", path="/hub/")}
        assert session.post(f"{self.url}/hub/login", data=form, timeout=60, allow_redirects=False).status_code == 302
        marks = {"X-XSRFToken": str(session.cookies.get("_xsrf", path="/hub/")), "Referer": f"{self.url}/hub/token"}
        answer = session.post(f"{self.url}/hub/api/users/{USER}/tokens", headers=marks, json={}, timeout=60)
        assert answer.ok, answer.text
        return str(answer.json()["token"])

    def start(self, token: str) -> None:
        """The user's server, up."""
        self.ask("POST", f"/hub/api/users/{USER}/server", token, {})
        deadline = time.monotonic() + 120
        while not self.ask("GET", f"/hub/api/users/{USER}", token)["servers"].get("", {}).get("ready"):
            assert time.monotonic() < deadline, "the user's server does not come up"
            time.sleep(0.5)

    def stop(self, token: str) -> None:
        """The user's server, gone."""
        self.ask("DELETE", f"/hub/api/users/{USER}/server", token)
        deadline = time.monotonic() + 60
        while self.ask("GET", f"/hub/api/users/{USER}", token)["servers"]:
            assert time.monotonic() < deadline, "the user's server does not end"
            time.sleep(0.5)

    def execute(self, kernel: str, token: str, code: str) -> tuple[str, str]:
        """Run a cell by the kernel's WebSocket; what it printed, and the name of its error."""
        import websocket

        address = f"{self.url.replace('http', 'ws', 1)}/user/{USER}/api/kernels/{kernel}/channels"
        socket = websocket.create_connection(address, header=[f"Authorization: token {token}"], timeout=300)
        number = uuid4().hex
        header = {
            "msg_id": number,
            "msg_type": "execute_request",
            "username": USER,
            "session": number,
            "version": "5.3",
        }
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        socket.send(
            json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"})
        )
        printed, error = "", ""
        try:
            while True:
                said = json.loads(socket.recv())
                if said["parent_header"].get("msg_id") != number:
                    continue
                if said["msg_type"] == "stream":
                    printed += said["content"]["text"]
                elif said["msg_type"] == "error":
                    error = f"{said['content']['ename']}: {said['content']['evalue']}"
                elif said["msg_type"] == "status" and said["content"]["execution_state"] == "idle":
                    return printed, error
        finally:
            socket.close()


@contextmanager
def hub(folder: Path) -> Iterator[Hub]:
    """Start the hub; skips where a part of it is not installed."""
    for package in ("jupyterhub", "jupyterlab", "dask_labextension", "jupyter_server_proxy"):
        pytest.importorskip(package, reason=f"no {package} here: pip install 'lineshape[facility]'")
    if not (shutil.which("configurable-http-proxy") or (NODE_MODULES / ".bin/configurable-http-proxy").is_file()):
        pytest.skip(f"no configurable-http-proxy here: npm install --prefix {sys.prefix} configurable-http-proxy")
    ports = {name: free_port() for name in ("public", "proxy", "hub")}
    password, home = secrets.token_urlsafe(16), folder / "homes" / USER
    home.mkdir(parents=True)
    configuration, log = folder / "configuration.py", folder / "log"
    shipped = str(ROOT / "deploy/jupyterhub/jupyterhub_config.py")
    own = {"password": password, "homes": str(folder / "homes"), "hub_port": ports["hub"], "shipped": shipped}
    configuration.write_text(OVERRIDES.format(**own), encoding="utf-8")
    environment = os.environ | {
        "LINESHAPE_HUB_URL": f"http://127.0.0.1:{ports['public']}",
        "LINESHAPE_HUB_PROXY_API": f"http://127.0.0.1:{ports['proxy']}",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    with log.open("w") as file:
        command = [sys.executable, "-m", "jupyterhub", "-f", str(configuration)]
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=file, stderr=file)
    try:
        for port in ports.values():
            wait_for(port, log)
        yield Hub(f"http://127.0.0.1:{ports['public']}", password, home)
    finally:
        process.terminate()
        process.wait(timeout=60)
