"""Configure a JupyterHub at a facility whose users run lineshape in their notebooks.

As it stands it serves one machine: everything listens on loopback, each user's notebooks run as that user's processes,
and JupyterLab's Dask panel starts clusters on the same machine. Settings that depend on the facility are marked "of
yours".

    pip install 'lineshape[facility]' && npm install -g configurable-http-proxy
    jupyterhub -f jupyterhub_config.py

tests/deploy/test_jupyterhub.py starts this file as it is, with an authenticator and a spawner of the test.
"""

import json
import os
import shutil
import sys
from pathlib import Path

c = get_config()  # type: ignore[name-defined]  # noqa: F821 - JupyterHub puts it there

# The proxy is what users reach. Of yours: its public address, with a certificate (c.JupyterHub.ssl_cert, ssl_key), or a
# web server before it that has one.
c.JupyterHub.bind_url = os.environ.get("LINESHAPE_HUB_URL", "http://127.0.0.1:8000")
c.JupyterHub.hub_ip = "127.0.0.1"
c.ConfigurableHTTPProxy.api_url = os.environ.get("LINESHAPE_HUB_PROXY_API", "http://127.0.0.1:8001")
# Found beside this Python where npm put it into the same environment.
c.ConfigurableHTTPProxy.command = [
    shutil.which("configurable-http-proxy") or str(Path(sys.prefix) / "node_modules/.bin/configurable-http-proxy")
]

# Of yours: who may log in, such as oauthenticator's classes. PAM asks for the password of the account on this machine.
c.JupyterHub.authenticator_class = "pam"
c.Authenticator.allow_all = True

# Of yours: where notebooks run, such as batchspawner's SlurmSpawner or kubespawner's KubeSpawner.
c.JupyterHub.spawner_class = "localprocess"
c.Spawner.ip = "127.0.0.1"
c.Spawner.default_url = "/lab"
# A link into somebody's notebooks starts their server.
c.JupyterHub.implicit_spawn_seconds = 0.1
c.Spawner.http_timeout = c.Spawner.start_timeout = 120

# What notebooks find in their environment. Dask's settings go there as DASK_SECTION__KEY.
c.Spawner.env_keep = ["PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "LC_ALL", "LD_LIBRARY_PATH"]
c.Spawner.environment = {
    # JupyterLab's Dask panel: its button starts this cluster, and "inject" writes a cell with its client. Of yours:
    # another class, such as dask_gateway:GatewayCluster.
    "DASK_LABEXTENSION__FACTORY__MODULE": "dask.distributed",
    "DASK_LABEXTENSION__FACTORY__CLASS": "LocalCluster",
    "DASK_LABEXTENSION__FACTORY__KWARGS": json.dumps(
        {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "threads_per_worker": 1}
    ),
    # Dashboards are reached through the user's own server, which asks who it is.
    "DASK_DISTRIBUTED__DASHBOARD__LINK": "{JUPYTERHUB_SERVICE_PREFIX}proxy/{port}/status",
    # Of yours: what `cluster: {kind: environment}` is to find, one of
    # "DASK_GATEWAY__ADDRESS": "https://gateway.example", "DASK_GATEWAY__AUTH__TYPE": "jupyterhub",
    # "DASK_SCHEDULER_ADDRESS": "tls://scheduler.example:8786",
}
