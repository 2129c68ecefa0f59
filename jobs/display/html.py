"""Render results for a notebook: tables, pictures and links as HTML, with everything escaped."""

import base64
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from lineshape.engine.feature_store.store import FeatureStore

#: Largest size of the pictures that one output embeds, bytes: a notebook stores them.
MOST_BYTES: Final = 1_000_000
#: Width on the screen of a single picture, pixels.
_WIDTH: Final = 580


@dataclass(frozen=True)
class Picture:
    """A plot of a report, which shows itself in a notebook.

    section: of the report. samples: that the plot shows, where there are several.
    """

    path: Path
    caption: str
    section: str = ""
    samples: str = ""

    @property
    def name(self) -> str:
        """Name of the plot in the report's plots folder."""
        return self.path.stem

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        return self.path.read_bytes(), {"width": _WIDTH}

    def figure(self) -> str:
        """Return the picture, embedded, and its caption as HTML."""
        data = base64.b64encode(self.path.read_bytes()).decode()
        caption = html.escape(self.caption)
        return (
            '<figure style="margin:0;flex:1 1 22em;max-width:34em">'
            f'<img style="width:100%" src="data:image/png;base64,{data}" alt="{caption}">'
            f'<figcaption style="opacity:.75">{caption}</figcaption></figure>'
        )


@dataclass(frozen=True, repr=False)
class Features:
    """Result of processing: the feature store, which shows its samples and their cut flows in a notebook."""

    store: FeatureStore

    def __repr__(self) -> str:
        return f"{self.store.rows:,} objects of {', '.join(self.store.samples)} in {self.store.folder}"

    def _repr_html_(self) -> str:
        store = self.store
        files = {name: sum(file["sample"] == name for file in store.files) for name in store.samples}
        shards = {name: [shard for shard in store.shards if shard.sample == name] for name in store.samples}
        lines = [
            [name, f"{files[name]:,}", f"{len(shards[name]):,}", f"{sum(shard.rows for shard in shards[name]):,}"]
            for name in store.samples
        ]
        sum_up = f"{store.processed:,} processed + {store.entries - store.processed:,} quarantined"
        parts = [
            table("Feature store", [["sample", "files", "shards", "objects"], *lines]),
            *(
                table(f"Cut flow of {name}", [list(flow), [f"{count:,}" for count in flow.values()]])
                for name, flow in store.cut_flows.items()
            ),
            f"<div>{store.entries:,} entries = {sum_up}, {len(store.columns)} columns</div>",
        ]
        return "".join(parts)


def table(title: str, lines: Sequence[Sequence[str]]) -> str:
    """Return an HTML table; the first line has the headings."""

    def row(cells: Iterable[str], kind: str) -> str:
        return "<tr>" + "".join(f"<{kind}>{html.escape(cell)}</{kind}>" for cell in cells) + "</tr>"

    headings, *others = lines
    body = "".join(row(line, "td") for line in others)
    return (
        f'<table><caption style="text-align:left;caption-side:top">{html.escape(title)}</caption>'
        f"<thead>{row(headings, 'th')}</thead><tbody>{body}</tbody></table>"
    )


def pictures(found: Iterable[Picture]) -> str:
    """Return pictures side by side, as many of them as a notebook should store."""
    left, shown = MOST_BYTES, []
    for picture in found:
        left -= picture.path.stat().st_size
        if left < 0:
            break
        shown.append(picture.figure())
    return f'<div style="display:flex;flex-wrap:wrap;gap:1.5em">{"".join(shown)}</div>' if shown else ""


def link(path: Path) -> str:
    """Return a link that JupyterLab follows, to a file below the notebook's folder; else the path alone."""
    try:
        below = path.resolve().relative_to(Path.cwd())
    except ValueError:
        return f"<code>{html.escape(str(path.resolve()))}</code>"
    return f'<a href="{html.escape(quote(below.as_posix()))}" target="_blank">{html.escape(str(below))}</a>'
