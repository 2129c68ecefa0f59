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
    _allow_classes(found)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | found | {"title": "Lineshape job file"}


def _allow_classes(schema: dict[str, Any]) -> None:
    """Allow what `with_named_classes` moves: classes of the target and measures, and measures without a truth."""
    parts = schema["properties"]["classes"]["additionalProperties"]
    target = schema["$defs"]["Target"]
    text = "Classes by sample or condition, as in the section `classes`; the target is then the class."
    target["properties"]["classes"] = parts | {"description": text}
    target["oneOf"] = [{"required": [key]} for key in ("truth", "classes")]
    del target["required"]
    for measure in schema["properties"]["measures"]["additionalProperties"]["anyOf"]:
        properties = measure.get("properties", {})
        if "classes" in properties:
            names = properties["classes"]
            text = f"{names.get('description', '')} Or classes by sample or condition; by default the target's."
            properties["classes"] = {"description": text.strip(), "anyOf": [names, parts]}
            measure["required"] = [key for key in measure["required"] if key not in {"truth", "classes"}]
