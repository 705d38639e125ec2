"""Command-line options made from the fields of option dataclasses."""

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import Field, fields
from typing import Annotated, Any, get_args, get_type_hints

import typer
from rich.markup import escape

Command = Callable[..., None]


def with_options(
    options: type[Any], *, only: Collection[str] = (), panel: str | None = None
) -> Callable[[Command], Command]:
    """Give a command one option for each field of a dataclass.

    The command receives them as keyword arguments; an option that was not given is None. Metadata of a field
    are ``help`` and optionally ``flag`` (the name of the option), ``metavar``, ``choices``, ``repeatable``
    and ``type`` (of the value, where the annotation allows several).

    Args:
        options: The dataclass. Its options precede the optional ones of the command.
        only: Names of fields; empty for all.
        panel: Heading in the help text for options of experts.
    """

    def decorate(command: Command) -> Command:
        signature = inspect.signature(command)
        hints = get_type_hints(options)
        added = [
            _parameter(option, hints[option.name], panel)
            for option in fields(options)
            if option.name in only or not only
        ]
        own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
        required = [one for one in own if one.default is one.empty]
        together = [*required, *added, *(one for one in own if one.default is not one.empty)]
        command.__signature__ = signature.replace(parameters=together)  # type: ignore[attr-defined]
        command.__annotations__ |= {one.name: one.annotation for one in added}
        return command

    return decorate


def read_values(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options that were given, by name. Text of digits becomes a number, as in ``--images 5``."""
    return {
        name: int(value) if isinstance(value, str) and value.isdecimal() else value
        for name, value in options.items()
        if value is not None
    }


def _parameter(option: "Field[Any]", hint: Any, panel: str | None) -> inspect.Parameter:
    metadata = option.metadata
    kinds = {metadata["type"]} if "type" in metadata else {*(get_args(hint) or (hint,))} - {type(None)}
    kind: Any = kinds.pop() if kinds in ({bool}, {int}, {float}) else str
    flag = metadata.get("flag", "--" + option.name.replace("_", "-"))
    text, metavar = metadata["help"], metadata.get("metavar", "|".join(metadata.get("choices", ())) or None)
    if option.default is True:
        flag = f"{flag}/--no-{flag[2:]}"
        text += " [default: yes]"
    elif option.default is not None and option.default is not False:
        text += f" [default: {_as_text(option.default)}]"
    if metadata.get("repeatable"):
        kind = list[kind]
    annotation = Annotated[
        kind | None,
        typer.Option(flag, help=escape(text), metavar=metavar, show_default=False, rich_help_panel=panel),
    ]
    return inspect.Parameter(
        option.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=annotation
    )


def _as_text(default: object) -> str:
    return ", ".join(map(str, default)) if isinstance(default, tuple) else str(default)
