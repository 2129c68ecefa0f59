"""Every file of a run folder, cut short or filled with something else, against every command."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from distributed import Client
from hypothesis import given
from hypothesis import strategies as st

from lineshape.engine.core.errors import LineshapeError
from lineshape.engine.job.job import Job
from lineshape.jobs import api
from tests.conftest import SOAK, examples
from tests.jobs.commands import here
from tests.jobs.toys import events, figures_alone, toy_job, write_events

pytestmark = [pytest.mark.processes, pytest.mark.soak]

#: What a file is made to hold.
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[: len(content) // 2],
    "garbage": lambda _: bytes(range(256)),
    "empty": lambda _: b"",
    "list": lambda _: b"[]",
    "null": lambda _: b"null",
    "object": lambda _: b"{}",
    "text": lambda _: b'"text"',
    "changed": lambda content: content.replace(b"1", b"2").replace(b"true", b"null"),
}
#: One of each sort of file that a run has; what no command reads, for other programs, is not among them.
FILES = (
    "job.json",
    "ledger.jsonl",
    "summary.json",
    "features/manifest.json",
    "features/control.json",
    "features/catalogue.json",
    "features/partial_sums/*.json",
    "features/s/*.parquet",
    "models/models.json",
    "models/d0/bundle.json",
    "models/brt/bundle.json",
    "models/brt/trees.ubj",
    "models/brt/history.jsonl",
    "models/brt/calibration/tagging.json",
    "histograms/measured.json",
    "histograms/s.npz",
    "histograms/parts/*.npz",
    "report/plots.json",
    "report/made_from.json",
    "report/index.html",
    "report/plots/control.png",
)
#: Files that may be made anew, or whose loss is said: a command that read them may end well, with the same result.
READING = {
    "status": ("status", "{}"),
    "status --json": ("status", "{}", "--json"),
    "export": ("export", "{}", "brt", "--to", "xgboost-json", "-o", "{}/export.json"),
}
STAGES = {"process": api.process, "train": api.train, "histogram": api.histogram, "report": api.report}


@dataclass(frozen=True)
class Whole:
    """A finished run to be damaged, in copies; what its commands print, and its figures."""

    job: Job
    folder: Path
    printed: dict[str, str]
    rows: list[dict[str, Any]]


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Whole:
    folder = tmp_path_factory.mktemp("damaged")
    job = toy_job(str(write_events(folder / "a.root", events(3000))), measures=figures_alone())
    rows = api.run(job, folder / "run", client).rows
    printed = {name: here(*_words(words, folder / "run"))[1] for name, words in READING.items()}
    (folder / "run" / "export.json").unlink()
    return Whole(job, folder, printed, rows)


def _words(words: tuple[str, ...], run: Path) -> list[str]:
    return [word.format(run) for word in words]


def _copy(whole: Whole) -> Path:
    """The run, where it was: its path is a part of nothing but of what is printed."""
    run = whole.folder / "run"
    kept = whole.folder / "kept"
    if not kept.is_dir():
        shutil.copytree(run, kept)
    shutil.rmtree(run)
    shutil.copytree(kept, run)
    return run


def _check_reading(whole: Whole, run: Path, name: str, file: str) -> None:
    status, out, err = here(*_words(READING[name], run))
    assert status in {0, 1, 2}
    if status:
        assert Path(file).name in err.replace("\n", ""), err
        assert "Traceback" not in err
    elif out != whole.printed[name]:  # then it is said
        assert Path(file).name in err.replace("\n", ""), (out, err)


def _check_stage(whole: Whole, run: Path, name: str, file: str, client: Client) -> None:
    said, status = "", 0
    try:
        STAGES[name](whole.job, run, client)
    except LineshapeError as error:
        said, status = str(error), error.status
    if status:
        assert Path(file).name in said, said
        assert status == 1, said
    elif name == "report":
        assert api.open_result(run).rows == whole.rows


@pytest.mark.parametrize("file", FILES)
def test_a_damaged_file_is_named_or_made_anew(file: str, whole: Whole, client: Client) -> None:
    """No traceback, no good end with another result. Against each stage one damage is tried, all under make soak."""
    ways = list(DAMAGES)
    for number, stage in enumerate(["reading", *STAGES]):
        rotated = ways[(FILES.index(file) + number) % len(ways)]
        for damage in ways if stage == "reading" or os.environ.get(SOAK) else [rotated]:
            run = _copy(whole)
            path = next(iter(sorted(run.glob(file))))
            path.write_bytes(DAMAGES[damage](path.read_bytes()))
            if stage == "reading":
                for name in READING:
                    _check_reading(whole, run, name, str(path))
            else:
                _check_stage(whole, run, stage, str(path), client)


def _changes(content: bytes, draw: Callable[[Any], Any]) -> bytes:
    """Bytes that are cut short, overwritten, or JSON of which a value is another or is gone."""
    how = draw(st.sampled_from(["cut", "overwrite", "json"]))
    place = draw(st.integers(0, max(0, len(content) - 1)))
    if how == "cut":
        return content[:place]
    if how == "overwrite":
        return content[:place] + draw(st.binary(min_size=1, max_size=8)) + content[place + 4 :]
    try:
        values = json.loads(content)
    except ValueError:
        return content[:place]
    places = list(_places(values))
    if places:
        holder, key = draw(st.sampled_from(places))
        other = draw(st.sampled_from([None, True, -1, 1e300, "x", [], {}, ["x"], {"x": 1}, ...]))
        if other is ... and isinstance(holder, dict):
            del holder[key]
        elif other is not ...:
            holder[key] = other
    return json.dumps(values).encode()


def _places(values: Any) -> Iterator[tuple[Any, Any]]:
    """Each value of a JSON document: where it lies and its key there; of a long list the first few."""
    items = values.items() if isinstance(values, dict) else enumerate(values[:5]) if isinstance(values, list) else ()
    for key, value in items:
        yield values, key
        yield from _places(value)


@given(st.data())
@examples()
def test_any_change_of_a_file_is_named_or_made_anew(whole: Whole, client: Client, data: st.DataObject) -> None:
    run = _copy(whole)
    path = next(iter(sorted(run.glob(data.draw(st.sampled_from(FILES))))))
    path.write_bytes(_changes(path.read_bytes(), data.draw))
    name = data.draw(st.sampled_from([*READING, *STAGES]))
    if name in READING:
        _check_reading(whole, run, name, str(path))
    else:
        _check_stage(whole, run, name, str(path), client)
