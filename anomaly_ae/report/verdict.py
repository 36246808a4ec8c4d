"""The verdict: what the page says first of the alerts, put into words from what the stage judge found.

Nothing is computed here: counts, intervals and the finding are those of `validity.json`, so the page cannot contradict
it.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from anomaly_ae.evaluation.proportions import Rate
from anomaly_ae.monitoring.alerts import AlertCheck
from anomaly_ae.monitoring.validity import MIN_ROWS, FindingName, Validity
from anomaly_ae.report.wording import count, interval, percent, rows
from anomaly_ae.threshold import Calibration

_TOO_FEW = "Too few rows to check the promise"


class Words(NamedTuple):
    """A finding in words.

    Attributes:
        tone: calm (as promised), caution (look at what changed), attention (look now), silent (nothing was judged).
        headline: in a few words.
        meaning: in one or a few plain sentences.
    """

    tone: Literal["calm", "caution", "attention", "silent"]
    headline: str
    meaning: str


@dataclass(frozen=True)
class Verdict:
    """What the reader should know first.

    Attributes:
        words: the finding.
        alerts: alerts among all rows scored.
        unseen: alerts among rows the model was not made from; None where those are all rows or nothing was judged.
        judged: alerts among the rows that the finding rests on; None where nothing was judged.
        are_normal: whether all of these are labelled normal.
        allowed: range that holds, with 95 % probability, the alerts among these rows if all are normal and the promise
            is kept; None where nothing was judged.
        limit: share of normal rows that is promised, or else expected, to lie above the threshold.
        promise: what the threshold promises, in words.
        is_promised: whether that is a share of normal rows.
    """

    words: Words
    alerts: Rate
    unseen: Rate | None
    judged: Rate | None
    are_normal: bool
    allowed: tuple[int, int] | None
    limit: float
    promise: str
    is_promised: bool

    @property
    def tone(self) -> str:
        """How it is coloured."""
        return self.words.tone

    @property
    def headline(self) -> str:
        """The finding, in a few words."""
        return self.words.headline

    @property
    def meaning(self) -> str:
        """The finding, in plain sentences."""
        return self.words.meaning


def describe(scored: Rate, rows_rejected: int, calibration: Calibration, validity: Validity | None) -> Verdict:
    """Put into words what was found of the alerts.

    Args:
        scored: alerts among all rows of the table.
        rows_rejected: rows of the source that could not be scored.
        calibration: the threshold that was used.
        validity: what the stage judge found; None where it did not.
    """
    check, counts = (validity.alerts, validity.counts) if validity else (None, None)
    unseen = counts.unseen if counts and counts.unseen.rows != scored.rows else None
    return Verdict(
        words=_words(scored, rows_rejected, calibration, validity),
        alerts=scored,
        unseen=unseen,
        judged=_judged(validity, check) if validity and check else None,
        are_normal=bool(validity and validity.are_normal),
        allowed=check.usual if check else None,
        limit=calibration.expected_fpr,
        promise=calibration.promise,
        is_promised=calibration.target_fpr is not None,
    )


def _judged(validity: Validity, check: AlertCheck) -> Rate:
    return Rate(count=check.alerts, rows=validity.rows, share=check.rate, low=check.low, high=check.high)


def _words(scored: Rate, rows_rejected: int, calibration: Calibration, validity: Validity | None) -> Words:
    if scored.rows == 0:
        return _nothing_scored(rows_rejected)
    if validity is None:
        return _not_judged(scored)
    if validity.alerts is None:
        return _nothing_judged(validity)
    word = "promised" if calibration.target_fpr is not None else "expected"
    seen = _seen(validity, validity.alerts, calibration)
    said = _said(validity.finding, validity, validity.alerts, word)
    words = Words(said.tone, said.headline, " ".join(filter(None, [seen, said.meaning])))
    return _with_drift(words) if validity.verdict == "drifting" and words.tone == "calm" else words


def _nothing_scored(rows_rejected: int) -> Words:
    if rows_rejected:
        meaning = f"All {rows(rows_rejected)} of the source were rejected before scoring; row accounting says why."
        return Words("attention", "No row could be scored", meaning)
    return Words("silent", "There was nothing to score", "The source holds no rows.")


def _not_judged(scored: Rate) -> Words:
    above = f"{count(scored.count)} of {rows(scored.rows)} {'is' if scored.count == 1 else 'are'} above the threshold."
    return Words("silent", _alerts(scored.count), f"{above} Whether that is as promised was not judged.")


def _nothing_judged(validity: Validity) -> Words:
    if validity.rows:  # in a file of an earlier version
        return Words("silent", _TOO_FEW, validity.meaning)
    if validity.counts and validity.counts.unseen.rows:
        found = f"{_found(validity)} No other row is new to the model, so the promise cannot be checked."
        return Words("silent", "Only labelled anomalies are new to the model", found)
    meaning = "Every row scored was used to make the model, so the promise cannot be checked on them."
    return Words("silent", "Only rows the model was made from", meaning)


def _said(finding: FindingName, validity: Validity, check: AlertCheck, word: str) -> Words:  # noqa: PLR0911 - a table
    """Return tone and headline of a finding, and what it adds to the counts."""
    more = f"More false alarms than {word}" if validity.are_normal else "More alerts than false alarms explain"
    match finding:
        case "too_many":
            cause = "" if validity.are_normal else ", nor would a few real anomalies"
            return Words("attention", more, f"Chance does not explain that{cause}: the threshold no longer holds.")
        case "surplus":
            return Words("attention", more, _cause(validity))
        case "likely_anomalies":
            meaning = (
                "The scores below the threshold are distributed as before, so the surplus is probably real anomalies. "
                "Begin with the highest scores."
            )
            return Words("attention", "Real anomalies are likely among the alerts", meaning)
        case "missed_anomalies":
            return Words("attention", "Anomalies pass unseen", "Normal rows may be flagged as often as that.")
        case "too_few_rows":
            return Words("silent", _TOO_FEW, f"{MIN_ROWS} rows are needed to say more.")
        case "far_fewer":
            meaning = "So few are rarely luck: check whether the data still are what the threshold was set on."
            return Words("attention", "Fewer alerts than normal rows give", meaning)
        case "unusual":
            which = "More" if check.alerts > check.usual[1] else "Fewer"
            meaning = "That is unusual but within chance, and no evidence against the threshold."
            return Words("calm", f"{which} alerts than usual, but within chance", meaning)
        case _:
            return _as_expected(validity, check, word)


def _cause(validity: Validity) -> str:
    if validity.are_normal:
        return "Chance does not explain that."
    if validity.verdict == "unknown":
        return "The surplus is real anomalies, or the threshold no longer holds: there are too few rows to tell."
    return "The surplus is real anomalies, or data that have moved away from what the model learned."


def _as_expected(validity: Validity, check: AlertCheck, word: str) -> Words:
    if validity.are_normal:
        return Words("calm", f"False alarms are as {word}", "")
    if check.alerts == 0:
        return Words("calm", "No alerts", "")
    meaning = "Any one of them may be false; begin with the highest scores."
    return Words("calm", "No more alerts than false alarms explain", meaning)


def _with_drift(words: Words) -> Words:
    changed = "Inputs or scores have moved since the threshold was set, though."
    return Words("caution", f"{words.headline}; the data have drifted", f"{words.meaning} {changed}".strip())


def _seen(validity: Validity, check: AlertCheck, calibration: Calibration) -> str:
    """Return the counts that a finding rests on, as sentences."""
    if validity.are_normal:
        promised = "at most {} is promised" if calibration.target_fpr is not None else "some {} is to be expected"
        seen = (
            f"Of {rows(validity.rows)} labelled normal, {count(check.alerts)} raised a false alarm: "
            f"{percent(check.rate)} (95% interval {interval(check.low, check.high)}), where "
            f"{promised.format(percent(calibration.expected_fpr))}."
        )
    else:
        low, high = check.usual
        usual = f"{count(low)} to {count(high)} false alarms" if high else "no false alarm"
        number = "is 1 alert" if check.alerts == 1 else f"are {_alerts(check.alerts).lower()}"
        seen = f"If all {rows(validity.rows)} new to the model were normal, {usual} would be usual; there {number}."
    return f"{seen} {_found(validity)}".strip()


def _found(validity: Validity) -> str:
    """Say how many labelled anomalies were found; nothing where there are none."""
    if validity.counts is None or not validity.counts.anomalous.rows:
        return ""
    found = validity.counts.anomalous
    return f"Of {count(found.rows)} labelled anomalies, {count(found.count)} were found."


def _alerts(number: int) -> str:
    return "No alerts" if number == 0 else "1 alert" if number == 1 else f"{count(number)} alerts"
