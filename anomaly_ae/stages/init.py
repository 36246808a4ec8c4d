"""Init: inspect the data and write a commented starter spec."""

import os
from pathlib import Path

from anomaly_ae.modalities import find_source, modality_of
from anomaly_ae.spec import DataSpec
from anomaly_ae.storage.locations import Location


def init(source: str, spec: Location) -> str:
    """Return a starter spec for a source, as YAML.

    Args:
        source: a file, a directory or a glob, from the current directory.
        spec: where the spec will be written; the source is named relative to it.

    Raises:
        AnomalyAEError: the source cannot be found or read, or holds nothing to learn from.
    """
    found = find_source(DataSpec(source=source))
    return modality_of(found.modality).starter_spec(found, _seen_from(source, spec))


def _seen_from(source: str, spec: Location) -> str:
    if "://" in source or Path(source).is_absolute():
        return source
    if not isinstance(spec, Path):
        return str(Path(source).absolute())
    return os.path.relpath(source, spec.absolute().parent)
