"""Autoencoder anomaly detection: raw rows in, scored Parquet with a stated false-alarm rate out.

    flows, cli                                what people start: Prefect flows, the command line
    stages                                    ingest, train, calibrate, score, judge, report
    workspace, report, estimators             what is on disk; the page; the scikit-learn view
    modalities                                tables and pictures, from the source to the report
    monitoring, evaluation, threshold,
      stories, feedback                       what is known about scores
    training, scoring, networks, features,
      split                                   elements, weights, scores
    ingest                                    sources, readers, the contract, rejected rows
    spec, storage, errors                     the settings; files that appear whole; the errors

Imports point down this list. Names below are loaded when first used: `import anomaly_ae` does not load torch.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anomaly_ae.errors import (
        AnomalyAEError,
        ArtifactError,
        CalibrationError,
        ContractError,
        SourceError,
        SpecError,
        SplitError,
        StorageError,
        TrainingError,
    )
    from anomaly_ae.estimators.tabular import CalibrationWarning, TabularAutoencoder
    from anomaly_ae.spec import Spec
    from anomaly_ae.spec.file import load_spec
    from anomaly_ae.stages.calibrate import calibrate
    from anomaly_ae.stages.pipeline import run

__version__ = version("anomaly_ae")

_HOMES = {
    "TabularAutoencoder": "estimators.tabular",
    "CalibrationWarning": "estimators.tabular",
    "Spec": "spec",
    "load_spec": "spec.file",
    "calibrate": "stages.calibrate",
    "run": "stages.pipeline",
    "AnomalyAEError": "errors",
    "SpecError": "errors",
    "SourceError": "errors",
    "ContractError": "errors",
    "SplitError": "errors",
    "TrainingError": "errors",
    "CalibrationError": "errors",
    "ArtifactError": "errors",
    "StorageError": "errors",
}

__all__ = [
    "AnomalyAEError",
    "ArtifactError",
    "CalibrationError",
    "CalibrationWarning",
    "ContractError",
    "SourceError",
    "Spec",
    "SpecError",
    "SplitError",
    "StorageError",
    "TabularAutoencoder",
    "TrainingError",
    "__version__",
    "calibrate",
    "load_spec",
    "run",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module, the first time it is asked for."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
