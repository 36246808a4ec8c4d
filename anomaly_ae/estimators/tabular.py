"""The scikit-learn view: fit, score_samples, decision_function, predict, explain.

Here, and only here, the anomaly score is negated: scikit-learn's `score_samples` is lower for more abnormal rows.
"""

import hashlib
import warnings
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from anomaly_ae.errors import ArtifactError, CalibrationError
from anomaly_ae.estimators.frames import column_names, contract_of, to_table
from anomaly_ae.ingest.contract import ROW_ID
from anomaly_ae.modalities.tables.model import ModelSpec, TableModel, fit_model
from anomaly_ae.networks.row_network import row_network
from anomaly_ae.spec import Spec
from anomaly_ae.spec.file import parse_spec
from anomaly_ae.spec.networks import NETWORKS
from anomaly_ae.split import SplitRule
from anomaly_ae.storage import fingerprint, locate
from anomaly_ae.storage.locations import Location
from anomaly_ae.threshold import Calibration, calibrate_fpr
from anomaly_ae.workspace.description import describe
from anomaly_ae.workspace.model_version import ModelVersion, TrainedModel, serialize_weights

Floats = NDArray[np.float64]


class CalibrationWarning(UserWarning):
    """The threshold promises a higher false-alarm rate than requested."""


class TabularAutoencoder(OutlierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn carries no types
    """An autoencoder that learns normal rows and detects anomalies.

    Accepts an array of numbers, or a DataFrame with numbers, categories, booleans, datetimes and missing cells.

    Args:
        network: a network that reads rows, such as "memory", a denoising autoencoder with a memory of train rows;
            "denoising", without the memory; "textbook", an encoder, a bottleneck and a decoder.
        hidden: widths of the hidden layers; None for the network's default.
        bottleneck: width of the code, for networks that have one; None for the network's default.
        steps: maximum number of weight updates.
        learning_rate: peak of the schedule.
        passes: number of times the reconstruction is fed back before computing its error.
        target_fpr: share of normal rows that may lie above the threshold.
        validation_fraction: share of the rows held out to set the threshold; the network never sees them.
        robust: whether the rows may contain anomalies; if so, rows far from all others are left out.
        device: "auto", "cpu", "cuda" or "mps".
        random_state: seed of split, weights, batches and noise.

    Attributes:
        threshold_: cut on the anomaly score.
        offset_: minus the threshold, as in scikit-learn's outlier detectors.
        promised_fpr_: the rate the threshold promises; above `target_fpr`, with a warning, if there are too few rows;
            None for a loaded rule that promises no rate.
        trimmed_: indices of the rows that `robust` left out, ascending.
        n_features_in_: number of source columns.

    Example:
        >>> import numpy as np
        >>> normal = np.random.default_rng(0).normal(size=(600, 3))
        >>> detector = TabularAutoencoder(steps=50, random_state=0).fit(normal)
        >>> detector.predict([[0.0, 0.0, 0.0], [9.0, -9.0, 9.0]])
        array([ 1, -1])
    """

    def __init__(
        self,
        *,
        network: str = "memory",
        hidden: tuple[int, ...] | None = None,
        bottleneck: int | None = None,
        steps: int = 500,
        learning_rate: float = 1e-2,
        passes: int = 1,
        target_fpr: float = 0.01,
        validation_fraction: float = 0.1,
        robust: bool = False,
        device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.network = network
        self.hidden = hidden
        self.bottleneck = bottleneck
        self.steps = steps
        self.learning_rate = learning_rate
        self.passes = passes
        self.target_fpr = target_fpr
        self.validation_fraction = validation_fraction
        self.robust = robust
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002 - scikit-learn's signature
        """Train on normal rows and set the threshold on those held out.

        Args:
            X: normal rows, `(n, columns)`.
            y: ignored.

        Raises:
            ValueError: there are fewer than two rows, infinite numbers, or no varying columns.
        """
        table = self._table(X, reset=True)
        seed = int(check_random_state(self.random_state).randint(2**31))
        spec = self._spec(seed)
        order = np.random.default_rng(seed).permutation(table.num_rows)
        held_out = max(1, round(table.num_rows * self.validation_fraction))
        model_spec = ModelSpec(spec.features, spec.network, spec.training, spec.scoring)
        self.model_ = fit_model(table.take(order[held_out:]), self.contract_.features, model_spec)
        self.trimmed_ = np.sort(order[held_out:][list(self.model_.trimmed)])
        self.validation_scores_ = np.sort(self.model_.score(table.take(order[:held_out])).anomaly_score)
        self.spec_ = spec
        self._set_threshold(self._achievable())
        return self

    def score_samples(self, X: Any) -> Floats:
        """Return minus the anomaly score of each row, `(n,)`; lower is more abnormal."""
        return -self.anomaly_score(X)

    def anomaly_score(self, X: Any) -> Floats:
        """Return the anomaly score of each row, `(n,)`; higher is more anomalous."""
        check_is_fitted(self)
        return self.model_.score(self._table(X, reset=False)).anomaly_score

    def decision_function(self, X: Any) -> Floats:
        """Return threshold minus anomaly score, `(n,)`; negative for anomalies."""
        decision: Floats = self.score_samples(X) - self.offset_
        return decision

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Return -1 for anomalies and 1 for the rest, `(n,)`."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def explain(self, X: Any) -> pd.DataFrame:
        """Return each source column's contribution to the anomaly score, `(n, columns)`; a row sums to its score."""
        check_is_fitted(self)
        contributions = self.model_.score(self._table(X, reset=False)).contributions
        index = X.index if isinstance(X, pd.DataFrame) else None
        return pd.DataFrame(contributions, columns=list(self.model_.encoder.names), index=index)

    def calibrate(self, X: Any, *, target_fpr: float | None = None) -> Self:
        """Set a new threshold on normal rows that `fit` has not seen; the network does not change.

        Args:
            X: normal rows, `(n, columns)`.
            target_fpr: share of normal rows that may lie above the threshold; default: the estimator's.

        Raises:
            CalibrationError: there are too few rows to promise the rate.
        """
        scores = self.anomaly_score(X)
        calibration = calibrate_fpr(scores, self.target_fpr if target_fpr is None else target_fpr)
        self.validation_scores_ = np.sort(scores)
        self._set_threshold(calibration)
        return self

    def save(self, directory: str | Location) -> None:
        """Publish the fitted detector as a model version that the pipeline can read too."""
        check_is_fitted(self)
        settings = self.spec_.model_dump(mode="json", exclude={"threshold"})
        weights = hashlib.sha256(serialize_weights(self.model_.network)).hexdigest()
        version = fingerprint([settings, self.model_.encoder.model_dump(mode="json"), weights])
        description = describe(
            self.model_,
            version=version,
            spec=self.spec_,
            contract=self.contract_,
            split_rule=SplitRule(spec=self.spec_.split, key=ROW_ID),
            split={"validation_rows_used": len(self.validation_scores_)},
            data={"dataset": "in memory", "sources": []},
            trimmed=[str(row) for row in self.trimmed_],
        )
        validation = pa.table({"anomaly_score": self.validation_scores_})
        ModelVersion.save(locate(directory), TrainedModel(description, self.model_, self.calibration_, validation))

    @classmethod
    def load(cls, directory: str | Location) -> Self:
        """Load a detector from a model version.

        Raises:
            ArtifactError: a file is missing or altered, or the model is not one of tables.
        """
        saved = ModelVersion.open(locate(directory)).load()
        if not isinstance(saved.model, TableModel):
            msg = f"{directory} holds a model of {saved.description.contract.modality}, not of tables"
            raise ArtifactError(msg)
        spec, network = saved.description.spec, row_network(saved.description.spec.network)
        detector = cls(
            network=network.kind,
            hidden=getattr(network, "hidden", None),
            bottleneck=getattr(network, "bottleneck", None),
            steps=spec.training.steps,
            learning_rate=spec.training.learning_rate,
            passes=spec.scoring.passes,
            robust=spec.training.robust,
            validation_fraction=spec.split.validation,
            random_state=spec.training.seed,
        )
        if saved.calibration.target_fpr is not None:
            detector.target_fpr = saved.calibration.target_fpr
        detector.model_, detector.contract_, detector.spec_ = saved.model, saved.description.contract, spec
        detector.validation_scores_ = saved.validation_scores
        detector.trimmed_ = np.array(saved.description.trimmed)
        names = np.array(saved.model.encoder.names, dtype=object)
        detector.n_features_in_ = len(names)
        if names.tolist() != column_names(len(names)):
            detector.feature_names_in_ = names
        detector._set_threshold(saved.calibration)
        return detector

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _table(self, X: Any, *, reset: bool) -> pa.Table:
        """Validate rows and convert them to the contract of `fit`."""
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, reset=reset, skip_check_array=True)
            frame = X
        else:
            checked = validate_data(self, X, reset=reset, ensure_all_finite="allow-nan", ensure_min_samples=1 + reset)
            frame = pd.DataFrame(checked, columns=column_names(checked.shape[1]))
        if reset:
            self.contract_ = contract_of(frame)
        return to_table(frame, self.contract_)

    def _spec(self, seed: int) -> Spec:
        """Return this estimator's parameters as a spec of the pipeline."""
        network: dict[str, Any] = {"kind": self.network}
        if self.hidden is not None:
            network["hidden"] = self.hidden
        if self.bottleneck is not None and self._has_bottleneck():
            network["bottleneck"] = self.bottleneck
        validation = self.validation_fraction
        return parse_spec(
            {
                "data": {"source": "in memory"},
                "split": {"train": (1 - validation) * 0.99, "validation": validation, "test": (1 - validation) * 0.01},
                "network": network,
                "training": {
                    "steps": self.steps,
                    "learning_rate": self.learning_rate,
                    "robust": self.robust,
                    "seed": seed,
                    "device": self.device,
                },
                "scoring": {"passes": self.passes},
                "threshold": {"target_fpr": self.target_fpr},
            }
        )

    def _has_bottleneck(self) -> bool:
        return self.network in NETWORKS.classes and "bottleneck" in NETWORKS[self.network].model_fields

    def _achievable(self) -> Calibration:
        """Calibrate to `target_fpr`, or warn and use the smallest rate that the held-out rows can promise."""
        try:
            return calibrate_fpr(self.validation_scores_, self.target_fpr)
        except CalibrationError as error:
            smallest = 1 / (len(self.validation_scores_) + 1)
            if smallest <= self.target_fpr:
                raise
            warnings.warn(f"{error} The threshold promises {smallest:.3g} instead.", CalibrationWarning, stacklevel=3)
            return calibrate_fpr(self.validation_scores_, smallest)

    def _set_threshold(self, calibration: Calibration) -> None:
        self.calibration_ = calibration
        self.threshold_ = calibration.threshold
        self.offset_ = -calibration.threshold
        self.promised_fpr_ = calibration.target_fpr
