"""The model of pictures: what turns them into features, the network, and its anomaly maps."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from pydantic import AliasChoices, Field
from torch import Tensor
from torch.nn.functional import pad

from anomaly_ae.features.pictures import PictureBatch, read_pictures
from anomaly_ae.ingest.rows import RowStore
from anomaly_ae.modalities.model import Fitted, ModelParts
from anomaly_ae.modalities.pictures.networks import decide_format
from anomaly_ae.modalities.pictures.rows import ROWS_AT_ONCE, PictureRows
from anomaly_ae.modalities.pictures.scores import (
    PictureScores,
    contribute,
    mean_of_regions,
    of_pictures,
    region_reasons,
)
from anomaly_ae.networks.picture_network import (
    PICTURES_AT_ONCE,
    FeatureExtractor,
    PictureAutoencoder,
    PictureExamination,
    PictureFormat,
    RawPixels,
    picture_network,
)
from anomaly_ae.networks.threads import side_by_side
from anomaly_ae.scoring.maps import MapScale
from anomaly_ae.scoring.scores import Scores
from anomaly_ae.spec import NetworkSection, Spec
from anomaly_ae.split import SplitRule, gather
from anomaly_ae.threshold import validation_rows
from anomaly_ae.training import UNATTENDED, Check, Conduct

_MAPS_FOR_SCALE = 1000
"""Validation maps that the colour scale is derived from."""


class PictureParts(ModelParts):
    """What `model.json` says of a model of pictures, besides its spec.

    Attributes:
        format: that to which pictures are brought, and the network that reads them; `plan` in older versions.
        map_scale: what the maps of validation pictures show.
        expected: mean of each region in the maps of validation pictures.
        backbone_sha256: of the backbone's weights; None without one.
    """

    kind: Literal["pictures"] = "pictures"
    format: PictureFormat = Field(validation_alias=AliasChoices("format", "plan"))
    map_scale: MapScale
    expected: tuple[float, ...]
    backbone_sha256: str | None = None

    @property
    def summary(self) -> str:
        """A short phrase for what the autoencoder reads."""
        colours = "grey" if self.format.colours == 1 else "colour"
        pictures = f"{colours} pictures at {self.format.size} x {self.format.size} pixels"
        summary = picture_network(self.format.network).summary
        return pictures if summary is None else f"{summary}, {pictures}"

    @property
    def scored_facts(self) -> dict[str, Any]:
        """The colour scale, on which report and overlays draw every map."""
        return {"map_scale": self.map_scale.model_dump()}

    def fitted_network(self, spec: Spec) -> NetworkSection:  # noqa: ARG002 - the protocol's signature
        """Return the network that was planned for the train pictures."""
        return self.format.network


@dataclass(frozen=True)
class PictureModel:
    """A trained autoencoder of pictures.

    Attributes:
        network: makes maps, in evaluation mode.
        parts: what the pictures are brought to, and what normal ones show.
        reasons_count: regions named per picture.
        extract: turns pictures into what the network reads; not part of the model version.
        history: the checks of its training.
        batch_rows: pictures that scoring reads at once.
    """

    network: PictureAutoencoder
    parts: PictureParts
    reasons_count: int
    extract: FeatureExtractor = field(default_factory=RawPixels)
    history: tuple[Check, ...] = ()
    batch_rows: ClassVar[int] = ROWS_AT_ONCE

    @classmethod
    def rebuild(
        cls, parts: PictureParts, tensors: Mapping[str, Tensor], spec: Spec, history: tuple[Check, ...]
    ) -> Self:
        """Rebuild the model from what a model version holds.

        Raises:
            SpecError: the backbone is not installed, or has other weights than the model was trained with.
        """
        kind = picture_network(parts.format.network)
        network = kind.empty_for_pictures(parts.format, tensors)
        network.load_state_dict(dict(tensors), strict=True)
        extract = kind.feature_extractor(parts.backbone_sha256)
        return cls(network.eval(), parts, spec.scoring.reasons, extract, history)

    @property
    def map_scale(self) -> MapScale:
        """The colour scale of all maps, derived from validation pictures."""
        return self.parts.map_scale

    def score(self, rows: pa.Table | pa.RecordBatch) -> PictureScores:
        """Score rows that hold a column `picture`."""
        return self.score_pictures(read_pictures(rows, self.parts.format.size, self.parts.format.colours))

    def reasons(self, rows: pa.Table | pa.RecordBatch, scores: Scores) -> pa.ListArray:  # noqa: ARG002 - see below
        """Return the regions that add most to each picture's score, as the scored table holds them.

        The scores suffice; other modalities also need the rows.

        Raises:
            TypeError: the scores are of another kind of model.
        """
        return region_reasons(of_pictures(scores), np.array(self.parts.expected), self.reasons_count)

    def score_all(self, pictures: PictureRows) -> Iterator[PictureScores]:
        """Score pictures batch by batch."""
        return (self.score_pictures(batch) for batch in pictures)

    def score_pictures(self, pictures: PictureBatch) -> PictureScores:
        """Score pictures that are decoded and have the network's size."""
        examined = list(side_by_side(self._examine, _full_batches(pictures.values)))
        count = len(pictures.values)
        maps, error = (
            torch.cat([getattr(batch, name) for batch in examined])[:count].cpu().numpy() for name in ("maps", "error")
        )
        shown = [batch.reconstruction for batch in examined if batch.reconstruction is not None]
        return PictureScores(
            reconstruction_error=error.astype(np.float64),
            contributions=contribute(maps, self.parts.format.top_share),
            reconstruction=torch.cat(shown)[:count].cpu().numpy() if shown else np.empty((count, 0), np.float32),
            maps=maps,
            sizes=pictures.sizes,
        )

    def _examine(self, pictures: Tensor) -> PictureExamination:
        on_device = pictures.to(next(self.network.parameters()).device)
        return self.network.examine(self.extract(on_device))


def fit_pictures(dataset: RowStore, rule: SplitRule, spec: Spec, conduct: Conduct = UNATTENDED) -> Fitted:
    """Fit a model on a dataset's train pictures and score its validation pictures.

    Raises:
        AnomalyAEError: the pictures cannot be split or trained on, or the backbone is missing.
    """
    split = gather(dataset, rule, spec.training.max_rows)
    picture_format, network = decide_format(dataset, split.train, spec), picture_network(spec.network)
    extract = network.feature_extractor()
    pictures = PictureRows.of(dataset, split.train, picture_format.size, picture_format.colours)
    autoencoder, history = network.fit_pictures(pictures, picture_format, extract, spec, conduct)
    parts = PictureParts(
        format=picture_format, map_scale=MapScale(low=0, high=1), expected=(), backbone_sha256=extract.weights_sha256
    )
    model = PictureModel(autoencoder, parts, spec.scoring.reasons, extract, history)
    validation = PictureRows.of(dataset, split.validation, picture_format.size, picture_format.colours)
    scores, parts = _look_at_validation(model, validation)
    rows = validation_rows(split.validation, scores, dataset.contract)
    return Fitted(replace(model, parts=parts), rows, split.facts)


def _look_at_validation(model: PictureModel, pictures: PictureRows) -> tuple[NDArray[np.float64], PictureParts]:
    """Score validation pictures, and learn from their maps which errors are normal where."""
    scores: list[NDArray[np.float64]] = []
    regions: list[NDArray[np.float64]] = []
    maps: list[NDArray[np.float32]] = []
    for batch in model.score_all(pictures):
        scores.append(batch.anomaly_score)
        regions.append(mean_of_regions(batch.maps))
        if len(maps) * ROWS_AT_ONCE < _MAPS_FOR_SCALE:
            maps.append(batch.maps.ravel())
    low, high = np.quantile(np.concatenate(maps), [0.5, 0.999]).tolist()
    expected = np.concatenate(regions).mean(axis=0)
    learned = {"map_scale": MapScale(low=low, high=high), "expected": tuple(expected.tolist())}
    return np.concatenate(scores), model.parts.model_copy(update=learned)


def _full_batches(values: NDArray[np.float32]) -> Iterator[Tensor]:
    """Yield batches of `PICTURES_AT_ONCE` pictures; the last is padded with black ones."""
    for start in range(0, len(values), PICTURES_AT_ONCE):
        batch = torch.from_numpy(values[start : start + PICTURES_AT_ONCE])
        yield pad(batch, (0, 0, 0, 0, 0, 0, 0, PICTURES_AT_ONCE - len(batch)))
