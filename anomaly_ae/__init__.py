"""Autoencoder anomaly detection: raw rows in, scored Parquet with a stated false-alarm rate out.

    flows, cli             what people start: Prefect flows, the command line
    steps                  what both call: paths and specs in, a small result out
    detector               the scikit-learn view of the same model
    artifact, registry     model versions on disk: safetensors and JSON; which one a name stands for
    report, feedback       what an analyst reads, and what is remembered of the answer
    models                 what scores, one file a modality: tables, pictures
    evaluation             what was found, with intervals, beside simpler methods
    monitoring, threshold  a cut with a stated false-alarm rate, and whether it may still be trusted
    stories, reasons       why a row is an anomaly, and what several have in common
    scoring                a row's reconstruction, its error, its score
    training, networks     the one loop, and the autoencoders it trains
    features, split        columns and pictures to elements; train, validation and test that never share a row
    scored                 the scored table, and the maps of pictures
    ingest, storage        raw files to one dataset under a contract; directories that appear whole

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
