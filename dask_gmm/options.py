"""Options of the command line, made from the fields of the settings, where each is defined once."""

from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin

import click
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from dask_gmm.errors import InputError
from dask_gmm.objects.location import Location
from dask_gmm.settings_base import Settings
from dask_gmm.settings_file import describe

Command: TypeAlias = Callable[..., None]
S = TypeVar("S", bound=Settings)

TYPES: "dict[Any, click.ParamType[Any]]" = {
    int: click.INT,
    float: click.FLOAT,
    Path: click.Path(path_type=Path),
    Location: click.Path(path_type=str),
}

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def options_of(
    settings: type[Settings], argument: str | tuple[str, ...] = ()
) -> Callable[[Command], Command]:
    """A decorator that gives a command one option for each field of its settings.

    Parameters
    ----------
    settings : type of Settings
        The model whose fields they are.
    argument : str or tuple of str, optional
        The fields that are given by their places, not by options.
    """
    placed = (argument,) if isinstance(argument, str) else argument

    def decorate(command: Command) -> Command:
        for name, field in reversed(settings.model_fields.items()):
            kind = _type(field.annotation)
            if name in placed:
                command = click.argument(name, type=kind)(command)
            else:
                command = _option(name, kind, field)(command)
        return command

    return decorate


def _option(
    name: str, kind: "click.ParamType[Any]", field: FieldInfo
) -> Callable[[Command], Command]:
    flag = "--" + name.replace("_", "-")
    if field.annotation is bool:
        return click.option(flag, is_flag=True, help=field.description)
    if field.is_required():
        return click.option(flag, type=kind, required=True, help=field.description)
    default = field.default
    return click.option(
        flag,
        type=kind,
        default=",".join(default) if isinstance(default, tuple) else default,
        show_default=default is not None,
        help=field.description,
    )


def _type(annotation: Any) -> "click.ParamType[Any]":
    """The type of an option; what click has no type for is a text, which the settings parse."""
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation))
    if get_origin(annotation) is Annotated:
        return _type(get_args(annotation)[0])
    if annotation in TYPES:
        return TYPES[annotation]
    if get_origin(annotation) in (UnionType, Union):
        kinds = [each for each in get_args(annotation) if each is not type(None)]
        return _type(kinds[0]) if len(kinds) == 1 else click.STRING
    return click.STRING


def settings_from(settings: type[S], values: dict[str, Any]) -> S:
    """Settings from the values of a command's options.

    Raises
    ------
    InputError
        If one cannot be parsed.
    """
    try:
        return settings.model_validate(values)
    except ValidationError as error:
        raise InputError(describe(error.errors(include_url=False), "the command line")) from error
