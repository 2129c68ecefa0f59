"""Where runs go: a folder is taken for what it is, whatever became of the run in it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from distributed import Client

from lineshape.engine.core.errors import RequestError, RunError
from lineshape.engine.core.files import write_json
from lineshape.engine.core.run_folder import ReprocessingFolder
from lineshape.engine.job.derived import Derived
from lineshape.engine.job.job import Job
from lineshape.engine.reprocessing.output_folders import folder_of, output_of
from lineshape.jobs import api
from tests.conftest import small_job


def test_a_first_run_that_failed_can_be_repeated(ntuples: list[Path], tmp_path: Path, client: Client) -> None:
    """It has left a ledger and no job.json."""
    (tmp_path / "raises_always").touch()
    changes = {"processor": {"kind": "tests.faults.faulty:Faulty", "folder": str(tmp_path)}}
    job, folder = small_job(ntuples, **changes), tmp_path / "run"
    for _ in range(2):
        with pytest.raises(RunError):
            api.run(job, folder, client)
    assert (folder / "ledger.jsonl").is_file()
    assert not (folder / "job.json").is_file()
    with pytest.raises(RequestError, match="nothing was reprocessed in"):
        ReprocessingFolder.find(folder)
    with pytest.raises(RequestError, match="is the folder of an ordinary run: name another folder with -o"):
        api.reprocess(job, folder, client)


def test_a_first_night_that_was_killed_is_known(tmp_path: Path, client: Client) -> None:
    """It has left no ledger of its own."""
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "ledger.jsonl").touch()
    with pytest.raises(RequestError, match="belongs to scheduled reprocessing"):
        output_of(small_job(["x.root"]), tmp_path)
    assert folder_of(small_job(["x.root"]), tmp_path).path == tmp_path


def derived_from(bundle: Path) -> Job:
    """Return a job with a column that a bundle gives, which need not be there."""
    column = Derived(bundle=bundle, low=0, high=1)
    return small_job(["x.root"]).model_copy(update={"derived": {"score": column}})


def test_a_run_that_would_make_its_own_input_anew_is_refused(tmp_path: Path) -> None:
    """Directly, or by way of another run, whose bundle learnt from a column that this one gave."""
    mine, other = tmp_path / "mine", tmp_path / "other"
    direct, around = (derived_from(run / "models" / "brt") for run in (mine, other))
    write_json(other / "job.json", direct.model_dump(mode="json"))
    with pytest.raises(RequestError, match=r"derived.score: the column comes from .*mine/models/brt, which this run"):
        output_of(direct, mine)
    with pytest.raises(
        RequestError, match=r"from .*mine/models/brt, by way of .*other/models/brt → .*mine/models/brt, "
    ):
        output_of(around, mine)
    assert output_of(direct, tmp_path / "third") == tmp_path / "third"
    assert output_of(around, tmp_path / "third") == tmp_path / "third"
    for run in ("latest", "versions/.challenger"):
        with pytest.raises(RequestError, match="which this run makes anew"):
            folder_of(derived_from(tmp_path / "nights" / run / "models" / "brt"), tmp_path / "nights")


def test_a_version_is_not_changed(tmp_path: Path, client: Client) -> None:
    """Not even by root, for whom nothing is read-only."""
    version = tmp_path / "versions" / "0001"
    write_json(version / "job.json", small_job(["x.root"]).model_dump(mode="json"))
    write_json(version / "content.json", {})
    for do in (api.run, api.process, api.train, api.histogram, api.report):
        with pytest.raises(RequestError, match=r"0001 is a version of scheduled reprocessing, which is not changed"):
            do(version, client=client)
    assert output_of(small_job(["x.root"]), tmp_path / "mine", version) == tmp_path / "mine"


@pytest.mark.parametrize("name", ["file", "file/run"])
def test_a_file_in_the_way_is_named(name: str, tmp_path: Path, client: Client) -> None:
    (tmp_path / "file").touch()
    job = small_job(["x.root"])
    for do in (api.run, api.reprocess):
        with pytest.raises(RequestError, match=r"expected a folder in .*/file, found a file; name another"):
            do(job, tmp_path / name, client)


@pytest.mark.parametrize("do", [api.run, api.process, api.reprocess])
def test_a_client_that_is_none_is_named(do: Callable[..., object], ntuples: list[Path], tmp_path: Path) -> None:
    with pytest.raises(
        RequestError, match=r"client: expected a Dask client, as Client\('tcp://a:1'\) gives, found str"
    ):
        do(small_job(ntuples), tmp_path / "run", "tcp://a:1")
    with pytest.raises(RequestError, match=r"client: expected a Dask client.* found int"):
        do(small_job(ntuples), tmp_path / "run", 7)
