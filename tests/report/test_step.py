"""The stage that writes the report: what it writes, and what it refuses to write."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anomaly_ae.errors import ArtifactError
from anomaly_ae.stages.report import report
from anomaly_ae.workspace.scored_table import ScoredTable


def edit(path: Path, **changes: Any) -> None:
    """Change keys of a JSON file; None removes a key."""
    content = {**json.loads(path.read_text()), **changes}
    kept = {key: value for key, value in content.items() if key not in changes or value is not None}
    path.write_text(json.dumps(kept))


def file_of(published: Any, name: str) -> Path:
    """Return a file of a run, named by the directory that it is in."""
    directory, _, pattern = name.partition("/")
    (path,) = {"scored": published.scored, "model": published.model}[directory].glob(pattern)
    return Path(path)


def test_the_report_lies_beside_the_parts(publish_run: Callable[..., Any]) -> None:
    """One file is added to the scored directory; the published ones stay as they are."""
    published = publish_run(scores=[1.0, 20.0])
    before = {path.name for path in published.scored.iterdir()}

    page = report(published.table)

    assert page == published.scored / "report.html"
    assert {path.name for path in published.scored.iterdir()} == before | {"report.html"}
    published.table.manifest.verify(published.scored)


def test_a_second_report_replaces_the_first(publish_run: Callable[..., Any]) -> None:
    """Reporting again gives the same bytes, over whatever was there."""
    published = publish_run(scores=[1.0, 20.0])
    first = report(published.table).read_bytes()
    (published.scored / "report.html").write_text("old")

    assert report(published.table).read_bytes() == first


def test_a_failed_report_leaves_the_old_one_and_nothing_else(
    publish_run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk fails half-way, the old page stands and no temporary file remains."""
    published = publish_run(scores=[1.0, 20.0])
    page = report(published.table)
    before = {path.name for path in published.scored.iterdir()}

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("anomaly_ae.storage.files.os.fsync", fail)
    with pytest.raises(OSError, match="no space is left"):
        report(published.table)

    assert page.stat().st_size > 500_000
    assert {path.name for path in published.scored.iterdir()} == before


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("scored/manifest.json", {"kind": "dataset"}, "holds a 'dataset'"),
        ("scored/manifest.json", {"threshold": None}, "threshold: Field required"),
        ("scored/manifest.json", {"alerts": 7}, "7: a part is missing or altered"),
        ("scored/manifest.json", {"rows_in": 9}, "rows_in=9 is not"),
        ("scored/manifest.json", {"model_version": "other"}, "models/other does not exist"),
        ("scored/manifest.json", {"calibration_id": "other"}, r"calibrations/other\.json does not exist"),
        ("model/calibrations/*.json", {"calibration_id": "other"}, "calibration other has been altered"),
        ("model/calibrations/*.json", {"n_validation": "many"}, "not a calibration as it was written"),
        ("model/model.json", {"history": None}, r"model\.json has changed since it was written"),
        ("model/manifest.json", {"trained_at": None}, "trained_at: Field required"),
        ("scored/metrics.json", {"confusion": None}, "confusion: Field required"),
    ],
)
def test_files_that_contradict_or_lack_something_are_refused(
    publish_run: Callable[..., Any], file: str, changes: dict[str, Any], message: str
) -> None:
    """A missing key, a wrong type, a count that does not add up, a foreign model: the error names it."""
    published = publish_run(scores=[1.0, 20.0], labels=[False, True])
    edit(file_of(published, file), **changes)

    with pytest.raises(ArtifactError, match=message):
        report(ScoredTable.open(published.scored))
    assert not (published.scored / "report.html").exists()


@pytest.mark.parametrize("missing", ["scored/part-00000.parquet", "scored/manifest.json", "model/model.json"])
def test_a_missing_file_is_refused(publish_run: Callable[..., Any], missing: str) -> None:
    """Without one of its files a directory is not reported on."""
    published = publish_run(scores=[1.0, 20.0])
    file_of(published, missing).unlink()

    with pytest.raises(ArtifactError):
        report(ScoredTable.open(published.scored))


def test_missing_rejects_matter_only_where_rows_were_rejected(publish_run: Callable[..., Any]) -> None:
    """The file of rejected rows is read when the manifest counts some, and its absence is then an error."""
    published = publish_run(scores=[1.0, 20.0], rejected={"cell does not parse": 2})
    (published.scored / "rejected.parquet").unlink()

    with pytest.raises(ArtifactError, match=r"rejected\.parquet cannot be read"):
        report(published.table)


def test_importing_the_step_loads_no_charts_and_no_templates() -> None:
    """The command line starts without what only a report needs."""
    heavy = "{'altair', 'jinja2', 'scipy.stats'}"
    code = f"import sys, anomaly_ae.stages.report; print({heavy} & set(sys.modules))"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own line

    assert found.stdout.strip() == "set()"
