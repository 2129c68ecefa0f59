"""Job files that somebody got wrong, at random: each is refused in words, or is a job that says what its file says."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lineshape.engine.core.errors import RequestError
from lineshape.engine.job.job_file import YamlSource
from lineshape.jobs import job_files
from tests.conftest import examples

STUDIES = ("tau_energy_scale", "tau_muons", "hadronic_recoil", "event_variables_mass")
Place = tuple[str | int, ...]
#: What somebody may have written in place of something else.
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["", "../x", "a/b", "no", "1e400", "é", "pt", "brt", "~", "{}"]),
    st.just([]),
    st.just({}),
    st.lists(st.integers(-1, 3), max_size=3),
    st.dictionaries(st.text(max_size=4), st.integers(-1, 3), max_size=2),
)


def values(study: str) -> dict[str, Any]:
    return YamlSource.read(job_files.shipped()[study]).values


def places(node: Any, above: Place = ()) -> Iterator[Place]:
    """Yield the place of every value."""
    below = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in below:
        yield (*above, key)
        yield from places(value, (*above, key))


PLACES = {study: list(places(values(study))) for study in STUDIES}


@st.composite
def changed(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Draw a job with one to three keys dropped, renamed, retyped or moved elsewhere."""
    study = draw(st.sampled_from(STUDIES))
    job = copy.deepcopy(values(study))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(PLACES[study]))
        node: Any = job
        for key in place[:-1]:
            try:
                node = node[key]
            except (KeyError, IndexError, TypeError):
                break
        else:
            _change(draw, node, place[-1])
    return study, job


def _change(draw: st.DrawFn, node: Any, key: str | int) -> None:
    there = (isinstance(node, dict) and key in node) or (
        isinstance(node, list) and isinstance(key, int) and key < len(node)
    )
    if not there:
        return
    how = draw(st.sampled_from(["drop", "retype", "number", "rename", "twice"]))
    if how == "drop":
        del node[key]
    elif how == "retype":
        node[key] = draw(ODD)
    elif how == "number" and isinstance(node[key], int | float) and not isinstance(node[key], bool):
        node[key] = draw(st.sampled_from([0, -1, 1, 1e9, -node[key], node[key] * 1000, float("nan"), float("inf")]))
    elif how == "rename" and isinstance(node, dict):
        node[draw(st.text(max_size=6)) or f"{key}s"] = node.pop(key)
    elif how == "twice" and isinstance(node, list):
        node.append(node[key])


def load(path: Path) -> Any:
    """Return the job, or None where it is refused as it must be; anything else that is raised is a fault."""
    try:
        return job_files.load(path)
    except RequestError as error:
        refusal = error
    assert str(path) in str(refusal)
    assert refusal.status == 2
    return None


@pytest.mark.soak
@examples()
@given(found=changed())
def test_a_changed_job_is_refused_in_words_or_is_what_it_says(
    found: tuple[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    _, written = found
    path = tmp_path_factory.mktemp("random") / "job.yaml"
    path.write_text(yaml.safe_dump(written, allow_unicode=True, sort_keys=False), encoding="utf-8")
    job = load(path)
    if job is None:
        return
    # What was written is there: nothing was dropped, and nothing took the place of something else.
    kept = json.loads(json.dumps(job.model_dump(mode="json")))
    for section in ("models", "measures", "samples", "feature_sets"):
        assert list(kept[section]) == [str(name) for name in written.get(section, {})]
    again = path.with_name("again.yaml")
    again.write_text(json.dumps(job.model_dump(mode="json")), encoding="utf-8")
    assert job_files.load(again) == job


@pytest.mark.soak
@examples()
@given(study=st.sampled_from(STUDIES), data=st.data())
def test_a_line_that_is_there_twice_is_refused(
    study: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any key of a section in block style, with all that is below it, a second time anywhere in the same section."""
    job = values(study)
    sections = [job, *(job[name] for name in ("models", "measures", "samples", "feature_sets"))]
    section = data.draw(st.sampled_from([each for each in sections if each]))
    twice = data.draw(st.sampled_from(list(section)))
    after = data.draw(st.sampled_from(list(section)))
    lines = yaml.safe_dump(job, allow_unicode=True, sort_keys=False).splitlines()
    indent = "" if section is job else "  "
    start = 0 if section is job else next(i for i, line in enumerate(lines) if job.get(line.rstrip(":")) is section) + 1
    heads = {key: yaml.safe_dump({key: 0}).partition(": 0")[0] for key in section}
    ends = [i for i in range(start, len(lines)) if lines[i].startswith(f"{indent}{heads[after]}:")]
    block = yaml.safe_dump({twice: section[twice]}, allow_unicode=True, sort_keys=False).splitlines()
    lines[ends[0] : ends[0]] = [f"{indent}{line}" for line in block]
    path = tmp_path_factory.mktemp("twice") / "job.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(RequestError, match="given twice, first in line"):
        job_files.load(path)


@pytest.mark.soak
@examples()
@given(study=st.sampled_from(STUDIES), data=st.data())
def test_a_damaged_text_is_refused_in_words_or_read(
    study: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Some characters are cut out, put in, or written over."""
    text = job_files.shipped()[study].read_text(encoding="utf-8")
    start = data.draw(st.integers(0, len(text) - 1))
    length = data.draw(st.integers(0, 30))
    put = data.draw(st.text(alphabet="abc019 :-{}[]&*!|>'\"%@`#,?\n\t\\é\0", max_size=10))
    path = tmp_path_factory.mktemp("damaged") / "job.yaml"
    path.write_text(text[:start] + put + text[start + length :], encoding="utf-8")
    load(path)
