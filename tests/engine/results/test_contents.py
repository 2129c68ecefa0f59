"""Names of a report's files."""

import pytest

from lineshape.engine.results.contents import file_name


@pytest.mark.parametrize("name", ["line_shape", "half_68_by_pt", "loss_trees@2", "η_by_φ"])
def test_a_name_that_can_be_a_file_stays(name: str) -> None:
    assert file_name(name) == name


def test_any_other_becomes_one_and_stays_apart() -> None:
    names = ["by_jet/pt", "by_jet pt", "by_jet|pt", "../out", ".hidden", "a?b#c%d", "x" * 300, "x" * 301, "by_jet_pt"]
    found = [file_name(name) for name in names]
    assert len(set(found)) == len(names)
    assert not any(set("/?#%| ") & set(name) or name[0] == "." or len(name) > 120 for name in found)
