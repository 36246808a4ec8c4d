"""Sections that come in several kinds, such as networks and threshold rules, each kind in a module of its own.

A kind is registered by one line that names its section class as `module:Class`. The module is imported when a spec
first names the kind, so that reading a spec does not load the libraries of the kinds it does not use.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Annotated, Any, Generic, TypeVar, Union, cast

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from anomaly_ae.spec.sections import Section

AnySection = TypeVar("AnySection", bound=Section)


class Kinds(Generic[AnySection]):
    """The kinds of one section of the spec; used as `Annotated[Base, kinds]`, it validates to the kind that is named.

    Args:
        base: what every kind's section derives from.
        tag: the setting that names the kind.
        classes: kind -> `module:Class` of its section.
        default: the kind of settings that name none; None refuses such settings.
    """

    def __init__(
        self, base: type[AnySection], tag: str, classes: Mapping[str, str], default: str | None = None
    ) -> None:
        self.base, self.tag, self.classes, self.default = base, tag, dict(classes), default

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the kinds."""
        return iter(self.classes)

    def __getitem__(self, kind: str) -> type[AnySection]:
        """Import and return the section class of a kind.

        Raises:
            KeyError: there is no such kind.
        """
        module, _, name = self.classes[kind].partition(":")
        return cast("type[AnySection]", getattr(import_module(module), name))

    def sections(self) -> tuple[type[AnySection], ...]:
        """Import and return the section classes of all kinds."""
        return tuple(self[kind] for kind in self)

    def validate(self, value: Any) -> AnySection:
        """Return settings as the section of the kind that they name.

        Raises:
            PydanticCustomError: they name no kind, or an unknown one.
            ValidationError: a setting is unknown, missing or wrong.
        """
        if isinstance(value, self.base):
            return value
        if not isinstance(value, Mapping):
            raise PydanticCustomError("model_type", "Input should be a section")  # noqa: EM101 - a fixed text
        kind = value.get(self.tag, self.default)
        if kind not in self.classes:
            raise self._unknown(kind)
        return self[kind].model_validate({self.tag: kind, **value})

    def default_section(self) -> AnySection:
        """Return the section of the default kind, with its defaults."""
        return self.validate({})

    def _unknown(self, kind: Any) -> PydanticCustomError:
        expected = ", ".join(map(repr, self))
        near = get_close_matches(str(kind), self, n=1)
        context = {"tag": str(kind), "expected_tags": expected, "nearest": near[0] if near else ""}
        return PydanticCustomError("union_tag_invalid", "must be one of {expected_tags}", context)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate through the registry; serialize by the section's own class."""
        serializer = core_schema.plain_serializer_function_ser_schema(
            lambda section, info: section.model_dump(mode=info.mode), info_arg=True
        )
        return core_schema.no_info_plain_validator_function(self.validate, serialization=serializer)

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe all kinds and the default, as a user interface that offers them needs it."""
        union: Any = Annotated[Union[self.sections()], Field(discriminator=self.tag)]  # noqa: UP007 - made at run time
        schema = handler(TypeAdapter(union).core_schema)
        if self.default is not None:
            schema["default"] = self.default_section().model_dump(mode="json")
        return schema
