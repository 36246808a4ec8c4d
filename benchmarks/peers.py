"""The methods that can be compared, by name. PyOD's are at their library defaults.

Libraries are imported when a method is fitted, so each method runs without the others' libraries.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

Score = Callable[[Any], np.ndarray]
"""Rows to anomaly scores, higher = more anomalous."""
Fit = Callable[[Any, int], Score]
"""Train rows and a seed to a `Score`."""

OURS = "anomaly_ae"
HELD_OUT = 0.1
"""Share of the train rows held out for the threshold, as in our detector."""


@dataclass(frozen=True)
class Method:
    """A method.

    Attributes:
        fit: takes train rows and a seed, returns a function from rows to scores.
        needs: the module it imports, which is loaded before the clock starts.
        takes_raw: whether it takes raw columns instead of encoded and standardised ones.
    """

    fit: Fit
    needs: str
    takes_raw: bool = False


def pyod(module: str, name: str, **settings: Any) -> Method:
    """Return a detector of PyOD at its defaults except for `settings`."""
    needs = f"pyod.models.{module}"

    def fit(X: np.ndarray, seed: int) -> Score:
        detector_class = getattr(import_module(needs), name)
        known = inspect.signature(detector_class).parameters
        given = {"random_state": seed, "n_features": X.shape[1], "verbose": 0, **settings}
        detector = detector_class(**{key: value for key, value in given.items() if key in known})
        detector.fit(X)
        return lambda rows: np.asarray(detector.decision_function(rows))

    return Method(fit, needs)


def fit_ours(X: Any, seed: int) -> Score:
    """Fit our detector at its defaults."""
    from anomaly_ae.estimators.tabular import TabularAutoencoder  # noqa: PLC0415  peers run without it

    detector = TabularAutoencoder(random_state=seed).fit(X)
    return lambda rows: -np.asarray(detector.score_samples(rows))


def our_network(network: dict[str, Any], steps: int) -> Method:
    """Return a method that does the same as the pipeline: train a network, and calibrate on a tenth of the rows.

    Args:
        network: the network section of a spec.
        steps: maximum number of weight updates.
    """
    from anomaly_ae.estimators.frames import contract_of, to_table  # noqa: PLC0415  peers run without it
    from anomaly_ae.modalities.tables.model import ModelSpec, fit_model  # noqa: PLC0415
    from anomaly_ae.spec.file import parse_spec  # noqa: PLC0415
    from anomaly_ae.threshold import calibrate_fpr  # noqa: PLC0415

    def fit(X: np.ndarray, seed: int) -> Score:
        spec = parse_spec(
            {"data": {"source": "memory"}, "network": network, "training": {"steps": steps, "seed": seed}}
        )
        frame = pd.DataFrame(X).rename(columns=str)
        contract = contract_of(frame)
        held_out = np.random.default_rng(seed).random(len(X)) < HELD_OUT
        model_spec = ModelSpec(spec.features, spec.network, spec.training, spec.scoring)
        model = fit_model(to_table(frame[~held_out], contract), contract.features, model_spec)

        def score(rows: np.ndarray) -> np.ndarray:
            return model.score(to_table(pd.DataFrame(rows).rename(columns=str), contract)).anomaly_score

        calibrate_fpr(score(X[held_out]), spec.threshold.target_fpr)
        return score

    return Method(fit, "anomaly_ae.modalities.tables.model", takes_raw=True)


METHODS: dict[str, Method] = {
    OURS: Method(fit_ours, "anomaly_ae.estimators.tabular", takes_raw=True),
    "AutoEncoder": pyod("auto_encoder", "AutoEncoder"),
    "CBLOF": pyod("cblof", "CBLOF"),
    "COPOD": pyod("copod", "COPOD"),
    "DeepSVDD": pyod("deep_svdd", "DeepSVDD"),
    "ECOD": pyod("ecod", "ECOD"),
    "GMM": pyod("gmm", "GMM"),
    "HBOS": pyod("hbos", "HBOS"),
    "IForest": pyod("iforest", "IForest"),
    "KNN": pyod("knn", "KNN"),
    "KNN-mean5": pyod("knn", "KNN", method="mean"),
    "LOF": pyod("lof", "LOF"),
    "LUNAR": pyod("lunar", "LUNAR"),
    "MCD": pyod("mcd", "MCD"),
    "OCSVM": pyod("ocsvm", "OCSVM"),
    "PCA": pyod("pca", "PCA"),
    "VAE": pyod("vae", "VAE"),
}


def find_method(name: str) -> Method:
    """Return a method by its name, or from `name=module:function`, the user's own `Fit`, which takes raw columns.

    Raises:
        KeyError: the name is unknown.
    """
    label, _, path = name.partition("=")
    if path:
        module, _, function = path.partition(":")
        return Method(getattr(import_module(module), function), module, takes_raw=True)
    if label not in METHODS:
        msg = f"unknown method {label!r}; choose one of {', '.join(METHODS)}"
        raise KeyError(msg)
    return METHODS[label]
