"""The spec as YAML: read with dotted overrides, every mistake named at once, and written back.

Relative paths in the file count from the file's own directory, so a spec means the same wherever it is started from.
Paths given as overrides count from the current directory, as the shell that completed them does.
"""

import io
import json
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from textwrap import shorten
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from anomaly_ae.errors import SpecError
from anomaly_ae.spec import Section, Spec

PATHS = (("data", "source"), ("score_source",), ("workspace",))
"""Settings that hold a path."""

SettingPath = tuple[str, ...]


def load_spec(path: Path, overrides: Sequence[str] = ()) -> Spec:
    """Read a spec file, apply overrides such as `training.steps=300`, and check the whole.

    Args:
        path: the YAML file.
        overrides: `dotted.name=value`; the value is read as YAML.

    Raises:
        SpecError: the file cannot be read, or settings are unknown, missing or wrong; the message names them all.
    """
    mapping = _read_mapping(path)
    mapping.setdefault("workspace", Spec.model_fields["workspace"].default)
    _resolve_paths(mapping, path.expanduser().absolute().parent)
    changes: dict[str, Any] = {}
    problems = [problem for text in overrides if (problem := _set_dotted(changes, text))]
    _resolve_paths(changes, Path.cwd())
    problems += _merge(mapping, changes)
    return _validate(mapping, str(path), problems)


def parse_spec(mapping: Mapping[str, Any]) -> Spec:
    """Check a spec given as nested mappings; paths stay as they are.

    Raises:
        SpecError: settings are unknown, missing or wrong; the message names them all.
    """
    return _validate(mapping, "the spec", [])


def dump_spec(spec: Spec) -> str:
    """Return the whole spec, defaults included, as YAML that loads back equal."""
    settings = spec.model_dump(mode="json")
    yaml, stream = _yaml(), io.StringIO()
    # ruamel writes line breaks other than \n as they are and reads them back as spaces, unless all is ASCII.
    yaml.allow_unicode = json.dumps(settings, ensure_ascii=False).isprintable()
    yaml.dump(settings, stream)
    return stream.getvalue()


def _yaml() -> YAML:
    # The C parser knows YAML 1.1 only, in which a bare `no` is false and `1:30` a number.
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel declares it None
    yaml.width = 2**16
    return yaml


def _read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping; a key given twice is refused by the loader."""
    try:
        value = _yaml().load(path.expanduser().read_text(encoding="utf-8-sig"))
    except OSError as error:
        msg = f"the spec {path} cannot be read ({error.strerror}); `anomaly-ae init` writes a first one"
        raise SpecError(msg) from error
    except (YAMLError, ValueError) as error:
        msg = f"the spec {path} is not valid YAML: {_yaml_problem(error)}"
        raise SpecError(msg) from error
    if not isinstance(value, dict):
        msg = f"the spec {path} must be a mapping of settings, such as `data: {{source: rows.csv}}`, not {value!r}"
        raise SpecError(msg)
    return value


def _yaml_problem(error: Exception) -> str:
    """Say what the loader objects to, and in which line, without its paragraphs of advice."""
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        problem = " ".join(filter(None, [error.context, str(error.problem).split(" with value")[0]]))
        return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
    return str(error)


def _set_dotted(changes: dict[str, Any], text: str) -> str | None:
    """Put one `dotted.name=value` into `changes`; return what is wrong with it, if anything."""
    name, equals, value_text = text.partition("=")
    keys = _split_name(name.strip())
    if not equals or not all(keys):
        return f"override {text!r} is not of the form name=value, such as training.steps=300"
    try:
        value = _yaml().load(value_text)
    except (YAMLError, ValueError) as error:
        return f"override {text!r}: the value is not valid YAML ({_yaml_problem(error)})"
    section = changes
    for key in keys[:-1]:
        if not isinstance(section.get(key), dict):
            section[key] = {}
        section = section[key]
    section[keys[-1]] = value
    return None


def _split_name(name: str) -> list[str]:
    """Split a dotted name; below `data.roles` the rest is one column name, which may have dots of its own."""
    roles = "data.roles."
    if name.startswith(roles):
        return ["data", "roles", name.removeprefix(roles)]
    return name.split(".")


def _merge(mapping: dict[str, Any], changes: dict[str, Any], above: str = "") -> list[str]:
    """Lay `changes` over `mapping`; return the names that lead through something that is no section."""
    problems = []
    for key, change in changes.items():
        below = _fitting(mapping.get(key), change, above + key)
        if not isinstance(change, dict) or below is None:
            mapping[key] = change
        elif isinstance(below, dict):
            problems += _merge(below, change, f"{above}{key}.")
            mapping[key] = below
        else:
            problems.append(f"an override sets a part of {above + key!r}, which is {below!r} and has no parts")
    return problems


def _fitting(below: Any, change: Any, section: str) -> Any:
    """Drop from a section what only other kinds have than the one that an override names."""
    tag = _tag_name(section)
    named = change.get(tag) if isinstance(change, dict) else None
    if named is None or not isinstance(below, dict):
        return below
    members = SECTIONS[section,]
    own = {name for member in members if member.model_fields[str(tag)].default == named for name in member.model_fields}
    others = {name for member in members for name in member.model_fields} - own if own else set()
    return {name: value for name, value in below.items() if name not in others}


def _tag_name(section: str) -> str | None:
    """Return the setting that tells the kinds of a section apart, if it has kinds."""
    field = Spec.model_fields.get(section)
    return field.discriminator if field is not None and isinstance(field.discriminator, str) else None


def _resolve_paths(mapping: dict[str, Any], directory: Path) -> None:
    """Make relative paths absolute; addresses such as s3:// stay."""
    for *sections, name in PATHS:
        section: Any = mapping
        for key in sections:
            section = section.get(key) if isinstance(section, dict) else None
        value = section.get(name) if isinstance(section, dict) else None
        if isinstance(value, str) and value and "://" not in value:
            section[name] = str(directory / Path(value).expanduser())


def _validate(mapping: Mapping[str, Any], origin: str, problems: list[str]) -> Spec:
    settings = _without_empty_sections(mapping)
    try:
        spec = Spec.model_validate(settings)
    except ValidationError as error:
        problems = [*problems, *_problems(error, settings)]
    else:
        if not problems:
            return spec
    lead = f"{origin}: " if len(problems) == 1 else f"{origin} has {len(problems)} problems:\n  - "
    raise SpecError(lead + "\n  - ".join(problems))


def _without_empty_sections(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Drop sections that were left empty, and name the default kind of network where none is named."""
    settings = {key: value for key, value in mapping.items() if value is not None or (key,) not in SECTIONS}
    network = settings.get("network")
    if isinstance(network, Mapping) and "kind" not in network:
        settings["network"] = {"kind": Spec.model_fields["network"].default.kind, **network}
    return settings


def _find_sections(section: type[Section], path: SettingPath = ()) -> dict[SettingPath, tuple[type[Section], ...]]:
    """Return every section below `section` by its path; a union has several under one path."""
    found: dict[SettingPath, tuple[type[Section], ...]] = {path: (section,)}
    for name, field in section.model_fields.items():
        members = tuple(member for member in _members(field.annotation) if issubclass(member, Section))
        for member in members:
            found |= _find_sections(member, (*path, name))
        if members:
            found[*path, name] = members
    return found


def _members(annotation: Any) -> tuple[type, ...]:
    """Return the classes of an annotation such as `A | B | None`."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return tuple(member for part in typing.get_args(annotation) for member in _members(part))
    return (annotation,) if isinstance(annotation, type) else ()


SECTIONS = _find_sections(Spec)
SETTINGS = tuple(
    (*path, name) for path, members in SECTIONS.items() for member in members for name in member.model_fields
)


def _problems(error: ValidationError, settings: Mapping[str, Any]) -> list[str]:
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
    tag = _tag_name(str(path[0])) if len(path) == 1 else None
    return tag is not None and any(member.model_fields[tag].default == key for member in SECTIONS[str(path[0]),])


def _sentence(path: tuple[int | str, ...], detail: Any, settings: Mapping[str, Any]) -> str:
    name, kind, message, context = _dotted(path), detail["type"], detail["msg"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(tuple(map(str, path)), settings)
    if kind == "missing":
        return f"{name!r} is missing{_described(tuple(map(str, path)))}"
    if kind == "value_error":
        return f"{name or 'the whole'}: {message.removeprefix('Value error, ')}"
    if kind == "union_tag_invalid":
        return f"'{name}.{_tag_name(name)}' is {context['tag']!r}; must be one of {context['expected_tags']}"
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        message = "must be a section: names with values below it"
    allowed = message.replace("a valid tuple", "a list").replace("Input should be", "must be")
    quotes = "" if kind != "string_type" or isinstance(detail["input"], list | dict | None) else " (put it in quotes)"
    return f"{name!r} is {shorten(repr(detail['input']), 80)}; {allowed.replace('String should', 'must')}{quotes}"


def _dotted(path: Iterable[int | str]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def _described(path: SettingPath) -> str:
    """Return what the spec says of a setting, to be shown where it is missing."""
    for section in SECTIONS.get(path[:-1], ()):
        field = section.model_fields.get(path[-1])
        if field is not None and field.description:
            return f"; it is {field.description}"
    return ""


def _unknown(path: SettingPath, settings: Mapping[str, Any]) -> str:
    """Name an unknown setting, and the valid one that was most likely meant."""
    *above, name = path
    siblings = [setting[-1] for setting in SETTINGS if setting[:-1] == tuple(above)]
    if name in siblings:  # known to another member of the union
        tag = _tag_name(above[0]) or ""
        kind = settings[above[0]].get(tag, getattr(Spec.model_fields[above[0]].default, tag))
        return f"unknown setting {_dotted(path)!r} for {_dotted(above)} of {tag} {kind!r}; another {tag} has it"
    close = [(*above, match) for match in get_close_matches(name, siblings, n=1)]
    elsewhere = [setting for setting in SETTINGS if setting[-1] == name]
    if meant := [*close, *elsewhere]:
        return f"unknown setting {_dotted(path)!r}; did you mean {_dotted(meant[0])!r}?"
    return f"unknown setting {_dotted(path)!r}; known here: {', '.join(dict.fromkeys(siblings))}"
