"""Feedback: a file of verdicts on a scored table is stored, and the precision of the alerts is estimated from it."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.evaluation.proportions import Interval, wilson
from anomaly_ae.feedback.records import replaced, store
from anomaly_ae.feedback.verdicts import FALSE_ALARM, REAL, UNSURE, read_verdicts, refuse_rows
from anomaly_ae.storage.locations import Location
from anomaly_ae.workspace.scored_table import ScoredTable
from anomaly_ae.workspace.workspace import Workspace

SCORED_COLUMNS = (
    "row_id", "source_file", "anomaly_score", "is_anomaly", "threshold", "model_version", "calibration_id",
)  # fmt: skip


@dataclass(frozen=True)
class FeedbackResult:
    """What was reviewed, and what follows. Recall is not included: nobody looked at the rows that were not flagged.

    Attributes:
        file: where the verdicts are kept.
        scored: the table they were given on.
        reviewed: rows with a verdict.
        real: of these, real anomalies.
        false_alarms: false alarms.
        unsure: neither.
        alerts: rows of the table above the threshold.
        alerts_judged: of these, those with the verdict real or false alarm.
        precision: share of real anomalies among the alerts judged; None if none was judged.
        precision_interval: its 95 % interval (Wilson); it holds for all alerts if the judged ones are a random sample.
        reused: the same verdicts were stored before.
        replaced: verdicts that were superseded by later ones on the same rows.
    """

    file: Location
    scored: Location
    reviewed: int
    real: int
    false_alarms: int
    unsure: int
    alerts: int
    alerts_judged: int
    precision: float | None
    precision_interval: Interval | None
    reused: bool
    replaced: int


def feedback(file: Location, table: ScoredTable) -> FeedbackResult:
    """Join verdicts to the scored rows they are about, and store them in the workspace of the scored table.

    Args:
        file: CSV or Parquet with `row_id`, `verdict` (real, false alarm, unsure) and, if wanted, `source_file`, `note`.
        table: the scored table.

    Raises:
        SourceError: the file cannot be read.
        ContractError: a verdict is unknown, or a row is unknown, duplicate or from another file; nothing is stored.
    """
    reviewed = _join(file, read_verdicts(file), table)
    directory = Workspace.holding(table.directory).feedback_directory(table.manifest.model_name)
    path, reused = store(directory, reviewed)
    counts = {entry["values"]: entry["counts"] for entry in pc.value_counts(reviewed["verdict"]).to_pylist()}
    judged = reviewed.filter(pc.and_(reviewed["is_anomaly"], pc.not_equal(reviewed["verdict"], UNSURE)))
    right = pc.sum(pc.equal(judged["verdict"], REAL), min_count=0).as_py()
    return FeedbackResult(
        file=path,
        scored=table.directory,
        reviewed=reviewed.num_rows,
        real=counts.get(REAL, 0),
        false_alarms=counts.get(FALSE_ALARM, 0),
        unsure=counts.get(UNSURE, 0),
        alerts=table.manifest.alerts,
        alerts_judged=judged.num_rows,
        precision=right / judged.num_rows if judged.num_rows else None,
        precision_interval=wilson(right / judged.num_rows, judged.num_rows) if judged.num_rows else None,
        reused=reused,
        replaced=replaced(directory, reviewed),
    )


def feedback_sentences(result: FeedbackResult) -> list[str]:
    """Return a few lines on what was reviewed, what follows from it and what does not."""
    counts = f"{result.real} real, {result.false_alarms} false alarms, {result.unsure} unsure"
    lines = [
        f"{result.reviewed} rows reviewed: {counts}",
        f"precision {_precision(result)}",
        "recall cannot be known from alerts alone: nobody reviewed the rows below the threshold",
    ]
    if result.replaced:
        lines.append(f"{result.replaced} of these verdicts were superseded by later ones on the same rows")
    return lines


def _precision(result: FeedbackResult) -> str:
    if result.precision is None or result.precision_interval is None:
        return "undefined: no alert has the verdict real or false alarm"
    low, high = result.precision_interval
    judged = f"on the {result.alerts_judged} alerts judged, of {result.alerts}"
    return f"{result.precision:.3f} (95% interval {low:.3f} to {high:.3f}) {judged}"


def _join(file: Location, verdicts: pa.Table, table: ScoredTable) -> pa.Table:
    """Put the score of its row beside each verdict, in the verdicts' order."""
    found = table.open_rows().to_table(columns=list(SCORED_COLUMNS), filter=pc.field("row_id").isin(verdicts["row_id"]))
    place = pc.index_in(verdicts["row_id"], found["row_id"].combine_chunks())
    unknown = verdicts["row"].filter(pc.is_null(place))
    refuse_rows(
        file, unknown.to_pylist(), f"no row of {table.directory} has this row_id; name the table it was reviewed in"
    )
    rows = found.take(place)
    named = verdicts["source_file"]
    elsewhere = pc.and_(pc.not_equal(named, ""), pc.not_equal(named, rows["source_file"]))
    refuse_rows(
        file, verdicts["row"].filter(elsewhere).to_pylist(), f"in {table.directory} this row is of another source_file"
    )
    return rows.append_column("verdict", verdicts["verdict"]).append_column("note", verdicts["note"])
