"""The networks one may choose from, one section a kind."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from anomaly_ae.spec.sections import Section, Widths


class TextbookNetwork(Section):
    """The textbook autoencoder: an encoder to a bottleneck and its mirror image, fed with clean rows."""

    kind: Literal["textbook"] = "textbook"
    hidden: Widths = Field((256,), description="widths between input and bottleneck")
    bottleneck: int = Field(64, ge=1, description="width of the code; at most half of the elements")


class DenoisingNetwork(Section):
    """The multi-scale denoising autoencoder: fed with rows at many noise levels, taught to return the clean row."""

    kind: Literal["denoising"] = "denoising"
    hidden: Widths = Field((256, 256), description="widths between input and output")
    members: int = Field(2, ge=1, description="networks side by side, each trained without a share of the rows")
    noise_min: float = Field(0.05, gt=0, description="noise standard deviation, in units of a column's own; per row")
    noise_max: float = Field(0.5, gt=0, description="drawn log-uniformly between noise_min and noise_max")

    @model_validator(mode="after")
    def _noise_is_a_range(self) -> Self:
        if self.noise_min > self.noise_max:
            msg = f"noise_min {self.noise_min:g} is above noise_max {self.noise_max:g}"
            raise ValueError(msg)
        return self


class MemoryNetwork(DenoisingNetwork):
    """The denoising autoencoder with a memory: rows are also reconstructed from the nearest stored train rows.

    There are two memories, one of the elements as they are and one of the whitened elements.
    """

    kind: Literal["memory"] = "memory"  # type: ignore[assignment] # a kind of its own
    rows: int = Field(4096, ge=2, description="train rows stored; the model version holds them")
    neighbours: int = Field(3, ge=1, description="nearest stored rows that reconstruct a row")
    shrinkage: float = Field(0.1, gt=0, le=1, description="of the covariance before whitening")


NetworkSpec = Annotated[MemoryNetwork | DenoisingNetwork | TextbookNetwork, Field(discriminator="kind")]
