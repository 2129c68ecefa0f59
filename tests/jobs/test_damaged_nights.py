"""Files of a reprocessing folder, damaged, against every command of scheduled reprocessing."""

import shutil
from pathlib import Path

import pytest
from distributed import Client

from lineshape import jobs
from lineshape.engine.core.errors import LineshapeError
from lineshape.engine.core.run_folder import ReprocessingFolder
from tests.jobs.commands import here
from tests.jobs.nights import small_study, write_taus

pytestmark = pytest.mark.processes

FILES = (
    "champion.json",
    "ledger.jsonl",
    "features/manifest.json",
    "features/catalogue.json",
    "latest/state.json",
    "latest/job.json",
    "latest/models/models.json",
    "latest/models/challenger/bundle.json",
    "latest/models/challenger/trees.ubj",
    "latest/histograms/measured.json",
    "versions/0001/content.json",
    "versions/0001/job.json",
    "versions/0001/features/manifest.json",
    "versions/0001/features/control.json",
    "versions/0001/models/brt/bundle.json",
)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Path:
    """A job, its first version, and a second night that measured it."""
    root = tmp_path_factory.mktemp("night")
    (root / "data").mkdir()
    write_taus(root / "data" / "0.root", 0)
    job = small_study(root / "job.yaml", f"{root}/data/*.root")
    jobs.reprocess(job, root / "kept", client)
    jobs.reprocess(job, root / "kept", client)
    return root


@pytest.mark.parametrize("file", FILES)
def test_a_damaged_file_is_named_or_made_anew(file: str, night: Path, client: Client) -> None:
    study, job = night / "study", str(night / "job.yaml")
    if study.exists():
        for path in (study, *study.rglob("*/")):
            path.chmod(0o755)
        shutil.rmtree(study)
    shutil.copytree(night / "kept", study)
    for path in (study, *study.rglob("*")):
        path.chmod(0o755)
    (study / file).write_bytes((b"{", b"[]")[FILES.index(file) % 2])
    for words in (("ledger", str(study)), ("status", str(study)), ("reprocess", job, "-o", str(study), "--dry-run")):
        status, _, err = here(*words)
        assert "Traceback" not in err
        if status:
            assert Path(file).name in err.replace("\n", "") or file.startswith("versions/0001"), (words, err)
    said, status = "", 0
    try:
        jobs.reprocess(job, study, client)
    except LineshapeError as error:
        said, status = str(error), error.status
    assert status in {0, 1}
    assert not status or Path(file).name in said
    assert status or ReprocessingFolder(study).pointed() == "0001"
