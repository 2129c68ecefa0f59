"""Render pages of one file: with their style, their scripts and the data of their plots inside."""

import base64
import json
from collections.abc import Mapping
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from lineshape.engine.core.files import replacing

_PACKAGE: Final = "lineshape.engine.stages.reporting"


def write(path: Path, template: str, plot_data: Mapping[str, Any], filters: Mapping[str, Any], **values: Any) -> None:
    """Write a page from a template of this folder.

    plot_data: for each plot that the page draws, by the name in its place there, what `data_of` returns. filters,
    values: what the template uses.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= dict(filters)
    scripts = [_script(path) for path in _bokeh()] + [Markup(_escaped(_source("plots.js")))]  # noqa: S704 - our own
    data = {name: _json(each) for name, each in plot_data.items()}
    page = environment.get_template(template).render(scripts=scripts, plot_data=data, **values)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def embedded(path: Path) -> str:
    """Return a PNG as the address of an image within a page."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def _source(name: str) -> str:
    return files(_PACKAGE).joinpath(name).read_text(encoding="utf-8")


def _bokeh() -> list[Path]:
    """Return Bokeh's scripts, which its Python package holds; it is not imported."""
    found = find_spec("bokeh")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent / "server" / "static" / "js"
    return [folder / name for name in ("bokeh.min.js", "bokeh-api.min.js")]


def _script(path: Path) -> Markup:
    return Markup(_escaped(path.read_text(encoding="utf-8")))  # noqa: S704 - of an installed package


def _escaped(script: str) -> str:
    """Return a script as it may stand within a page."""
    return script.replace("</script", "<\\/script")


def _json(data: Any) -> Markup:
    """Return the data of a plot as they may stand within a page."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - no tag can begin in it
