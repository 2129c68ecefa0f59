"""Columns of events as columns, and lists, of objects."""

import awkward as ak
import pytest

from lineshape.engine.core.errors import DataError
from lineshape.engine.input.events import numbers, per_object, per_object_lists

EVENTS = ak.Array(
    [
        {"event": 7, "pt": [10.0, 20.0], "tracks": [1, 2], "trackPt": [4.0, 5.0, 6.0]},
        {"event": 8, "pt": [], "tracks": [], "trackPt": []},
        {"event": 9, "pt": [30.0, 40.0], "tracks": [0, 1], "trackPt": [7.0]},
    ]
)


def test_a_value_by_event_is_repeated_for_its_objects() -> None:
    found = per_object(EVENTS[["event", "pt"]], like="pt")
    assert found["event"].tolist() == [7, 7, 9, 9]
    assert found["pt"].tolist() == [10, 20, 30, 40]


def test_lists_of_objects() -> None:
    found = per_object_lists(EVENTS, ["trackPt"], "tracks")
    assert found["trackPt"].to_awkward().tolist() == [[4], [5, 6], [], [7]]


def test_lists_that_do_not_add_up_are_named() -> None:
    fewer = ak.with_field(EVENTS, [[4.0, 5.0], [], [7.0, 8.0]], "trackPt")  # the same number in all
    with pytest.raises(DataError, match="trackPt has not as many values an event as column tracks adds up to"):
        per_object_lists(fewer, ["trackPt"], "tracks")


def test_one_count_an_event_says_nothing_of_objects() -> None:
    with pytest.raises(DataError, match="event has one value an event"):
        per_object_lists(EVENTS, ["trackPt"], "event")


def test_numbers_of_lists_of_lists_and_of_links() -> None:
    events = ak.Array(
        [
            {"pt": [1.0, 2.0], "covariance": [[3.0, 4.0], []], "links": [[{"key": 5, "index": 6}], []]},
            {"pt": [], "covariance": [], "links": [[{"key": 7, "index": 8}]]},
        ]
    )
    assert numbers(events, "pt").tolist() == [1, 2]
    assert numbers(events, "covariance").tolist() == [3, 4]
    assert sorted(numbers(events, "links").tolist()) == [5, 6, 7, 8]


def test_a_list_of_lists_is_no_value_of_an_object() -> None:
    with pytest.raises(DataError, match="column covariance has 2 levels of lists"):
        per_object(ak.Array([{"pt": [1.0], "covariance": [[3.0]]}]), like="pt")
