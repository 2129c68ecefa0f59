"""Translate the option --cluster, one word or a file, into the section `cluster:` of a job file."""

from pathlib import Path
from typing import Any

from lineshape.engine.clusters.cluster import CLUSTERS
from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.validation import SettingsError, validated
from lineshape.engine.job.job_file import YamlSource, explain


def section(said: str) -> dict[str, Any]:
    """Return the section `cluster:` that the option means; raises RequestError where a file holds something else."""
    if said.endswith((".yaml", ".yml")):
        return _of_file(Path(said))
    if "://" in said:
        return {"kind": "scheduler", "address": said}
    if said.endswith(".json"):
        return {"kind": "scheduler", "file": said}
    return {"kind": "facility", "cluster": said} if ":" in said else {"kind": said}


def _of_file(path: Path) -> dict[str, Any]:
    """Read the section from a file and check it here, where its line numbers are known; the job file has others."""
    if not path.is_file():
        raise RequestError(f"--cluster {path}: no such file (working folder: {Path.cwd()})")
    source = YamlSource.read(path)
    found = source.values.get("cluster")
    if not (isinstance(found, dict) and len(source.values) == 1 and isinstance(found.get("kind"), str)):
        raise RequestError(f"--cluster {path}: expected one section, 'cluster:', with a 'kind', as a job file has it")
    try:
        CLUSTERS.build(validated(KindSpec, found, ("cluster",)), ("cluster",))
    except SettingsError as error:
        raise explain(source, error) from error
    return found
