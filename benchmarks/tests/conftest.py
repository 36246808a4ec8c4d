"""Let tests import the benchmark scripts, which find each other by lying in one folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
