"""Small published runs to report on: a scored directory and the model version it belongs to."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from anomaly_ae.ingest.contract import Contract
from anomaly_ae.monitoring.profile import Profile
from anomaly_ae.scoring.schema import SCHEMA_VERSION, scored_schema
from anomaly_ae.stages.monitor import monitor
from anomaly_ae.storage import fingerprint, publish, write_json
from anomaly_ae.stories.alerts import story_names, tell_stories
from anomaly_ae.stories.grouping import Story
from anomaly_ae.threshold import Calibration, Promise, hash_scores
from anomaly_ae.workspace.dataset import CONTRACT, DatasetManifest
from anomaly_ae.workspace.model_version import ModelManifest, ModelVersion
from anomaly_ae.workspace.scored_table import ScoredManifest, ScoredTable, dump_stories
from anomaly_ae.workspace.top_rows import TopRows

MODEL_VERSION = "9f2c4a17b0d35e68"
REASONS = (("pressure", "9.81", "4.20", 0.6), ("site", "north", "south", 0.3), ("flow", "missing", "12.5", 0.1))
REJECTED = pa.schema(
    [
        ("source_file", pa.string()),
        ("source_row", pa.int64()),
        ("row", pa.string()),
        ("reject_reason", pa.string()),
        ("detail", pa.string()),
    ]
)


@dataclass(frozen=True)
class Run:
    """What to publish; every list has one entry per row, and a column left None is null throughout."""

    scores: Any
    threshold: float = 10.0
    target_fpr: float = 0.01
    n_validation: int = 999
    labels: list[bool | None] | None = None
    splits: list[str | None] | None = None
    row_ids: list[str] | None = None
    machines: list[str] | None = None
    machine_column: str = "machine"
    times: Any = None
    levels: list[str] | None = None
    features: dict[str, list[Any]] | None = None
    validation: Any = None
    reasons: tuple[tuple[str, str | None, str | None, float], ...] = REASONS
    reasons_of: list[tuple[tuple[str, str | None, str | None, float], ...]] | None = None
    rejected: dict[str, int] = field(default_factory=dict)
    parts: int = 1
    history: tuple[tuple[int, float, float], ...] = ((50, 1.0, 1.1), (100, 0.5, 0.6), (150, 0.4, 0.55))
    manifest: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    model_manifest: dict[str, Any] = field(default_factory=dict)
    calibration: dict[str, Any] = field(default_factory=dict)
    is_judged: bool = True


@dataclass(frozen=True)
class Published:
    """Where a run was published, and what was written."""

    scored: Path
    model: Path
    manifest: dict[str, Any]
    metrics: dict[str, Any] | None
    scores: np.ndarray

    @property
    def table(self) -> ScoredTable:
        """The scored table."""
        return ScoredTable.open(self.scored)


def publish_in(root: Path, run: Run) -> Published:
    """Publish a run in the workspace `root`, judged as the stage does it; metrics are those of `_metrics`."""
    scores = np.asarray(run.scores, dtype=np.float64)
    calibration = _publish_model(root, run)
    manifest = {**_manifest(run, scores), "calibration_id": calibration.calibration_id, **run.manifest}
    metrics = _metrics(run, scores)
    if run.features:
        _publish_features(run, scores, root)
    table = _publish_table(root, run, scores, manifest)
    if metrics:
        (table / "metrics.json").write_text(json.dumps(metrics))
    published = Published(table, root / "models" / MODEL_VERSION, manifest, metrics, scores)
    if run.is_judged:
        _judge(published)
    return published


def _publish_table(root: Path, run: Run, scores: np.ndarray, manifest: dict[str, Any]) -> Path:
    with publish(root / "scored" / "a1b2c3d4e5f60718") as staging:
        shares = np.array_split(np.arange(len(scores)), run.parts) if run.parts else ()
        tables = [_table(run, scores, rows) for rows in shares]
        batches = [batch for table in tables for batch in table.to_batches()]
        stories = tell_stories(batches, manifest["alerts"])
        for number, table in enumerate(tables):
            pq.write_table(
                _with_stories(table, stories), staging.path / f"part-{number:05d}.parquet", row_group_size=20_000
            )
        pq.write_table(_rejected(run), staging.path / "rejected.parquet")
        write_json(staging.path / "stories.json", dump_stories(stories))
        staging.facts.update(manifest)
    return root / "scored" / "a1b2c3d4e5f60718"


def _with_stories(table: pa.Table, stories: tuple[Story, ...]) -> pa.Table:
    names = [name for batch in table.to_batches() for name in story_names(stories, batch).to_pylist()]
    index = table.schema.get_field_index("story")
    return table.set_column(index, table.schema.field(index), pa.array(names, pa.string()))


def _judge(published: Published) -> None:
    table = published.table
    table.write_validity(monitor(table, ModelVersion.open(published.model)))
    table.write_top_rows(TopRows.find(table.parts))


def _publish_model(root: Path, run: Run) -> Calibration:
    validation = pa.table({"anomaly_score": _validation(run)})
    calibration = _calibration(run, validation)
    with publish(root / "models" / MODEL_VERSION) as staging:
        (staging.path / "model.json").write_text(json.dumps(_model(run)))
        write_json(
            staging.path / "calibrations" / f"{calibration.calibration_id}.json", calibration.model_dump(mode="json")
        )
        write_json(staging.path / "calibration.json", calibration.model_dump(mode="json"))
        pq.write_table(validation, staging.path / "validation_scores.parquet")
        if run.features:
            contracts = Contract.model_validate(_contract(run)).features
            write_json(
                staging.path / "profile.json", Profile.fit(pa.table(run.features), contracts).model_dump(mode="json")
            )
        staging.replaceable.update({"calibration.json", f"{calibration.calibration_id}.json"})
        facts = {"kind": "model", "format_version": ModelManifest.FORMAT_VERSION, "version": MODEL_VERSION}
        staging.facts.update({**facts, "trained_at": "2026-11-20T21:14:00+00:00", **run.model_manifest})
    return calibration


def _validation(run: Run) -> np.ndarray:
    """Return as many validation scores as the run says, of which as many lie above the threshold as were promised."""
    if run.validation is not None:
        return np.sort(run.validation)
    above = _n_above(run)
    below = np.linspace(0, 1, run.n_validation - above) * run.threshold
    return np.sort(np.concatenate([below, run.threshold + 1 + np.arange(above)]))


def _n_above(run: Run) -> int:
    return max(1, int(run.target_fpr * (run.n_validation + 1) + 1e-9)) - 1


def _table(run: Run, scores: np.ndarray, rows: np.ndarray) -> pa.Table:
    def pick(values: Any) -> list[Any] | None:
        return None if values is None else [values[row] for row in rows]

    score = scores[rows]
    schema = scored_schema(tuple(_identity(run)))
    columns: dict[str, Any] = {
        "row_id": pick(run.row_ids) or [f"day.csv:{row + 1}" for row in rows],
        "source_file": ["day.csv"] * len(rows),
        "source_row": rows + 1,
        "anomaly_score": score,
        "reconstruction_error": score / 10,
        "p_value": np.where(score > run.threshold, 1 / (run.n_validation + 1), 0.5),
        "severity": np.where(score > run.threshold, 100.0, 10.0),
        "is_anomaly": score > run.threshold,
        "threshold": np.full(len(rows), run.threshold),
        "reasons": _reasons(run, score, rows),
        "label": pick(run.labels) or [None] * len(rows),
        "split": pick(run.splits) or [None] * len(rows),
        "model_name": ["pumps"] * len(rows),
        "model_version": [MODEL_VERSION] * len(rows),
        "calibration_id": ["51d0c2ab77e94f03"] * len(rows),  # the page takes it from the manifest
        "level": pick(run.levels) or np.where(score > run.threshold, "alert", "normal"),
        "segment": [None] * len(rows),
        "story": [None] * len(rows),
        run.machine_column: pick(run.machines),
        "at": pick(run.times),
    }
    return pa.table([pa.array(columns[name], schema.field(name).type) for name in schema.names], schema=schema)


def _identity(run: Run) -> Iterator[pa.Field]:
    if run.times is not None:
        yield pa.field("at", pa.timestamp("us"))
    if run.machines is not None:
        yield pa.field(run.machine_column, pa.string())


def _contract(run: Run) -> dict[str, Any]:
    kinds = {float: ("numeric", "float64"), str: ("categorical", "string")}
    columns = [{"name": "at", "role": "time", "dtype": "timestamp"}] if run.times is not None else []
    columns += [{"name": run.machine_column, "role": "entity", "dtype": "string"}] if run.machines else []
    for name, cells in (run.features or {}).items():
        role, dtype = kinds[type(cells[0])]
        columns.append({"name": name, "role": role, "dtype": dtype})
    return {"columns": columns}


def _publish_features(run: Run, scores: np.ndarray, root: Path) -> None:
    """Publish the dataset that was scored, in as many parts."""
    features, name = pa.table(run.features), _manifest(run, scores)["dataset"]
    with publish(root / "datasets" / name) as staging:
        parts = []
        for number, rows in enumerate(np.array_split(np.arange(len(scores)), run.parts)):
            part = f"part-{number:05d}.parquet"
            pq.write_table(features.take(pa.array(rows)), staging.path / part)
            parts.append({"name": part, "rows": len(rows)})
        write_json(staging.path / CONTRACT, _contract(run))
        counts = {"rows_in": len(scores), "rows_accepted": len(scores), "rows_rejected": 0, "rejected_by_reason": {}}
        facts = {"kind": DatasetManifest.KIND, "format_version": DatasetManifest.FORMAT_VERSION, "fingerprint": name}
        staging.facts.update(**facts, **counts, source="plant/day.csv", sources=[], parts=parts)


def _reasons(run: Run, scores: np.ndarray, rows: np.ndarray) -> list[list[dict[str, Any]]]:
    names = ("feature", "value", "expected", "contribution")
    several = [run.reasons_of[row] if run.reasons_of else run.reasons for row in rows]
    return [
        [dict(zip(names, (*reason[:3], reason[3] * score), strict=True)) for reason in reasons]
        for reasons, score in zip(several, scores, strict=True)
    ]


def _rejected(run: Run) -> pa.Table:
    reasons = [reason for reason, total in run.rejected.items() for _ in range(total)]
    records = [
        {"source_file": "day.csv", "source_row": row, "row": "{}", "reject_reason": reason, "detail": f"cell {row}"}
        for row, reason in enumerate(reasons)
    ]
    return pa.Table.from_pylist(records, schema=REJECTED)


def _manifest(run: Run, scores: np.ndarray) -> dict[str, Any]:
    rejected = sum(run.rejected.values())
    return {
        "kind": ScoredManifest.KIND,
        "format_version": ScoredManifest.FORMAT_VERSION,
        "schema_version": SCHEMA_VERSION,
        "rule": "fpr",
        "promise": f"at most {run.target_fpr:.3g} of normal rows lie above the threshold",
        "run_id": "run-1",
        "scored_at": "2026-11-23T06:00:00+00:00",
        "model_name": "pumps",
        "model_version": MODEL_VERSION,
        "threshold": run.threshold,
        "target_fpr": run.target_fpr,
        "source": "plant/day.csv",
        "dataset": "0c1d2e3f4a5b6c7d",
        "rows_in": len(scores) + rejected,
        "rows_scored": len(scores),
        "rows_rejected": rejected,
        "rejected_by_reason": run.rejected,
        "alerts": int((scores > run.threshold).sum()),
    }


def _metrics(run: Run, scores: np.ndarray) -> dict[str, Any] | None:
    """Evaluate as the step that evaluates does, in its simplest form: curve summaries only where both classes are."""
    if run.labels is None:
        return None
    judged = [
        (label, alert)
        for row, (label, alert) in enumerate(zip(run.labels, scores > run.threshold, strict=True))
        if label is not None and (run.splits is None or run.splits[row] == "test")
    ]
    cells = {
        name: sum(1 for pair in judged if pair == kind)
        for name, kind in {"tp": (1, 1), "fp": (0, 1), "fn": (1, 0), "tn": (0, 0)}.items()
    }
    anomalies, normals = cells["tp"] + cells["fn"], cells["fp"] + cells["tn"]
    alerts = cells["tp"] + cells["fp"]
    both = bool(anomalies and normals)
    values = {
        "precision": cells["tp"] / alerts if alerts else None,
        "recall": cells["tp"] / anomalies if anomalies else None,
        "f1": 2 * cells["tp"] / (alerts + anomalies) if anomalies else None,
        "average_precision": 0.875 if both else None,
        "roc_auc": 0.9375 if both else None,
        "false_alarm_rate": cells["fp"] / normals if normals else None,
    }
    return {
        "rows": len(judged),
        "anomalies": anomalies,
        "normals": normals,
        "split": "all" if run.splits is None else "test",
        "threshold": run.threshold,
        "confusion": cells,
        **values,
        "undefined": {
            name: f"{name} needs rows this test set lacks" for name, value in values.items() if value is None
        },
    }


def _model(run: Run) -> dict[str, Any]:
    keys = ("step", "loss", "early_stopping_loss")
    return {
        "format_version": ModelManifest.FORMAT_VERSION,
        "name": "pumps",
        "version": MODEL_VERSION,
        "split_rule": {"spec": {"by": "row"}, "key": "_row_id"},
        "model": {"kind": "table", "encoder": {"columns": [], "mean": [], "std": []}, "error_weight": []},
        "spec": {"name": "pumps", "data": {"source": "plant/history.parquet"}, "network": {"kind": "denoising"}},
        "contract": _contract(run),
        "split": {
            "by": "row",
            "train_rows": 6012,
            "validation_rows": run.n_validation,
            "test_rows": 1990,
            "test_anomalies": 212,
        },
        "history": [dict(zip(keys, check, strict=True)) for check in run.history],
        "libraries": {"torch": "2.13.0", "pyarrow": "26.0.1"},
        "data": {"dataset": "0c1d2e3f4a5b6c7d", "rows": 9213, "sources": [{"name": "history.parquet", "rows": 9213}]},
        **run.model,
    }


def _calibration(run: Run, validation: pa.Table) -> Calibration:
    parameters = {"rule": "fpr", "target_fpr": run.target_fpr or 0.01}
    promise = Promise.model_validate(
        {
            "rule": "fpr",
            "parameters": parameters,
            "threshold": run.threshold,
            "warn_threshold": None,
            "target_fpr": run.target_fpr,
            "promise": f"at most {run.target_fpr:.3g} of normal rows lie above the threshold",
            "n_validation": validation.num_rows,
            "n_above": _n_above(run),
            "n_anomalies": 0,
            "smallest_fpr": 1 / (validation.num_rows + 1),
            "scores_sha256": hash_scores(validation["anomaly_score"].to_numpy()),
            **run.calibration,
        }
    )
    content = promise.model_dump(mode="json")
    return Calibration.model_validate({**content, "calibration_id": fingerprint(content)})


def open_page(browser: Any, page: Path) -> None:
    """Open a page and wait for its charts."""
    from selenium.webdriver.support.ui import WebDriverWait  # noqa: PLC0415 - only where there is a browser

    browser.get(page.as_uri())
    drawn = "return document.documentElement.dataset.charts"
    WebDriverWait(browser, 20).until(lambda driver: driver.execute_script(drawn) == "drawn")
