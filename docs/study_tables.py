"""Write the tables of docs/studies from runs at full size: `python docs/study_tables.py RUN …`.

A page marks the place of a table by comments, `<!-- claims of STUDY -->`, `<!-- models of STUDY -->` (of the first
measure) or `<!-- measures of STUDY -->` (of all that have a headline) and `<!-- end -->`; what stands between them is
replaced.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lineshape.engine.job.subjects import label_of
from lineshape.engine.results.summary import headline_tables
from lineshape.jobs import api

STUDIES: Final = Path(__file__).parent / "studies"
_MARKED: Final = re.compile(r"(<!-- (claims|models|measures) of (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str, result: api.Result) -> str:
    """Return a page with the tables of a run's study."""

    def table(found: re.Match[str]) -> str:
        start, kind, study, end = found.groups()
        if study != result.job.study:
            return found[0]
        made = {"claims": claims_of, "models": models_of, "measures": measures_of}[kind](result)
        return start + "\n" + made + "\n" + end

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


def measures_of(result: api.Result) -> str:
    """Return the headline tables of all measures of a run, each with its title, as Markdown."""
    measures = result.job.built_measures()
    labels = {name: str(spec.settings.get("label") or name) for name, spec in result.job.models.items()}
    samples = list(dict.fromkeys(row.sample for row in result.rows))
    parts = []
    for sample in samples:
        for each in headline_tables(result.rows, sample, measures, labels, labels[result.job.baseline]):
            lines = [["model", *(heading.text for heading in each.headings)]]
            lines += [[line.label, *each.texts(line)] for line in each.lines]
            of = f"{label_of(result.job, sample)}: " if len(samples) > 1 else ""
            parts.append(f"{of}{each.title}:\n\n{markdown(lines)}")
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
