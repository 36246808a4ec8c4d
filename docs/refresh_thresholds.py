"""Write the what-if table of `docs/guide/thresholds.md` anew: `python docs/refresh_thresholds.py`."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/guide/thresholds.md"
BLOCK = re.compile(r"(<!-- what-if: machines -->\n```text\n).*?(```)", re.DOTALL)


def main() -> None:
    """Train on the sample, and put what the command prints into the page."""
    with tempfile.TemporaryDirectory() as workspace:
        settings = ["--spec", str(ROOT / "data/machines/spec.yaml"), "--set", f"workspace={workspace}"]
        settings += ["--set", "split.validation_anomalies=0.5"]
        anomaly_ae("train", *settings)
        table = anomaly_ae("calibrate", "--what-if", *settings)
    PAGE.write_text(BLOCK.sub(lambda found: found[1] + table + found[2], PAGE.read_text("utf-8")), encoding="utf-8")


def anomaly_ae(*arguments: str) -> str:
    """Run a command and return what it printed."""
    command = [sys.executable, "-m", "anomaly_ae", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own command


if __name__ == "__main__":
    main()
