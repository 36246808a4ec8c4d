"""The methods that can be compared: name -> how to fit it. PyOD's are at their library defaults.

Libraries are imported when a method is fitted, so that each runs without the others installed.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

Score = Callable[[Any], np.ndarray]
"""Rows to anomaly scores, higher = more anomalous."""
Fit = Callable[[Any, int], Score]
"""Train rows and a seed to a `Score`."""

OURS = "anomaly_ae"


@dataclass(frozen=True)
class Method:
    """How to fit a method.

    Attributes:
        fit: train rows and a seed in, a function from rows to scores out.
        needs: the module that it imports; loaded before the clock starts.
        takes_raw: whether it takes raw columns, or encoded and standardised ones.
    """

    fit: Fit
    needs: str
    takes_raw: bool = False


def pyod(module: str, name: str, **settings: Any) -> Method:
    """Return a detector of PyOD at its defaults, but for `settings`."""
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
    from anomaly_ae.detector import TabularAutoencoder  # noqa: PLC0415  peers run without it

    detector = TabularAutoencoder(random_state=seed).fit(X)
    return lambda rows: -np.asarray(detector.score_samples(rows))


METHODS: dict[str, Method] = {
    OURS: Method(fit_ours, "anomaly_ae.detector", takes_raw=True),
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
    """Return a method by its name, or by `name=module:function`: a `Fit` of one's own, which takes raw columns.

    Raises:
        KeyError: there is no method of that name.
    """
    label, _, path = name.partition("=")
    if path:
        module, _, function = path.partition(":")
        return Method(getattr(import_module(module), function), module, takes_raw=True)
    if label not in METHODS:
        msg = f"no method is called {label!r}; there are {', '.join(METHODS)}"
        raise KeyError(msg)
    return METHODS[label]
