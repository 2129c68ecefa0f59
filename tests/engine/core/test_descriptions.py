"""Settings are described by the strings below them."""

from pydantic import create_model

from lineshape.engine.core.descriptions import descriptions
from lineshape.engine.core.settings import Settings


class Base(Settings):
    """Settings."""

    size: int = 1
    """Rows
    a step."""
    plain: int = 1
    other: str = ""
    """Another one."""


class Mine(Base):
    """More."""

    size: int = 2
    """Rows a step, of mine."""

    def method(self) -> None:
        """No setting."""


def test_a_setting_has_the_string_below_it_or_that_of_its_base() -> None:
    assert descriptions(Base) == {"size": "Rows a step.", "other": "Another one."}
    assert descriptions(Mine) == {"size": "Rows a step, of mine.", "other": "Another one."}
    assert descriptions(create_model("Made", __base__=Mine)) == descriptions(Mine)


def test_the_schema_shows_them() -> None:
    properties = Mine.model_json_schema()["properties"]
    assert properties["size"]["description"] == "Rows a step, of mine."
    assert "description" not in properties["plain"]
