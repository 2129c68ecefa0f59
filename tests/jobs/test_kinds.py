"""Kinds and their settings document themselves, on the command line and in the schema of job files."""

import json
from typing import Any, get_args

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from lineshape.engine.core.descriptions import descriptions
from lineshape.engine.job.job import Job
from lineshape.jobs import job_files, kinds
from lineshape.jobs.schema import schema
from tests.jobs.commands import here

ALL = kinds.all_kinds()
STUDIES = job_files.shipped()


def settings_in(model: type[BaseModel]) -> set[type[BaseModel]]:
    """Settings, and those that stand in them."""
    found, pending = set(), [model]
    while pending:
        if (each := pending.pop()) not in found:
            found.add(each)
            for field in each.model_fields.values():
                parts = [field.annotation]
                while parts:
                    part = parts.pop()
                    parts += get_args(part)
                    if isinstance(part, type) and issubclass(part, BaseModel) and part.__module__ != "tests":
                        pending.append(part)
    return found


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: f"{kind.role} {kind.name}")
def test_every_setting_of_a_kind_is_described(kind: kinds.Kind) -> None:
    assert kind.about
    without = {row.name for row in kind.rows() if not row.about}
    assert not without
    assert all(row.type and "$" not in row.type for row in kind.rows())


@pytest.mark.parametrize("model", sorted(settings_in(Job), key=str), ids=lambda model: model.__name__)
def test_every_setting_of_a_job_file_is_described(model: type[BaseModel]) -> None:
    if model.__name__ != "KindSpec":
        assert model.model_fields.keys() == descriptions(model).keys()


def test_an_example_is_what_a_study_has() -> None:
    (trees,) = (kind for kind in ALL if (kind.role, kind.name) == ("model", "boosted_trees"))
    comment, _, text = trees.example().partition("\n")
    (model,) = yaml.safe_load(text)["models"].values()
    study = yaml.safe_load(STUDIES[comment.removeprefix("# in ")].read_text(encoding="utf-8"))
    assert model in study["models"].values()


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    found = schema()
    Draft202012Validator.check_schema(found)
    return Draft202012Validator(found)


@pytest.mark.parametrize("study", STUDIES)
def test_the_schema_takes_every_study(study: str, validator: Draft202012Validator) -> None:
    values = json.loads(json.dumps(yaml.safe_load(STUDIES[study].read_text(encoding="utf-8"))))
    assert [error.message for error in validator.iter_errors(values)] == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (["chunk_entires"], 5),
        (["models", "brt", "depht"], 5),
        (["models", "brt", "depth"], 0),
        (["models", "mdn", "network", "componnets"], 3),
        (["models", "mdn", "loss"], {"kind": "no_such_loss"}),
        (["samples", "gammatautau", "simulate", "tauss"], 3),
        (["measures", "response", "by", "pt"], {"hihg": 3}),
        (["cluster"], {"kind": "slurm", "queu": "x"}),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, list) else "",
)
def test_the_schema_refuses_what_is_wrong(place: list[str], value: Any, validator: Draft202012Validator) -> None:
    values = yaml.safe_load(STUDIES["tau_energy_scale"].read_text(encoding="utf-8"))
    inside = values
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    assert any(validator.iter_errors(values))


def test_the_commands() -> None:
    assert "  boosted_trees  " in here("kinds")[1]
    told = here("kinds", "flat")[1]
    assert "flat (sampler, at models.*.sampler)" in told
    assert "flat (weight, at models.*.weight)" in told
    assert "shares  by name: number ≥ 0 = {}" in told
    status, _, told = here("kinds", "bosted_trees")
    assert status == 2
    assert "no kind 'bosted_trees'; nearest: boosted_trees" in told
    assert json.loads(here("schema")[1])["title"] == "Lineshape job file"
