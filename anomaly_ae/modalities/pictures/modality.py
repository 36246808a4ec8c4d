"""Pictures: one file each, with a mask where somebody marked what is anomalous."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from anomaly_ae.errors import SourceError
from anomaly_ae.evaluation.pixels import PixelMetrics
from anomaly_ae.ingest.apply import Applied
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.ingest.pictures.contract import picture_contract
from anomaly_ae.ingest.pictures.facts import picture_facts
from anomaly_ae.ingest.pictures.find import container_of, find_pictures, is_picture
from anomaly_ae.ingest.pictures.parquet_files import holds_pictures
from anomaly_ae.ingest.pictures.readers import PictureFile
from anomaly_ae.ingest.pictures.source import PictureFileSource
from anomaly_ae.ingest.pictures.stream import stream_pictures
from anomaly_ae.ingest.rows import RowStore
from anomaly_ae.ingest.source import Source
from anomaly_ae.ingest.table_files import SUFFIXES, is_table
from anomaly_ae.ingest.writer import group_bytes
from anomaly_ae.modalities.modality import ReadBeside
from anomaly_ae.modalities.pictures.columns import SCORED_COLUMNS
from anomaly_ae.modalities.pictures.masks import judge_maps
from anomaly_ae.modalities.pictures.starter_spec import starter_pictures
from anomaly_ae.modalities.pictures.summary import summarise_pictures
from anomaly_ae.spec import DataSpec, NetworkSection, Spec
from anomaly_ae.split import SplitRule
from anomaly_ae.storage.locations import Location

if TYPE_CHECKING:
    from torch import Tensor

    from anomaly_ae.modalities.model import Fitted
    from anomaly_ae.modalities.pictures.files import PictureFiles
    from anomaly_ae.modalities.pictures.model import PictureModel, PictureParts
    from anomaly_ae.training import Check, Conduct


class Pictures:
    """The modality of pictures; see `Modality` for what each method promises."""

    name = "pictures"
    plural = "pictures"
    formats = frozenset({"pictures"})
    scored_columns = SCORED_COLUMNS
    tells_stories = False
    """Reasons are places, and the same place shows something else in another picture."""
    report_sections: tuple[str, ...] = ("anomaly_ae.report.sections.gallery",)

    def recognises(self, paths: Sequence[Location], source: str) -> bool:
        """Take loose pictures and their containers, and Parquet files if all of them hold pictures."""
        loose = any(is_picture(path) for path in paths)
        tables = [path for path in paths if is_table(path)]
        if tables and all(path.suffix in {".parquet", ".pq"} and holds_pictures(path) for path in tables):
            return True
        if loose and tables:
            msg = (
                f"{source} holds tables ({tables[0].name}) and pictures; set data.format to pictures, or to that of "
                f"the tables ({', '.join(sorted(set(SUFFIXES.values())))})"
            )
            raise SourceError(msg)
        return not tables and (loose or any(map(container_of, paths)))

    def find(self, data: DataSpec) -> PictureFileSource:
        """Find loose pictures and their containers."""
        return PictureFileSource(data, self.name, tuple(find_pictures(data.source)))

    def infer_contract(self, source: Source[PictureFile]) -> Contract:
        """Take the columns that pictures always have, and the label from the names of folders."""
        return picture_contract(source.parts, source.data)

    def read(self, source: Source[PictureFile], contract: Contract) -> Iterator[tuple[str, Applied]]:
        """Decode every picture once."""
        return stream_pictures(source.parts, source.data, contract)

    def row_groups(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Cut rows into groups of about equally many bytes."""
        return group_bytes(batches)

    def facts(self, parts: Sequence[Location]) -> dict[str, Any]:
        """Count kinds, sizes, modes, masks and copies."""
        return {"pictures": picture_facts(parts)}

    def starter_spec(self, source: Source[PictureFile], name: str) -> str:
        """Propose split, network and threshold from a summary of some pictures."""
        summary = summarise_pictures(source.parts, source.data)
        return starter_pictures(summary, self.infer_contract(source).label, name)

    def choose_network(self, rows: RowStore) -> NetworkSection:
        """Choose feature maps for photographs, and pixels for smaller pictures."""
        from anomaly_ae.modalities.pictures.networks import choose_network  # noqa: PLC0415 - loads torch

        return choose_network(rows)

    def fit(self, rows: RowStore, rule: SplitRule, spec: Spec, conduct: "Conduct") -> "Fitted":
        """Fit the network, and learn from the maps of validation pictures which errors are normal where."""
        from anomaly_ae.modalities.pictures.model import fit_pictures  # noqa: PLC0415 - loads torch

        return fit_pictures(rows, rule, spec, conduct)

    def parts_type(self) -> "type[PictureParts]":
        """Return plan, colour scale and expected errors by region."""
        from anomaly_ae.modalities.pictures.model import PictureParts  # noqa: PLC0415 - loads torch

        return PictureParts

    def rebuild(
        self, parts: "PictureParts", tensors: "Mapping[str, Tensor]", spec: Spec, history: "tuple[Check, ...]"
    ) -> "PictureModel":
        """Rebuild a model, with the backbone it was trained with."""
        from anomaly_ae.modalities.pictures.model import PictureModel  # noqa: PLC0415 - loads torch

        return PictureModel.rebuild(parts, tensors, spec, history)

    def open_files(self, parts: "PictureParts", spec: Spec, directory: Location, part: str) -> "PictureFiles":
        """Write anomaly maps and overlays."""
        from anomaly_ae.modalities.pictures.files import PictureFiles  # noqa: PLC0415 - loads torch

        return PictureFiles(directory, part, parts.map_scale, spec.pictures.overlays, spec.pictures.max_overlays)

    def baselines(self, parts: "PictureParts", spec: Spec, contract: Contract) -> None:
        """Compare with nothing: the simple methods read tables."""

    def locate(self, scored: Location, beside: ReadBeside) -> PixelMetrics:
        """Judge anomaly maps against masks, pixel by pixel."""
        return judge_maps(scored, beside)
