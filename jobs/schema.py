"""The JSON schema of job files, by which editors complete and check them."""

from typing import Annotated, Any

from pydantic import TypeAdapter

from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.job.job import Job
from lineshape.jobs.simulate.family import FAMILIES


def schema() -> dict[str, Any]:
    """Return the JSON schema of a job file, with all kinds that come with lineshape."""
    found = Job.model_json_schema()
    # The engine knows nothing of how samples are simulated.
    families = TypeAdapter(Annotated[KindSpec, FAMILIES]).json_schema()
    definitions = found["$defs"]
    definitions |= families.pop("$defs", {})
    place = definitions["SampleSpec"]["properties"]
    place["simulate"] = {"description": place["simulate"]["description"], "anyOf": [families, {"type": "null"}]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | found | {"title": "Lineshape job file"}
