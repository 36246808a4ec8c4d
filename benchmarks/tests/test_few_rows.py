"""Many columns and few rows: not behind a Gaussian with a shrunk covariance."""

import numpy as np
import pytest
from few_rows import compare, make_rows

pytestmark = pytest.mark.filterwarnings("ignore:.*validation rows")


@pytest.mark.parametrize("kind", ["links", "scale"])
def test_not_behind_a_gaussian(kind: str) -> None:
    """If correlations between columns are the signal, ours is within 0.02 of a Gaussian fitted on as many rows."""
    fits = [compare(make_rows(150, 250, kind, seed), seed) for seed in range(2)]
    assert np.mean([fit.gap for fit in fits]) > -0.02
    assert max(fit.high for fit in fits) > 0
