"""What every section of the spec is: immutable, and closed to unknown keys."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A part of the spec: immutable, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


Scalar = bool | int | float | str
Share = Annotated[float, Field(gt=0, lt=1)]
Widths = tuple[Annotated[int, Field(ge=1)], ...]
