"""Stories: alerts grouped by their reasons, so that hundreds of alerts read as a handful of groups.

A row's profile is a vector with the contribution of each (feature, direction) pair among its reasons: a feature above
its normal range counts apart from the same feature below it, missing, or otherwise unusual. A sample of the rows is
clustered by average linkage on the cosine between profiles (Sokal and Michener, 1958), and every row joins the nearest
cluster. Nothing is random, so the same alerts give the same stories.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.cluster import AgglomerativeClustering

from anomaly_ae.features.cells import MISSING

Direction = Literal["above", "below", "missing", "present", "unusual"]
Indices: TypeAlias = NDArray[np.int64]
Reasons: TypeAlias = pa.ListArray | pa.ChunkedArray

NO_STORY = -1
NO_REASONS_IN_COMMON = "no reasons in common"
_MAX_STORIES = 7
"""Maximum number of stories, besides the one of rows that fit none: as many as a reader can keep in mind."""
_SAMPLE_ROWS = 2000
"""Number of rows that are clustered; the distances between all pairs are held in memory."""
_MIN_COSINE = 0.5
"""Smallest cosine (60 degrees) between the profiles of one story."""
_MIN_SHARE = 0.01
"""Smallest share of the rows that makes a cluster a story."""
_MIN_WEIGHT = 0.1
"""Smallest weight, in a profile of length 1, of a feature that is part of a story."""
_MIN_NAMED_WEIGHT = 0.5
"""Smallest weight, relative to the largest, of a feature that is part of a story's name."""
_MAX_NAMED_FEATURES = 3
_MIN_COMMON_SHARE = 0.8
"""Smallest share of a story's rows that must hold a value for the name to include it."""
_EXAMPLES = 5


@dataclass(frozen=True)
class Trait:
    """One feature's part in a story.

    Attributes:
        feature: the source column.
        direction: how the values deviate from normal.
        weight: its weight in the story's profile; the squares of a story's weights sum to at most 1.
        value: the median or most frequent value, as text.
        value_share: share of the rows with this trait that hold exactly `value`.
        expected: the median or most frequent expected value, as text.
    """

    feature: str
    direction: Direction
    weight: float
    value: str = ""
    value_share: float = 0.0
    expected: str = ""

    @property
    def tells_value(self) -> bool:
        """Whether the value adds to the direction, as it does unless the cell is missing."""
        return self.value != "" and self.direction != "missing"

    @property
    def tells_expected(self) -> bool:
        """Whether the expected value differs from `value`; a rare category may itself be the expected one."""
        return self.expected != "" and self.expected.rpartition(" (")[0] != self.value


@dataclass(frozen=True)
class Story:
    """A group of alerts with similar reasons.

    Attributes:
        name: composed of its heaviest traits.
        traits: heaviest first; empty for the story of rows that fit no other.
        rows: number of alerts.
        share: its share of all alerts.
        median_score: median anomaly score; of a very large table, this and what follows describe a sample of its rows.
        examples: ids of its highest-scoring rows.
        first: earliest time among its rows, as text; None if rows have no time.
        last: latest time, likewise.
    """

    name: str
    traits: tuple[Trait, ...]
    rows: int
    share: float
    median_score: float
    examples: tuple[str, ...] = ()
    first: str | None = None
    last: str | None = None

    @property
    def headline(self) -> str:
        """The number of alerts and the name: `40 alerts (23%): pressure_bar missing`."""
        return f"{self.rows} alert{'s' * (self.rows != 1)} ({self.share:.0%}): {self.name}"


def tell(
    reasons: Reasons,
    scores: NDArray[np.float64],
    row_ids: Sequence[str] | None = None,
    times: pa.Array | pa.ChunkedArray | None = None,
) -> tuple[Story, ...]:
    """Group alerts by their reasons.

    Args:
        reasons: the scored table's column, `(n,)`.
        scores: anomaly scores, `(n,)`.
        row_ids: ids of the rows, for the examples; default: row numbers from 0.
        times: times of the rows, if known.

    Returns:
        The stories, largest first; rows that fit none form the last one, which has no traits.
    """
    lines = _read(reasons)
    profiles = _profiles(lines, len(reasons))
    story_of = _nearest(profiles, lines, len(reasons))
    ids = np.asarray(row_ids if row_ids is not None else np.arange(len(reasons)).astype(str))
    rows = pd.DataFrame({"story": story_of, "score": scores, "id": ids, "time": _as_text(times, len(reasons))})
    sizes = rows["story"].value_counts()
    order = sorted(sizes.index, key=lambda story: (story == NO_STORY, -sizes[story], story))
    lines["story"] = story_of[lines["row"]]
    return tuple(
        _describe(rows[rows["story"] == story], lines[lines["story"] == story], _traits_of(profiles, story), len(rows))
        for story in order
    )


def assign(stories: Sequence[Story], reasons: Reasons) -> Indices:
    """Return the index of each row's story, `(n,)`; a row that fits none gets the story without traits, or `NO_STORY`.

    Args:
        stories: of these or of other rows.
        reasons: the scored table's column, `(n,)`.
    """
    weights = [
        {"story": index, "feature": trait.feature, "direction": trait.direction, "weight": trait.weight}
        for index, story in enumerate(stories)
        for trait in story.traits
    ]
    profiles = pd.DataFrame(weights, columns=["story", "feature", "direction", "weight"])
    rest = next((index for index, story in enumerate(stories) if not story.traits), NO_STORY)
    nearest = _nearest(profiles, _read(reasons), len(reasons))
    return np.where(nearest == NO_STORY, rest, nearest)


def _read(reasons: Reasons) -> pd.DataFrame:
    """Return a line per reason (row, feature, direction, value, expected, weight); a row's weights have length 1."""
    whole = reasons.combine_chunks() if isinstance(reasons, pa.ChunkedArray) else reasons
    fields = pc.list_flatten(whole)
    lines = pd.DataFrame({name: pc.struct_field(fields, name).to_pandas() for name in ("feature", "value", "expected")})
    lines["row"] = pc.list_parent_indices(whole).to_numpy()
    lines["direction"] = _directions(lines["value"], lines["expected"])
    lines["weight"] = np.maximum(pc.struct_field(fields, "contribution").to_numpy(zero_copy_only=False), 0)
    return _normalised(lines, "row")


def _normalised(lines: pd.DataFrame, by: str) -> pd.DataFrame:
    """Scale the weights of each group to length 1; lines with weight 0 are dropped."""
    positive = lines[lines["weight"] > 0].reset_index(drop=True)
    # Divided by the largest first, because the square of a score of 1e200 would overflow.
    scaled = positive["weight"] / positive.groupby(by)["weight"].transform("max")
    length = np.sqrt((scaled**2).groupby(positive[by]).transform("sum"))
    return positive.assign(weight=scaled / length)


def _directions(value: pd.Series, expected: pd.Series) -> NDArray[np.object_]:
    """Return how each value deviates; an expected category carries its share, so it does not parse as a number."""
    seen, normal = (pd.to_numeric(texts, errors="coerce") for texts in (value, expected))
    conditions = [value.str.startswith(MISSING), expected.str.startswith(MISSING), seen > normal, seen < normal]
    return np.select(conditions, ["missing", "present", "above", "below"], "unusual").astype(object)


def _profiles(lines: pd.DataFrame, rows: int) -> pd.DataFrame:
    """Cluster a sample of the rows; return a line per story and trait, the largest stories first."""
    sample = np.unique(np.linspace(0, rows - 1, min(rows, _SAMPLE_ROWS)).astype(np.int64))
    sampled = lines[lines["row"].isin(sample)]
    sampled = sampled.assign(story=_cluster(sampled))
    sizes = sampled.groupby("story")["row"].nunique()
    kept = sizes[sizes >= _MIN_SHARE * len(sample)].sort_values(ascending=False, kind="stable").index[:_MAX_STORIES]
    sums = sampled[sampled["story"].isin(kept)].groupby(["story", "feature", "direction"])[["weight"]].sum()
    profiles = _normalised(sums.reset_index(), "story")
    return profiles[profiles["weight"] >= _MIN_WEIGHT].sort_values(["story", "weight"], ascending=[True, False])


def _cluster(lines: pd.DataFrame) -> Indices:
    """Return the cluster of each line's row, `(lines,)`."""
    row, rows = pd.factorize(lines["row"])
    if len(rows) < 2:
        return np.zeros(len(lines), np.int64)
    token = lines.groupby(["feature", "direction"]).ngroup().to_numpy()
    profiles = csr_matrix((lines["weight"], (row, token)))
    distance = 1 - np.clip((profiles @ profiles.T).toarray(), 0, 1)
    linkage = AgglomerativeClustering(None, metric="precomputed", linkage="average", distance_threshold=1 - _MIN_COSINE)
    labels: Indices = linkage.fit_predict(distance)[row]
    return labels


def _nearest(profiles: pd.DataFrame, lines: pd.DataFrame, rows: int) -> Indices:
    """Return the story whose profile is nearest to each row's, or `NO_STORY`, `(rows,)`."""
    column, stories = pd.factorize(profiles["story"])
    cosine = np.zeros((rows, len(stories) + 1))
    pairs = lines.merge(profiles.assign(column=column), on=["feature", "direction"], suffixes=("", "_of_story"))
    np.add.at(cosine, (pairs["row"], pairs["column"]), pairs["weight"] * pairs["weight_of_story"])
    best = cosine.argmax(axis=1)
    is_near = cosine[np.arange(rows), best] >= _MIN_COSINE
    return np.where(is_near, np.append(stories, NO_STORY)[best], NO_STORY).astype(np.int64)


def _traits_of(profiles: pd.DataFrame, story: int) -> list[Trait]:
    lines = profiles[profiles["story"] == story]
    columns = (lines[name].tolist() for name in ("feature", "direction", "weight"))
    return [Trait(*trait) for trait in zip(*columns, strict=True)]


def _describe(rows: pd.DataFrame, lines: pd.DataFrame, traits: Sequence[Trait], total: int) -> Story:
    """Build a story from its rows and their reasons."""
    filled = tuple(_fill(trait, lines) for trait in traits)
    top = rows.sort_values("score", ascending=False, kind="stable")
    times = rows["time"].dropna()
    return Story(
        name=_name(filled),
        traits=filled,
        rows=len(rows),
        share=len(rows) / total,
        median_score=float(rows["score"].median()),
        examples=tuple(top["id"].head(_EXAMPLES)),
        first=None if times.empty else times.min(),
        last=None if times.empty else times.max(),
    )


def _fill(trait: Trait, lines: pd.DataFrame) -> Trait:
    """Add the typical value of the rows with this trait, and the typical expected value."""
    own = lines[(lines["feature"] == trait.feature) & (lines["direction"] == trait.direction)]
    if own.empty:
        return trait
    value, expected = _typical(own["value"]), _typical(own["expected"])
    share = float((own["value"] == value).mean())
    return Trait(trait.feature, trait.direction, trait.weight, value, share, expected)


def _typical(texts: pd.Series) -> str:
    """Return the median of numbers, or the most frequent text."""
    numbers = pd.to_numeric(texts, errors="coerce")
    return str(texts.mode()[0]) if numbers.isna().any() else f"{numbers.median():.6g}"


def _name(traits: Sequence[Trait]) -> str:
    """Compose a story's name of its heaviest traits, grouped by direction: `a and b above normal; c missing`."""
    if not traits:
        return NO_REASONS_IN_COMMON
    named = [trait for trait in traits if trait.weight >= _MIN_NAMED_WEIGHT * traits[0].weight][:_MAX_NAMED_FEATURES]
    phrases: dict[str, list[str]] = {}
    for trait in named:
        has_common_value = trait.direction == "unusual" and trait.value_share >= _MIN_COMMON_SHARE
        subject = f"{trait.feature} = {trait.value}" if has_common_value else trait.feature
        phrases.setdefault(", unusual" if has_common_value else _PHRASES[trait.direction], []).append(subject)
    return "; ".join(_joined(subjects) + phrase for phrase, subjects in phrases.items())


_PHRASES: dict[Direction, str] = {
    "above": " above normal",
    "below": " below normal",
    "missing": " missing",
    "present": " present where normally missing",
    "unusual": " unusual",
}


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}"


def _as_text(times: pa.Array | pa.ChunkedArray | None, rows: int) -> pa.Array:
    """Return times as sortable text, null where unknown."""
    if times is None:
        return pa.nulls(rows, pa.string()).to_pandas()
    if pa.types.is_timestamp(times.type):
        times = pc.cast(times, pa.timestamp("s", tz=times.type.tz), safe=False)
    return times.cast(pa.string()).to_pandas()
