"""Settings read from a YAML file, or refused with the key, the file and the nearest valid key."""

import difflib
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dask_gmm.errors import InputError, SettingsError
from dask_gmm.settings import RunSettings

Place: TypeAlias = Sequence[int | str]

WANTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "invalid_key": "a key that is a text",
    "model_type": "a mapping",
    "path_type": "a path",
    "string_pattern_mismatch": "rows such as '0:1000'",
    "string_type": "a text (in quotes)",
    "tuple_type": "a list (or a text in quotes, for columns)",
}


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which also refuses a key given twice instead of taking the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        twice = [key for key in keys if keys.count(key) > 1]
        if twice:
            raise yaml.constructor.ConstructorError(
                problem=f"the key {twice[0]!r} stands twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep=deep)


def load_settings(path: Path) -> RunSettings:
    """Read the settings in a YAML file.

    Parameters
    ----------
    path : Path
        The file. Paths inside it are relative to the current folder.

    Returns
    -------
    RunSettings
        Complete settings, every value of which is in its domain.

    Raises
    ------
    SettingsError
        If the file cannot be read, is not YAML, or has an unknown key or a wrong value.
    """
    try:
        settings = RunSettings.model_validate(_parse(path))
    except ValidationError as error:
        raise SettingsError(describe(error.errors(include_url=False), str(path))) from error
    parts = {f"steps[{number}]": step.request for number, step in enumerate(settings.steps)}
    for place, made in {**parts, "cluster": settings.cluster.spec}.items():
        try:
            made()
        except InputError as error:
            raise SettingsError(f"{place} of {path}: {error}") from error
    return settings


def _parse(path: Path) -> Any:
    try:
        with path.open("rb") as stream:
            return yaml.load(stream, _Loader)
    except OSError as error:
        raise SettingsError(
            f"Wanted a settings file, found none that can be read at {path} ({error.strerror}). "
            "Give the path of a YAML file."
        ) from error
    except yaml.YAMLError as error:
        raise SettingsError(
            f"Wanted YAML, found something else in {path}: {error}\nCorrect the file."
        ) from error


def describe(problems: Sequence[ErrorDetails], source: str) -> str:
    """One line for each problem in a source of settings: wanted, found, where, and what to do.

    Unknown keys come first, since a misspelled key is also a missing one.
    """
    unknown_first = sorted(problems, key=lambda problem: problem["type"] != "extra_forbidden")
    return "\n".join(_line(problem, source) for problem in unknown_first)


def _line(problem: ErrorDetails, source: str) -> str:
    place = problem["loc"]
    match problem["type"]:
        case "extra_forbidden":
            return f"{_dotted(place)} of {source}: {_unknown(str(place[-1]), place[:-1])}"
        case "missing":
            return f"{_dotted(place)} of {source}: wanted a value, found none. Add the key."
        case "value_error":
            reason = str(problem["ctx"]["error"]).removesuffix(".")
        case kind:
            wanted = WANTED.get(kind, problem["msg"].removeprefix("Input should be "))
            reason = f"wanted {wanted}, found {problem['input']!r}"
    return f"{_dotted(place)} of {source}: {reason}. See `dask-gmm schema` for what it may be."


def _unknown(key: str, parents: Place) -> str:
    keys = _keys_at(parents)
    nearest = max(keys, key=lambda known: _likeness(known, key))
    return f"wanted a known key, found {key!r}. Did you mean {nearest!r}, of {', '.join(keys)}?"


def _likeness(known: str, key: str) -> tuple[bool, float]:
    """How near two keys are; an abbreviation is nearest to what it abbreviates."""
    return known.startswith(key), difflib.SequenceMatcher(None, known, key).ratio()


def _keys_at(parents: Place) -> list[str]:
    """The keys that a mapping at this place of the settings may have."""
    model: type[BaseModel] = RunSettings
    for name in parents:
        if isinstance(name, str):
            model = _model_in(model.model_fields[name].annotation)
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel]:
    """The model inside an annotation such as ``tuple[Step, ...]`` or ``FitSettings | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return _model_in(get_args(annotation)[0])


def _dotted(place: Place) -> str:
    """A place in the settings, such as ``steps[1].fit``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".") or "the top"
