"""How pictures are brought to the network, and from its maps to a score and to overlays."""

from typing import Literal

from pydantic import Field

from anomaly_ae.spec.sections import Section


class PictureSpec(Section):
    """Size and colours that the network sees, what of its map counts, and what is drawn of it; for pictures only."""

    size: int | None = Field(
        None,
        ge=8,
        le=1024,
        description="pixels on each side; default: 256 for feature maps, else that of the train pictures, at most 64",
    )
    colours: Literal["auto", "grey", "rgb"] = Field("auto", description="auto: grey where all train pictures are")
    top_share: float | None = Field(
        None,
        gt=0,
        le=1,
        description="share of the map, its hottest, whose mean is the score; default: 0.01, and 1 for dense networks",
    )
    cache_bytes: int = Field(
        4 << 30, ge=0, description="disk for feature maps while training; beyond it they are computed again"
    )
    overlays: Literal["alerts", "all", "none"] = Field(
        "alerts", description="pictures that get an overlay beside the scored table, a PNG of the map in colours"
    )
    max_overlays: int = Field(500, ge=0, description="overlays of one part of the scored table; the hottest")
