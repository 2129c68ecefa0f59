"""Read what settings are from the strings below them.

Pydantic does so itself (`use_attribute_docstrings`), whenever a class is made: a third of a second of every command.
"""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from textwrap import dedent

from pydantic import BaseModel


@cache
def descriptions(settings: type[BaseModel]) -> dict[str, str]:
    """Return the description of each setting that has one, those of the base classes among them."""
    found: dict[str, str] = {}
    for each in reversed(settings.__mro__):
        if issubclass(each, BaseModel) and each is not BaseModel:
            found |= {name: text for name, text in _below_fields(each) if name in settings.model_fields}
    return found


def _below_fields(settings: type[BaseModel]) -> Iterator[tuple[str, str]]:
    try:
        tree = ast.parse(dedent(inspect.getsource(settings)))
    except (OSError, TypeError):  # made without a file, as by create_model
        return
    (made,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
    for field, below in zip(made.body, made.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, " ".join(inspect.cleandoc(text).split())
