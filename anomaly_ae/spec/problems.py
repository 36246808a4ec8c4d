"""Mistakes in a spec, as sentences that name the setting as it was typed, what is wrong with it, and what was meant."""

import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from textwrap import shorten
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from anomaly_ae.spec import Section, Spec
from anomaly_ae.spec.kinds import Kinds

SettingPath = tuple[str, ...]


def kinds_of(section: str) -> Kinds[Any] | None:
    """Return the kinds of a top-level section, if it comes in several."""
    field = Spec.model_fields.get(section)
    return next((item for item in field.metadata if isinstance(item, Kinds)), None) if field else None


def is_section(name: str) -> bool:
    """Say whether a top-level setting is a section."""
    field = Spec.model_fields.get(name)
    return field is not None and bool(_section_classes(field))


@cache
def sections() -> dict[SettingPath, tuple[type[Section], ...]]:
    """Return every section class by its path; a section that comes in kinds has several classes, which are imported."""
    return _find_sections(Spec)


@cache
def setting_paths() -> tuple[SettingPath, ...]:
    """Return the path of every setting."""
    return tuple((*path, name) for path, classes in sections().items() for cls in classes for name in cls.model_fields)


def _find_sections(section: type[Section], path: SettingPath = ()) -> dict[SettingPath, tuple[type[Section], ...]]:
    found: dict[SettingPath, tuple[type[Section], ...]] = {path: (section,)}
    for name, field in section.model_fields.items():
        kinds = next((item for item in field.metadata if isinstance(item, Kinds)), None)
        classes = kinds.sections() if kinds else _section_classes(field)
        for cls in classes:
            found |= _find_sections(cls, (*path, name))
        if classes:
            found[*path, name] = classes
    return found


def _section_classes(field: FieldInfo) -> tuple[type[Section], ...]:
    return tuple(cls for cls in _classes(field.annotation) if issubclass(cls, Section))


def _classes(annotation: Any) -> tuple[type, ...]:
    """Return the classes of an annotation such as `A | B | None`."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return tuple(cls for part in typing.get_args(annotation) for cls in _classes(part))
    return (annotation,) if isinstance(annotation, type) else ()


def problems_of(error: ValidationError, settings: Mapping[str, Any]) -> list[str]:
    """Turn pydantic's errors into one sentence per setting; the members of a union of types speak as one."""
    by_path: dict[tuple[int | str, ...], list[str]] = {}
    for detail in error.errors(include_url=False):
        path = _clean(detail["loc"], settings)
        by_path.setdefault(path, []).append(_sentence(path, detail, settings))
    return [_joined(sentences) for sentences in by_path.values()]


def _joined(sentences: list[str]) -> str:
    first, *others = dict.fromkeys(sentences)
    return " or ".join([first, *(other.rpartition("must be ")[2] for other in others)])


def _clean(loc: tuple[int | str, ...], settings: Mapping[str, Any]) -> tuple[int | str, ...]:
    """Drop from a location what pydantic added to tell the members of a union apart."""
    path: list[int | str] = []
    value: Any = settings
    for position, key in enumerate(loc):
        is_last = position == len(loc) - 1
        if isinstance(value, Mapping) and (key in value or (is_last and not _is_kind(path, key))):
            value = value.get(key)
        elif isinstance(value, list | tuple) and isinstance(key, int):
            value = value[key]
        else:
            continue
        path.append(key)
    return tuple(path)


def _is_kind(path: Sequence[int | str], key: int | str) -> bool:
    """Say whether a key is no setting of the section at `path`, but the kind that the section is of."""
    kinds = kinds_of(str(path[0])) if len(path) == 1 else None
    return kinds is not None and key in kinds.classes


def _sentence(path: tuple[int | str, ...], detail: Any, settings: Mapping[str, Any]) -> str:
    name, kind, message, context = _dotted(path), detail["type"], detail["msg"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(tuple(map(str, path)), settings)
    if kind == "missing":
        return f"{name!r} is missing{_described(tuple(map(str, path)))}"
    if kind == "value_error":
        return f"{name or 'the whole'}: {message.removeprefix('Value error, ')}"
    if kind == "union_tag_invalid":
        kinds = kinds_of(name)
        meant = f"; did you mean {context['nearest']!r}" if context.get("nearest") else ""
        tag = kinds.tag if kinds else "kind"
        return f"'{name}.{tag}' is {context['tag']!r}{meant}; must be one of {context['expected_tags']}"
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        message = "must be a section: names with values below it"
    allowed = message.replace("a valid tuple", "a list").replace("Input should be", "must be")
    quotes = "" if kind != "string_type" or isinstance(detail["input"], list | dict | None) else " (put it in quotes)"
    return f"{name!r} is {shorten(repr(detail['input']), 80)}; {allowed.replace('String should', 'must')}{quotes}"


def _dotted(path: Iterable[int | str]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def _described(path: SettingPath) -> str:
    """Return what the spec says of a setting, to be shown where it is missing."""
    for section in sections().get(path[:-1], ()):
        field = section.model_fields.get(path[-1])
        if field is not None and field.description:
            return f"; it is {field.description}"
    return ""


def _unknown(path: SettingPath, settings: Mapping[str, Any]) -> str:
    """Name an unknown setting, and the valid one that was most likely meant."""
    *above, name = path
    section = tuple(above)
    kind = _kind(section, settings)
    classes = sections().get(section, ())
    own = [field for cls in classes for field in cls.model_fields if _is_of(cls, kind)]
    if not any(name in cls.model_fields for cls in classes):
        close = [(*above, match) for match in get_close_matches(name, own, n=1)]
        elsewhere = [setting for setting in setting_paths() if setting[-1] == name]
        if meant := [*close, *elsewhere]:
            return f"unknown setting {_dotted(path)!r}; did you mean {_dotted(meant[0])!r}?"
        return f"unknown setting {_dotted(path)!r}; known here: {', '.join(dict.fromkeys(own))}"
    tag, value = kind or ("kind", None)
    return f"unknown setting {_dotted(path)!r} for {_dotted(above)} of {tag} {value!r}; another {tag} has it"


def _kind(section: SettingPath, settings: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the setting that tells the kinds of a section apart, and its value; None where there are no kinds."""
    kinds = kinds_of(section[0]) if len(section) == 1 else None
    if kinds is None:
        return None
    return kinds.tag, settings[section[0]].get(kinds.tag, kinds.default)


def _is_of(cls: type[Section], kind: tuple[str, str] | None) -> bool:
    return kind is None or cls.model_fields[kind[0]].default == kind[1]
