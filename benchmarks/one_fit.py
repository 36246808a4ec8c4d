"""One fit in a separate process, so that its peak memory can be measured; prints one JSON object.

`python benchmarks/one_fit.py METHOD SEED NPZ_FILE` or `... METHOD SEED TABLE_NAME DIRECTORY`.
"""

import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from peers import Method, find_method
from protocol import Rows, measure, npz_rows, standardise


def read_rows(target: list[str], seed: int, *, raw: bool) -> Rows:
    """Read the rows of an .npz file or of a table, encoded as the method expects."""
    if len(target) == 1:
        rows = npz_rows(Path(target[0]), seed)
        return rows if raw else standardise(rows)
    from mixed import encode, table_rows  # noqa: PLC0415  pandas would add to the peak memory of .npz fits

    rows = table_rows(Path(target[1]), target[0], seed)
    return rows if raw else encode(rows)


def peak_rss_mb() -> float:
    """Return the peak resident memory of this process.

    `ru_maxrss` is not suitable: on Linux it starts from the parent's peak at exec.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def fit_and_score(method: Method, seed: int, target: list[str]) -> dict[str, Any]:
    """Fit on the train rows, score the test rows, and return the metrics and costs."""
    import_module(method.needs)
    rows = read_rows(target, seed, raw=method.takes_raw)
    start = time.process_time()
    score = method.fit(rows.X_train, seed)
    fitted = time.process_time()
    scores = score(rows.X_test)
    scored = time.process_time()
    measured = measure(scores, rows.y_test)
    return {
        **{key: round(value, 4) for key, value in measured.items()},
        "fit_cpu_s": round(fitted - start, 4),
        "score_cpu_s": round(scored - fitted, 4),
        "peak_rss_mb": round(peak_rss_mb(), 1),
        "n_train": len(rows.X_train),
        "n_test": len(rows.X_test),
        "d": rows.X_train.shape[1],
    }


if __name__ == "__main__":
    print(json.dumps(fit_and_score(find_method(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])))
