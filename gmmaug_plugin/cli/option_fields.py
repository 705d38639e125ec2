"""Command-line options made from the fields of option dataclasses."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import typer


def with_options(*kinds: type[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each field of some dataclasses.

    The command receives them by name in its keyword arguments; an option that was not given is None. A
    field's metadata holds its ``help``, and where wanted ``choices``, ``flag`` (the option's name), and
    ``metavar``.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command)
        own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
        added: dict[str, inspect.Parameter] = {}
        for kind in kinds:
            hints = get_type_hints(kind)
            for one in fields(kind):
                added.setdefault(one.name, _parameter(one, hints[one.name]))
        together = sorted([*own, *added.values()], key=lambda one: one.default is not one.empty)
        command.__signature__ = signature.replace(parameters=together)  # type: ignore[attr-defined]
        command.__annotations__ = {
            **command.__annotations__,
            **{name: one.annotation for name, one in added.items()},
        }
        return command

    return decorate


def read_values(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as given on a command line: whole numbers among words become numbers, missing ones go."""
    return {
        name: int(value) if isinstance(value, str) and value.isdecimal() else value
        for name, value in options.items()
        if value is not None
    }


def _parameter(one: "Field[Any]", hint: Any) -> inspect.Parameter:
    flag = one.metadata.get("flag", "--" + one.name.replace("_", "-"))
    kinds = set(get_args(hint)) if get_origin(hint) in (Union, UnionType) else {hint}
    kinds -= {type(None)}
    if "type" in one.metadata:
        kinds = {one.metadata["type"]}
    kind: Any = kinds.pop() if kinds in ({bool}, {int}, {float}) else str
    choices = one.metadata.get("choices")
    metavar = one.metadata.get("metavar") or ("|".join(map(str, choices)) if choices else None)
    names = [flag]
    if kind is bool:
        names = [f"{flag}/--no-{flag[2:]}"] if one.default is True else [flag]
        metavar = None
    option = typer.Option(*names, help=_help(one), metavar=metavar, show_default=False)
    return inspect.Parameter(
        one.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def _help(one: "Field[Any]") -> str:
    text = str(one.metadata["help"])
    if one.default in (None, MISSING) or isinstance(one.default, bool):
        return text
    return f"{text} [default: {one.default}]"
