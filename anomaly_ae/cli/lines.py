"""What is printed of each result: a keyword in the first eleven columns, then the facts."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anomaly_ae.evaluation.metrics import Metrics
    from anomaly_ae.monitoring.validity import Validity
    from anomaly_ae.stages.feedback import FeedbackResult
    from anomaly_ae.stages.incremental import IncrementalResult
    from anomaly_ae.stages.ingest import IngestResult
    from anomaly_ae.stages.models import VersionSummary
    from anomaly_ae.stages.pipeline import Run
    from anomaly_ae.stages.promote import Promotion
    from anomaly_ae.stages.score import ScoreResult
    from anomaly_ae.stages.train import TrainResult
    from anomaly_ae.stories.grouping import Story


def run_lines(done: "Run") -> list[str]:
    """Say what a run of the whole pipeline made."""
    return [
        *(ingest_lines(done.ingested) if done.ingested else []),
        *([train_line(done.trained)] if done.trained else []),
        *scoring_lines(done),
    ]


def scoring_lines(done: "Run") -> list[str]:
    """Say what was scored, whether the threshold holds, and what the alerts are."""
    lines = _score_lines(done.scored) if done.scored else []
    if done.judged:
        lines += [validity_line(done.judged.validity)] if done.judged.validity else []
        lines += _story_lines(done.table.stories if done.table else ())
        lines += metric_lines(done.judged.metrics)
    return lines + ([f"report     {done.report}"] if done.report else [])


def ingest_lines(made: "IngestResult") -> list[str]:
    """Say how many rows came in, and why some were rejected."""
    lines = [f"dataset    {made.directory}  {made.rows_in} rows in, {made.rows_accepted} accepted"]
    return lines + [f"           {count} rejected: {why}" for why, count in made.rejected_by_reason.items()]


def train_line(made: "TrainResult") -> str:
    """Say where the model version is, and the threshold in force."""
    resumed = "" if made.resumed_from is None else f"  resumed from step {made.resumed_from}"
    return f"model      {made.directory}  threshold {made.threshold:.6g}{resumed}"


def _score_lines(made: "ScoreResult") -> list[str]:
    """Say how many rows were scored, and how many are alerts."""
    share = made.alerts / made.rows_scored if made.rows_scored else 0
    return [f"scored     {made.directory}  {made.rows_scored} rows, {made.alerts} above the threshold ({share:.2%})"]


def incremental_lines(made: "IncrementalResult") -> list[str]:
    """Say what became of each partition; of those that are done, how many."""
    kinds = {"new": made.new, "changed": made.changed, "rescored": made.rescored}
    found = [line for kind, keys in kinds.items() for line in _under(kind, (_table(key, made) for key in keys))]
    return [
        *found,
        *_under("late", made.late),
        *_under("waiting", made.waiting),
        *_under("vanished", made.vanished),
        *_under("refused", (f"{key}  {why}" for key, why in {**made.refused_before, **made.refused}.items())),
        *_under("failed", made.failed),
        f"{'done':11}{len(made.done)} partitions, scored before",
    ]


def _table(key: str, made: "IncrementalResult") -> str:
    table = made.scored[key]
    return f"{key}  {table.directory}  {table.rows_scored} rows, {table.alerts} above the threshold"


def validity_line(validity: "Validity") -> str:
    """Say whether the threshold still holds."""
    return f"validity   {validity.verdict}: {validity.meaning}"


def _story_lines(stories: "Sequence[Story]") -> list[str]:
    """Say what the alerts have in common, most of them first."""
    return _under("stories", (story.headline for story in stories))


def metric_lines(metrics: "Metrics | None") -> list[str]:
    """Say what the labels say of the alerts."""
    if metrics is None:
        return ["metrics    none: no row that may be judged has a label"]
    from anomaly_ae.evaluation.summary import summarise

    return _under("metrics", summarise(metrics))


def model_lines(found: "Sequence[VersionSummary]") -> list[str]:
    """Say of each version what it stands for, what it promises, and how it did."""
    lines = [line for one in found for line in _under("version", _about_version(one))]
    return lines or ["models     none"]


def _about_version(one: "VersionSummary") -> Iterator[str]:
    on = "" if one.rows is None else f" on {one.rows} rows"
    yield f"{one.version}  {', '.join(one.aliases) or 'no alias'}; trained {one.trained_at}{on}"
    if one.unreadable:
        yield f"cannot be used: {one.unreadable}"
        return
    yield one.promise or "promises nothing"
    if one.metrics is None:
        yield "no metrics on its own test rows"
        return
    from anomaly_ae.evaluation.metrics import NAMES
    from anomaly_ae.evaluation.summary import number_of

    numbers = ", ".join(f"{name} {number_of(one.metrics, name)}" for name in NAMES)
    yield f"on {one.metrics.rows} test rows: {numbers}"


def promotion_lines(made: "Promotion") -> list[str]:
    """Say who is champion, and what was checked."""
    champion = made.version if made.promoted else made.before or "none"
    return [
        f"champion   {champion}" + (f", in place of {made.before}" if made.promoted and made.before else ""),
        *_under("checked", made.findings),
        *_under("forced" if made.forced else "against", made.refusals),
    ]


def feedback_lines(made: "FeedbackResult") -> list[str]:
    """Say what was reviewed, and what follows from it."""
    from anomaly_ae.stages.feedback import feedback_sentences

    return _under("feedback", feedback_sentences(made))


def _under(word: str, lines: Iterable[str]) -> list[str]:
    """Put a word before the first line, and the others below it."""
    return [f"{'' if index else word:11}{line}" for index, line in enumerate(lines)]
