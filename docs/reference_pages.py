"""Write the pages of the reference that the program itself describes: kinds with their settings, and commands."""

from itertools import groupby
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperArgument, TyperGroup, TyperOption

from lineshape.jobs.cli.main import app
from lineshape.jobs.kinds import Kind, all_kinds


def write_pages(folder: Path) -> None:
    """Write kinds/*.md, a page for each role, and command_line.md."""
    kinds = folder / "kinds"
    kinds.mkdir(parents=True, exist_ok=True)
    roles = []
    for role, some in groupby(all_kinds(), key=lambda kind: kind.role):
        name = role.replace(" ", "_")
        roles.append(name)
        _write(kinds / f"{name}.md", _role(role, list(some)))
    listed = "\n".join(roles)
    about = "Every kind that a job file may name, with its settings; the same as `lineshape kinds KIND` prints."
    _write(kinds / "index.md", f"# Kinds\n\n{about}\n\n```{{toctree}}\n{listed}\n```\n")
    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)
    _write(folder / "command_line.md", _commands(command))


def _write(path: Path, text: str) -> None:
    """Write a page unless it is there already, so that Sphinx reads again only what changed."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _role(role: str, kinds: list[Kind]) -> str:
    place = kinds[0].place
    lines = [f"# {role.capitalize()}", "", f"Stands in a job file at `{place}`." if place else "", ""]
    for kind in kinds:
        lines += [f"## {kind.name}", "", _text(kind.about), ""]
        if rows := kind.rows():
            lines += ["| setting | type | default | meaning |", "|---|---|---|---|"]
            lines += [
                f"| `{row.name}` | {_cell(row.type)} | {f'`{_cell(row.default)}`' if row.default else 'required'} "
                f"| {_cell(row.about)} |"
                for row in rows
            ]
            lines.append("")
        if example := kind.example():
            lines += ["```yaml", example.rstrip(), "```", ""]
    return "\n".join(lines)


def _commands(group: TyperGroup) -> str:
    intro = [
        "# Command line",
        "",
        "JOB is a study, a job file or a run folder. Exit status: 0 done, 1 the run failed or lost data, 2 the request",
        "was wrong, 75 another command is at work in the folder.",
        "",
    ]
    return "\n".join([*intro, *_described(group, "lineshape")])


def _described(group: TyperGroup, name: str) -> list[str]:
    lines: list[str] = []
    for own, command in group.commands.items():
        if isinstance(command, TyperGroup):
            lines += _described(command, f"{name} {own}")
            continue
        arguments = [parameter for parameter in command.params if isinstance(parameter, TyperArgument)]
        usage = " ".join([name, own, *(f"[{_name(each)}]" if not each.required else _name(each) for each in arguments)])
        lines += [f"## {name} {own}", "", f"    {usage}", "", _text(command.help or ""), ""]
        options = [parameter for parameter in command.params if isinstance(parameter, TyperOption)]
        if options:
            lines += ["| option | meaning |", "|---|---|"]
            lines += [
                f"| {', '.join(f'`{flag}`' for flag in each.opts)} | {_cell(each.help or '')} |" for each in options
            ]
            lines.append("")
    return lines


def _name(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name).strip("[]").upper()


def _text(docstring: str) -> str:
    """Return paragraphs as Markdown; what stands between single quotes is left as it is."""
    paragraphs = [" ".join(part.split()) for part in docstring.replace("\\[", "[").split("\n\n")]
    return "\n\n".join(part.replace("*", "\\*").replace("|", "\\|").replace("<", "\\<") for part in paragraphs)


def _cell(text: str) -> str:
    """Return text as one cell of a table."""
    return " ".join(text.split()).replace("\\[", "[").replace("|", "\\|").replace("<", "\\<").replace("*", "\\*")
