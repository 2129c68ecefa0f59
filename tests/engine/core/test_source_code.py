"""What of the code a result depends on."""

import importlib
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import hist
import pytest

from lineshape.engine.core.source_code import READING, _file_of, code_of, code_of_modules, source_of
from lineshape.engine.measures.kinds.response import Response
from lineshape.jobs.simulate.families.ttbar import TTbar
from lineshape.processors.tau_energy_scale_physlite import TauEnergyScalePhyslite
from tests.faults.faulty import Faulty


def test_source_holds_the_modules_beside_it_and_not_the_engine() -> None:
    source = source_of(TauEnergyScalePhyslite)
    assert "class TauEnergyScalePhyslite" in source
    assert "def matched" in source
    assert "class Executor" not in source
    assert "def write_shard" not in source


def test_source_holds_what_is_built_upon_in_another_package() -> None:
    assert "class TauEnergyScale(" in source_of(Faulty)


def test_source_holds_an_installed_package_of_its_own() -> None:
    """Such as a collaboration's: its processors are installed with pip."""
    assert "class HistClient" not in source_of(TauEnergyScalePhyslite)
    assert "class Hist" in source_of(hist.Hist)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("constants", "LIMIT = 2\n"),
        ("helper", "import deep\ndef cut(): return 2\n"),
        ("base", "class Base: value = 2\n"),
        ("deep", "VALUE = 2\n"),
        ("late", "VALUE = 2\n"),
    ],
)
def test_a_change_anywhere_is_seen(name: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A constant that is imported by its name, a helper beside the package, its helper, a base, a late import."""
    (tmp_path / "mine").mkdir()
    files = {
        "mine/__init__.py": "",
        "mine/processor.py": "from mine.constants import LIMIT\nimport helper\nfrom base import Base\nimport numpy\n"
        "class Mine(Base):\n    def late(self):\n        from . import late\n",
        "mine/constants.py": "LIMIT = 1\n",
        "mine/late.py": "VALUE = 1\n",
        "helper.py": "import deep\ndef cut(): return 1\n",
        "base.py": "class Base: value = 1\n",
        "deep.py": "VALUE = 1\n",
    }
    for path, text in files.items():
        (tmp_path / path).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    _file_of.cache_clear()
    importlib.invalidate_caches()
    kind = importlib.import_module("mine.processor").Mine
    try:
        before = source_of(kind)
        assert source_of(kind) == before
        assert "class ndarray" not in before
        changed = next(path for path in files if path.endswith(f"{name}.py"))
        (tmp_path / changed).write_text(content, encoding="utf-8")
        assert source_of(kind) != before
    finally:
        for module in ("mine", "mine.processor", "mine.constants", "helper", "base", "deep"):
            sys.modules.pop(module, None)
        _file_of.cache_clear()


def test_what_is_imported_from_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What may be a module may be a class: its module may take seconds to import, or do something."""
    (tmp_path / "thin.py").write_text("class Mine:\n    def late(self):\n        from heavy.inside import Thing\n")
    (tmp_path / "heavy").mkdir()
    for name in ("__init__", "inside"):
        (tmp_path / "heavy" / f"{name}.py").write_text("raise SystemExit('it was run')\nclass Thing: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    _file_of.cache_clear()
    assert "class Thing" in source_of(importlib.import_module("thin").Mine)


def test_a_module_that_no_path_leads_to_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a loader of one's own, or pytest's, made it."""
    (tmp_path / "apart.py").write_text("class Mine:\n    cut = 7\n")
    spec = spec_from_file_location("apart", tmp_path / "apart.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "apart", module)
    spec.loader.exec_module(module)
    _file_of.cache_clear()
    assert "cut = 7" in source_of(module.Mine)


def test_a_kinds_code_is_that_of_its_room() -> None:
    """Helpers of a measure lie beside the folder of the kinds."""
    assert "class Binning(" in source_of(Response)
    assert "class PartialSum" not in source_of(Response)


def test_packages_of_a_facility_are_none_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may lie on PYTHONPATH, outside the environment of Python, as those of /cvmfs do."""
    packages = tmp_path / "lib" / "python" / "site-packages"
    (packages / "of_the_facility").mkdir(parents=True)
    (packages / "of_the_facility" / "__init__.py").write_text("SECRET = 1\n", encoding="utf-8")
    (tmp_path / "own.py").write_text("import of_the_facility\nclass Own: pass\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(packages))
    monkeypatch.syspath_prepend(str(tmp_path))
    _file_of.cache_clear()
    importlib.invalidate_caches()
    try:
        source = source_of(importlib.import_module("own").Own)
        assert "class Own" in source
        assert "SECRET" not in source
    finally:
        for module in ("own", "of_the_facility"):
            sys.modules.pop(module, None)
        _file_of.cache_clear()


def test_a_sample_depends_on_what_its_family_imports_alone() -> None:
    """Neither on other families nor on the command line, which the package's own interface imports."""
    source = source_of(TTbar)
    assert "class MuonFamily" in source
    assert "class HardProcess" in source
    assert "class GammaTauTau" not in source
    assert "class Result" not in source


def test_templates_are_part_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "with_a_template"
    folder.mkdir()
    (folder / "__init__.py").write_text("", encoding="utf-8")
    (folder / "page.html").write_text("<p>", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    first = code_of("with_a_template")
    (folder / "page.html").write_text("<b>", encoding="utf-8")
    assert code_of("with_a_template") != first


def test_code_of_a_package_changes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("", encoding="utf-8")
    (folder / "module.py").write_text("value = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    first = code_of("a_package")
    assert code_of("a_package") == first
    (folder / "module.py").write_text("value = 2\n", encoding="utf-8")
    assert code_of("a_package") != first


def test_the_digest_of_modules_is_of_their_code() -> None:
    first = code_of_modules(*READING)
    assert first == code_of_modules(*READING)
    assert first != code_of_modules(*READING[:2])
