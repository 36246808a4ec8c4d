"""Modalities: kinds of rows, one package and one registration line each.

Importing this package loads no torch: what a modality needs for fitting and scoring it imports when it is asked to.
"""

from collections.abc import Callable, Iterator
from typing import Any

from anomaly_ae.errors import ArtifactError
from anomaly_ae.ingest.rows import RowStore
from anomaly_ae.ingest.source import Source, SourcePart
from anomaly_ae.ingest.source_file import root_of, visible_files
from anomaly_ae.modalities.modality import Modality
from anomaly_ae.modalities.pictures.modality import Pictures
from anomaly_ae.modalities.tables.modality import Tables
from anomaly_ae.spec import DataSpec, Spec
from anomaly_ae.storage import expand, locate, reach
from anomaly_ae.storage.locations import Location

__all__ = ["MODALITIES", "Modality", "decide", "find_source", "modality_of"]

MODALITIES: tuple[Modality[Any], ...] = (
    Pictures(),
    Tables(),
)
"""In the order in which they are asked whether they recognise a source; tables are last, as they take what is left."""


def modality_of(name: str) -> Modality[Any]:
    """Return the modality that a contract or a model names.

    Raises:
        ArtifactError: this release has none of that name.
    """
    for modality in MODALITIES:
        if modality.name == name:
            return modality
    known = ", ".join(modality.name for modality in MODALITIES)
    msg = f"this release of anomaly_ae knows no modality {name!r}; it knows {known}"
    raise ArtifactError(msg)


def find_source(data: DataSpec) -> Source[SourcePart]:
    """Find what `data.source` names, and tell of which modality it is.

    Raises:
        SourceError: nothing is found, or the modality or format cannot be told.
        StorageError: the place cannot be reached.
    """
    return next(source for find in SOURCES if (source := find(data)) is not None)


def find_files(data: DataSpec) -> Source[SourcePart]:
    """Find the files that `data.source` names; errors as of `find_source`."""
    reach(root_of(data.source))
    source: Source[SourcePart] = _modality_in(data).find(data)
    return source


SOURCES: tuple[Callable[[DataSpec], Source[SourcePart] | None], ...] = (find_files,)
"""Kinds of sources, each of which returns None for what it does not read; files are last, as they take any path."""


def _modality_in(data: DataSpec) -> Modality[Any]:
    """Tell the modality of a source: as `data.format` says, else by the files there are."""
    if data.format != "auto":
        return next(modality for modality in MODALITIES if data.format in modality.formats)
    paths = list(_files(data.source))
    return next(modality for modality in MODALITIES if modality.recognises(paths, data.source))


def _files(source: str) -> Iterator[Location]:
    path = locate(source)
    if path.is_dir():
        yield from visible_files(path)
    else:
        yield from [path] if path.is_file() else expand(source)


def decide(spec: Spec, dataset: RowStore) -> Spec:
    """Return the spec with its network chosen by the dataset, where the spec leaves it open.

    A model version is named after the spec that this returns: a release that chooses another network makes another
    version.
    """
    if not spec.network.is_open:
        return spec
    network = modality_of(dataset.contract.modality).choose_network(dataset)
    return spec.model_copy(update={"network": network})
