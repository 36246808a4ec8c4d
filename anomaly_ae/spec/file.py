"""The spec as YAML: read with dotted overrides, every mistake named at once, and written back.

Relative paths in the file count from the file's own directory, so a spec means the same wherever it is started from.
Paths given as overrides count from the current directory, as the shell that completed them does.
"""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from anomaly_ae.errors import SpecError
from anomaly_ae.spec import Spec
from anomaly_ae.spec.problems import is_section, kinds_of, problems_of
from anomaly_ae.storage import locate, reach
from anomaly_ae.storage.locations import Location

_PATHS = (("data", "source"), ("score_source",), ("workspace",))
"""Settings that hold a path."""


def load_spec(path: str | Location, overrides: Sequence[str] = ()) -> Spec:
    """Read a spec file, apply overrides such as `training.steps=300`, and check the whole.

    Args:
        path: the YAML file, on this machine or as `s3://...`.
        overrides: `dotted.name=value`; the value is read as YAML.

    Raises:
        SpecError: the file cannot be read, or settings are unknown, missing or wrong; the message names them all.
    """
    file = locate(path)
    reach(file)
    mapping = _read_mapping(file)
    mapping.setdefault("workspace", Spec.model_fields["workspace"].default)
    _resolve_paths(mapping, file.expanduser().absolute().parent)
    return _overridden(mapping, overrides, str(path))


def change_spec(spec: Spec, overrides: Sequence[str]) -> Spec:
    """Apply overrides such as `threshold.rule=budget` to a spec, and check the whole; errors as of `load_spec`."""
    return _overridden(spec.model_dump(mode="json"), overrides, "the spec")


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


def _overridden(mapping: dict[str, Any], overrides: Sequence[str], origin: str) -> Spec:
    changes: dict[str, Any] = {}
    problems = [problem for text in overrides if (problem := _set_dotted(changes, text))]
    _resolve_paths(changes, Path.cwd())
    problems += _merge(mapping, changes)
    return _validate(mapping, origin, problems)


def _yaml() -> YAML:
    # The C parser knows YAML 1.1 only, in which a bare `no` is false and `1:30` a number.
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel declares it None
    yaml.width = 2**16
    return yaml


def _read_mapping(path: Location) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping; a key given twice is refused by the loader."""
    try:
        value = _yaml().load(path.expanduser().read_text(encoding="utf-8-sig"))
    except OSError as error:
        why = error.strerror or "it does not exist"
        msg = f"the spec {path} cannot be read ({why}); `anomaly-ae init` writes a starter"
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
    """Drop from a section the settings that only its former kind has, where an override names another kind."""
    kinds = kinds_of(section)
    if kinds is None or not isinstance(change, dict) or not isinstance(below, dict):
        return below
    named, former = change.get(kinds.tag), below.get(kinds.tag, kinds.default)
    if named not in kinds.classes or former not in kinds.classes:
        return below
    dropped = kinds[former].model_fields.keys() - kinds[named].model_fields.keys()
    return {name: value for name, value in below.items() if name not in dropped}


def _resolve_paths(mapping: dict[str, Any], directory: Location) -> None:
    """Make relative paths absolute; addresses such as s3:// stay."""
    for *sections, name in _PATHS:
        section: Any = mapping
        for key in sections:
            section = section.get(key) if isinstance(section, dict) else None
        value = section.get(name) if isinstance(section, dict) else None
        if isinstance(value, str) and value and "://" not in value:
            section[name] = str(directory / str(Path(value).expanduser()))


def _validate(mapping: Mapping[str, Any], origin: str, problems: list[str]) -> Spec:
    settings = _without_empty_sections(mapping)
    try:
        spec = Spec.model_validate(settings)
    except ValidationError as error:
        problems = [*problems, *problems_of(error, settings)]
    else:
        if not problems:
            return spec
    lead = f"{origin}: " if len(problems) == 1 else f"{origin} has {len(problems)} problems:\n  - "
    raise SpecError(lead + "\n  - ".join(problems))


def _without_empty_sections(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Drop sections that were left empty; settings of a network that names no kind are those of `memory`."""
    settings = {key: value for key, value in mapping.items() if value is not None or not is_section(key)}
    network = settings.get("network")
    if isinstance(network, Mapping) and "kind" not in network:
        kind = "memory" if network else "auto"
        settings["network"] = {"kind": kind, **network}
    return settings
