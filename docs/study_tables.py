"""Write the tables of docs/studies from runs at full size: `python docs/study_tables.py RUN …`.

A page marks the place of a table by comments, `<!-- claims of STUDY -->` or `<!-- models of STUDY -->` and
`<!-- end -->`; what stands between them is replaced.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lineshape.jobs import api

STUDIES: Final = Path(__file__).parent / "studies"
_MARKED: Final = re.compile(r"(<!-- (claims|models) of (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str, result: api.Result) -> str:
    """Return a page with the tables of a run's study."""

    def table(found: re.Match[str]) -> str:
        start, kind, study, end = found.groups()
        if study != result.job.study:
            return found[0]
        return start + "\n" + (claims_of(result) if kind == "claims" else models_of(result)) + "\n" + end

    return _MARKED.sub(table, text)


def claims_of(result: api.Result) -> str:
    """Return the claims of a run with what was found, as Markdown."""
    lines = [
        [claim.says, claim.required, claim.problem or claim.found, "✓" if claim.holds else "✗"]
        for claim in result.check()
    ]
    return markdown([["claim", "required", "found", ""], *lines])


def models_of(result: api.Result) -> str:
    """Return the headline tables of a run, as Markdown, with the models' labels."""
    labels = {name: str(spec.settings.get("label") or name) for name, spec in result.job.models.items()}
    parts = []
    tables = result.tables()
    for title, (headings, *lines) in tables:
        named = [[labels.get(line[0], line[0]), *line[1:]] for line in lines]
        parts.append((f"{title}:\n\n" if len(tables) > 1 else "") + markdown([headings, *named]))
    return "\n".join(parts)


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """Return a table; the first line has the headings."""
    rows = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    return "\n".join([rows[0], "|" + "---|" * len(lines[0]), *rows[1:]]) + "\n"


def main(runs: Sequence[str]) -> None:
    """Fill the tables of all pages from runs."""
    for run in runs:
        result = api.open_result(run)
        for path in sorted(STUDIES.glob("*.md")):
            text = path.read_text(encoding="utf-8")
            if (new := filled(text, result)) != text:
                path.write_text(new, encoding="utf-8")
                sys.stdout.write(f"{path}: tables of {result.job.study}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
