"""Tracking: a model version as a run of MLflow, if ANOMALY_AE_TRACKING=mlflow; a view, and never read back.

One run a version: what it was made from as parameters, its threshold and its own metrics as metrics, where it lies as a
tag. A server that does not answer costs the entry, not the model: that is logged, and entered by the next training.
"""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from anomaly_ae.errors import SpecError
from anomaly_ae.evaluation.metrics import Metrics
from anomaly_ae.workspace.description import ModelDescription
from anomaly_ae.workspace.model_version import ModelVersion
from anomaly_ae.workspace.scored_table import ScoredTable
from anomaly_ae.workspace.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

SETTING, URI = "ANOMALY_AE_TRACKING", "MLFLOW_TRACKING_URI"
VERSION = "anomaly_ae.version"
MADE_FROM = ("split", "features", "network", "pictures", "training", "scoring", "threshold")
_MAX_CHARACTERS = 500
"""Characters of a parameter that every MLflow store takes."""

_log = logging.getLogger(__name__)


def is_tracked() -> bool:
    """Say whether versions are to be entered, and refuse, before anything is computed, what cannot be.

    Raises:
        SpecError: the setting is unknown, MLflow is not installed, or nobody said where it is.
    """
    asked = os.environ.get(SETTING, "off")
    if asked == "off":
        return False
    if asked != "mlflow":
        msg = f"{SETTING} is {asked!r}; it may be mlflow, or off"
        raise SpecError(msg)
    try:
        import mlflow  # noqa: F401, PLC0415 - an extra, and it takes seconds to load
    except ImportError as error:
        msg = f"{SETTING}=mlflow needs the extra: pip install 'anomaly_ae[mlflow]'"
        raise SpecError(msg) from error
    if not os.environ.get(URI):
        msg = f"{SETTING}=mlflow needs {URI} too, as http://host:5000 or sqlite:////path/mlflow.db"
        raise SpecError(msg)
    return True


def track_training(model: ModelVersion) -> None:
    """Enter a version: what it was made from, its threshold, and where it lies.

    Raises:
        SpecError: as `is_tracked`.
    """
    if not is_tracked():
        return
    about, calibration = model.description, model.calibration
    facts = {"location": str(model.directory), "promise": calibration.promise, "dataset": about.data["dataset"]}
    _enter(
        about,
        metrics={"threshold": calibration.threshold, "target_fpr": calibration.target_fpr},
        params=_flat(about.spec.model_dump(mode="json", include=set(MADE_FROM))),
        tags={f"anomaly_ae.{name}": value for name, value in facts.items()},
    )


def track_metrics(table: ScoredTable, metrics: Metrics) -> None:
    """Enter the metrics of a version on the test rows of the dataset it was made from; others are not its own.

    Raises:
        SpecError: as `is_tracked`.
    """
    if not is_tracked():
        return
    about = Workspace.holding(table.directory).model(table.manifest.model_version).description
    if table.manifest.dataset != about.data["dataset"]:
        return
    from anomaly_ae.evaluation.metrics import NAMES  # noqa: PLC0415 - loads scikit-learn

    _enter(about, metrics={name: getattr(metrics, name) for name in NAMES})


def _enter(
    about: ModelDescription,
    metrics: dict[str, float | None],
    params: Iterable[tuple[str, Any]] = (),
    tags: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write into the run of a version; a store that fails is passed over, and said so."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415 - an extra, and it takes seconds to load
    from mlflow.tracking import MlflowClient  # noqa: PLC0415 - as above

    try:
        client = MlflowClient()
        run = _run_of(client, about)
        for name, value in params:
            client.log_param(run, name, str(value)[:_MAX_CHARACTERS])
        for name, number in metrics.items():
            if number is not None:
                client.log_metric(run, name, number)
        for name, text in tags.items():
            client.set_tag(run, name, text)
        client.set_terminated(run)
    except MlflowException as error:
        _log.warning("%s is not entered in MLflow: %s", about.version, error)


def _run_of(client: "MlflowClient", about: ModelDescription) -> str:
    known = client.get_experiment_by_name(about.name)
    experiment = known.experiment_id if known else client.create_experiment(about.name)
    found = client.search_runs([experiment], f"tags.`{VERSION}` = '{about.version}'")
    made = found[0] if found else client.create_run(experiment, run_name=about.version, tags={VERSION: about.version})
    return str(made.info.run_id)


def _flat(sections: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield settings by their dotted names."""
    for name, value in sections.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value
