"""Tables that sum measures up say what their figures are of."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from lineshape.engine.measures.kinds.vector import Vector
from lineshape.engine.results.row import Row
from lineshape.engine.results.summary import headline_tables, written
from lineshape.jobs import api
from tests.engine.measures.vectors import VECTOR

MEASURE = Vector(truth="truth", title="Recoil", **VECTOR["vector"])
LABELS = {"a": "A", "b": "B"}


def row(model: str, remark: str, **others: Any) -> Row:
    values: dict[str, Any] = {"value": 10.0, "uncertainty": 1.0, "unit": "GeV"} | others
    return Row("w", model, "recoil", "mean_width", "", None, None, entries=1000, remark=remark, **values)


def test_bins_that_all_lack_stand_in_the_title() -> None:
    rows = [row(model, "over 4 of 10 bins, 0–40 GeV") for model in LABELS]
    (table,) = headline_tables(rows, "w", {"recoil": MEASURE}, LABELS, "A")
    assert table.title == "Recoil; over 4 of 10 bins, 0–40 GeV"
    assert [line.label for line in table.lines] == ["A", "B"]


def test_bins_that_one_model_lacks_stand_beside_it() -> None:
    (table,) = headline_tables([row("a", ""), row("b", "over 4 of 5 bins")], "w", {"recoil": MEASURE}, LABELS, "A")
    assert table.title == "Recoil"
    assert [line.label for line in table.lines] == ["A", "B; over 4 of 5 bins"]


def test_a_sample_without_figures_is_named_with_the_reason() -> None:
    samples = {"w": {"label": "W→μν", "files": ["w.root"]}, "z": {"label": "Z→μμ", "files": ["z.root"]}}
    job = api.load("hadronic_recoil", None, {"samples": samples})
    rows = [row("dense", "")]
    (of_w, lines), (of_z, reason) = api.Result(job, Path(), rows).tables()
    assert of_w == "W→μν: recoil"
    assert lines == [["model", "width [GeV]"], ["dense", "10.0 ± 1.0"]]
    assert (of_z, reason) == ("Z→μμ: recoil", [["no figures: no bin of ptTrue has 400 objects"]])


def test_units_stand_in_heads_where_all_figures_have_the_same() -> None:
    rows = [replace(row(model, ""), figure="mean_width", unit=unit) for model, unit in (("a", "GeV"), ("b", "MeV"))]
    (table,) = headline_tables(rows[:1], "w", {"recoil": MEASURE}, LABELS, "A")
    assert [heading.text for heading in table.headings] == ["width [GeV]"]
    assert [table.texts(line) for line in table.lines] == [["10.0 ± 1.0"]]
    (table,) = headline_tables(rows, "w", {"recoil": MEASURE}, LABELS, "A")
    assert [heading.text for heading in table.headings] == ["width"]
    assert [table.texts(line) for line in table.lines] == [["10.0 ± 1.0 GeV"], ["10.0 ± 1.0 MeV"]]


def test_the_baseline_has_its_name_in_heads() -> None:
    ratio = replace(row("b", "", unit=""), figure="mean_corrected_over_baseline")
    (table,) = headline_tables([ratio], "w", {"recoil": MEASURE}, LABELS, "BRT")
    assert [heading.text for heading in table.headings] == ["corrected / BRT"]


def test_any_measure_may_say_that_a_fraction_is_shown_in_per_cent() -> None:
    fraction = row("a", "", value=0.1234, uncertainty=0.0021, unit="")
    assert written(fraction) == "0.1234 ± 0.0021"
    assert written(replace(fraction, value=-0.1234)) == "−0.1234 ± 0.0021"
    assert written(replace(fraction, shown="%")) == "12.34 ± 0.21 %"
    assert written(replace(fraction, figure="half_68")) == "0.1234 ± 0.0021", "the name of a figure says nothing"
