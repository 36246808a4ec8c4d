"""Row ids seen so far, in eight bytes each."""

import numpy as np
import pandas as pd
import pyarrow as pa


class SeenIds:
    """Finds ids that were seen before.

    Only a 64-bit hash of each id is kept: with a hundred million rows the chance that any row is mistaken for a
    duplicate is about one in four thousand. Hashes are kept in sorted runs whose lengths at least double from last to
    first, so that adding n ids costs O(n log n).
    """

    def __init__(self) -> None:
        self._runs: list[np.ndarray] = []

    def add(self, ids: pa.Array) -> np.ndarray:
        """Add ids; return the mask of those seen before, in this or an earlier call."""
        hashes = pd.util.hash_array(ids.to_numpy(zero_copy_only=False).astype(object), categorize=False)
        fresh, places = np.unique(hashes, return_index=True)
        known = np.logical_or.reduce([np.zeros(len(fresh), bool), *(_found(run, fresh) for run in self._runs)])
        duplicate = np.ones(len(hashes), bool)
        duplicate[places[~known]] = False
        self._keep(fresh[~known])
        return duplicate

    def _keep(self, run: np.ndarray) -> None:
        while self._runs and len(self._runs[-1]) < 2 * len(run):
            run = np.union1d(self._runs.pop(), run)
        self._runs.append(run)


def _found(run: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """Say which hashes are in a sorted run."""
    places = np.searchsorted(run, hashes)
    found: np.ndarray = run[np.minimum(places, len(run) - 1)] == hashes if len(run) else np.zeros(len(hashes), bool)
    return found
