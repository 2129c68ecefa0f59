"""Histograms merge and come back from disk as they were."""

from pathlib import Path
from zipfile import BadZipFile

import hist
import numpy as np
import psutil
import pytest
import uproot

from lineshape.engine.core.errors import RunError
from lineshape.engine.core.histograms import Serialiser, add_part, from_uhi, merge, save_part, save_root, to_uhi


def make(values: np.ndarray, weights: np.ndarray) -> hist.Hist:
    axes = (hist.axis.Regular(7, 0, 1, name="x"), hist.axis.Variable([0, 0.1, 1], name="y"))
    return hist.Hist(*axes, storage=hist.storage.Int64()).fill(values, weights)


def test_parts_add_up_to_the_whole(tmp_path: Path, rng: np.random.Generator) -> None:
    values, others = rng.normal(0.5, 0.5, 1000), rng.normal(0.5, 0.5, 1000)
    for number, rows in enumerate(np.array_split(np.arange(1000), 3)):
        save_part(tmp_path / f"{number}.npz", {"h": make(values[rows], others[rows])})
    total = {"h": make(np.array([]), np.array([]))}
    for number in range(3):
        add_part(tmp_path / f"{number}.npz", total)
    assert total["h"] == make(values, others)


def test_a_part_that_was_cut_short_is_no_longer_open(tmp_path: Path) -> None:
    path = tmp_path / "0.npz"
    save_part(path, {"h": make(np.array([0.5]), np.array([0.5]))})
    path.write_bytes(path.read_bytes()[:-20])
    total = {"h": make(np.array([]), np.array([]))}
    with pytest.raises(BadZipFile) as caught:
        add_part(path, total)
    assert caught.value  # its frames would hold what is open
    assert str(path) not in {file.path for file in psutil.Process().open_files()}


def test_merge_leaves_its_parts_alone() -> None:
    first, second = make(np.array([0.5]), np.array([0.5])), make(np.array([0.5]), np.array([0.5]))
    assert merge([{"h": first}, {"h": second}])["h"].sum() == 2
    assert first.sum() == 1


def test_axes_that_depend_on_the_data_are_named() -> None:
    other = hist.Hist(hist.axis.Regular(3, 0, 2, name="x"), storage=hist.storage.Int64())
    first = hist.Hist(hist.axis.Regular(3, 0, 1, name="x"), storage=hist.storage.Int64())
    with pytest.raises(RunError, match="histogram 'pt' has other axes in one part of the data than in another"):
        merge([{"pt": first}, {"pt": other}])


def test_uhi_and_root_files(tmp_path: Path, rng: np.random.Generator) -> None:
    histogram = make(rng.normal(0.5, 0.5, 100), rng.normal(0.5, 0.5, 100))
    assert from_uhi(to_uhi(histogram)) == histogram
    save_root(tmp_path / "h.root", {"folder/h": histogram})
    with uproot.open(tmp_path / "h.root") as file:
        assert (file["folder/h"].values(flow=True) == histogram.values(flow=True)).all()


@pytest.mark.parametrize("storage", [hist.storage.Int64(), hist.storage.Double(), hist.storage.Weight()])
def test_axes_are_put_into_words_once_and_mean_the_same(storage: object, rng: np.random.Generator) -> None:
    serialise = Serialiser()
    for bins in (5, 5, 6, 5):
        filled = hist.Hist(hist.axis.Regular(bins, 0, 1, name="x", label="x [GeV]"), storage=storage)  # type: ignore[call-overload]
        filled.fill(rng.random(100))
        filled.label = str(rng.random())
        assert serialise("x", filled) == to_uhi(filled)
        assert from_uhi(serialise("x", filled)) == filled


def test_four_axes_are_slices_in_a_root_file(tmp_path: Path) -> None:
    axes = [hist.axis.Regular(2, 0, 2, name=name) for name in "abc"]
    histogram = hist.Hist(*axes, hist.axis.Integer(0, 2, name="passed", flow=False), storage=hist.storage.Int64())
    histogram.fill([0.5, 1.5], [0.5, 0.5], [1.5, 0.5], [1, 0])
    save_root(tmp_path / "h.root", {"s/h": histogram})
    with uproot.open(tmp_path / "h.root") as file:
        failed, passed = file["s/h_passed0"].values(), file["s/h_passed1"].values()
    assert np.argwhere(passed).tolist() == [[0, 0, 1]]
    assert np.argwhere(failed).tolist() == [[1, 0, 0]]
