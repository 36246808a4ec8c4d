"""Stories: alerts grouped by their reasons, so that three hundred of them read as a handful.

A row's profile is what each of its reasons adds to its score, a feature above its normal told apart from the same
feature below it, missing, or otherwise unusual. Rows of one story have profiles that point the same way: clusters of a
sample by average linkage on the angle between profiles (Sokal and Michener, 1958), to the nearest of which every row
goes. Nothing is drawn at random, so the same alerts tell the same stories.
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
MAX_STORIES = 7
"""Stories told at most, besides that of the rows that fit none: what a reader keeps in mind."""
SAMPLE = 2000
"""Rows that are clustered; distances between all pairs of them are held at once."""
NEAR = 0.5
"""Cosine of the angle, 60 degrees, beyond which two profiles do not point the same way."""
MIN_SHARE = 0.01
"""Of the rows; a smaller cluster is no story."""
MIN_WEIGHT = 0.1
"""A feature below it, in a profile of length 1, is not part of a story."""
NAMED_WEIGHT = 0.5
"""Of the largest: a feature below it is not part of the story's name."""
NAMED_FEATURES = 3
USUAL_SHARE = 0.8
"""Of a story's rows: a value that so many hold is told as the story's own."""
EXAMPLES = 5


@dataclass(frozen=True)
class Trait:
    """One feature's part in a story.

    Attributes:
        feature: the source column.
        direction: on which side of its normal the column is.
        weight: its part in the story's profile; the squares of a story's weights sum to at most 1.
        value: the median or the most frequent value seen, as text.
        value_share: share of the rows with this trait that hold exactly `value`.
        expected: the median or the most frequent value expected, as text.
    """

    feature: str
    direction: Direction
    weight: float
    value: str = ""
    value_share: float = 0.0
    expected: str = ""

    @property
    def tells_value(self) -> bool:
        """Whether the value says more than the direction: of a missing cell it says the same."""
        return self.value != "" and self.direction != "missing"

    @property
    def tells_expected(self) -> bool:
        """Whether another value was expected; of a rare level the same may be, with the share that makes it unusual."""
        return self.expected != "" and self.expected.rpartition(" (")[0] != self.value


@dataclass(frozen=True)
class Story:
    """Alerts that have their reasons in common.

    Attributes:
        name: made from its heaviest traits.
        traits: heaviest first; none for the story of the rows that fit no other.
        rows: how many alerts.
        share: of all alerts.
        median_score: of its anomaly scores.
        examples: ids of its rows with the highest scores.
        first: earliest time among its rows, as text; None where rows have no time.
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
        """How many alerts, and what they have in common: `40 alerts (23%): pressure_bar missing`."""
        return f"{self.rows} alert{'s' * (self.rows != 1)} ({self.share:.0%}): {self.name}"


def tell(
    reasons: Reasons,
    scores: NDArray[np.float64],
    row_ids: Sequence[str] | None = None,
    times: pa.Array | pa.ChunkedArray | None = None,
) -> tuple[Story, ...]:
    """Group alerts by their reasons.

    Args:
        reasons: of each alert, as the scored table holds them, `(n,)`.
        scores: anomaly scores, `(n,)`.
        row_ids: names of the rows, for the examples; default: their numbers, from 0.
        times: when the rows happened, if that is known.

    Returns:
        The stories, most rows first; the rows that fit none are told last, as one story without traits.
    """
    told = _read(reasons)
    profiles = _profiles(told, len(reasons))
    story_of = _nearest(profiles, told, len(reasons))
    ids = np.asarray(row_ids if row_ids is not None else np.arange(len(reasons)).astype(str))
    rows = pd.DataFrame({"story": story_of, "score": scores, "id": ids, "time": _as_text(times, len(reasons))})
    sizes = rows["story"].value_counts()
    order = sorted(sizes.index, key=lambda story: (story == NO_STORY, -sizes[story], story))
    told["story"] = story_of[told["row"]]
    return tuple(
        _describe(rows[rows["story"] == story], told[told["story"] == story], _traits_of(profiles, story), len(rows))
        for story in order
    )


def assign(stories: Sequence[Story], reasons: Reasons) -> Indices:
    """Return the index of each row's story, `(n,)`; `NO_STORY` for a row that fits none, if that is no story.

    Args:
        stories: as told of these or of other rows.
        reasons: of the rows, as the scored table holds them, `(n,)`.
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
    """Return one line a reason: row, feature, direction, value, expected, weight; a row's weights have length 1."""
    whole = reasons.combine_chunks() if isinstance(reasons, pa.ChunkedArray) else reasons
    fields = pc.list_flatten(whole)
    told = pd.DataFrame({name: pc.struct_field(fields, name).to_pandas() for name in ("feature", "value", "expected")})
    told["row"] = pc.list_parent_indices(whole).to_numpy()
    told["direction"] = _directions(told["value"], told["expected"])
    told["weight"] = np.maximum(pc.struct_field(fields, "contribution").to_numpy(zero_copy_only=False), 0)
    return _normalised(told, "row")


def _normalised(lines: pd.DataFrame, by: str) -> pd.DataFrame:
    """Scale the weights of each group to length 1; lines without weight go."""
    weighty = lines[lines["weight"] > 0].reset_index(drop=True)
    # By the largest first: the square of a score of 1e200 would overflow.
    scaled = weighty["weight"] / weighty.groupby(by)["weight"].transform("max")
    length = np.sqrt((scaled**2).groupby(weighty[by]).transform("sum"))
    return weighty.assign(weight=scaled / length)


def _directions(value: pd.Series, expected: pd.Series) -> NDArray[np.object_]:
    """Say on which side of its normal each value is; an expected level carries its share, so it is no number."""
    seen, normal = (pd.to_numeric(texts, errors="coerce") for texts in (value, expected))
    told = [value.str.startswith(MISSING), expected.str.startswith(MISSING), seen > normal, seen < normal]
    return np.select(told, ["missing", "present", "above", "below"], "unusual").astype(object)


def _profiles(told: pd.DataFrame, rows: int) -> pd.DataFrame:
    """Cluster a sample of the rows; return one line a story and trait, the largest stories first."""
    sample = np.unique(np.linspace(0, rows - 1, min(rows, SAMPLE)).astype(np.int64))
    lines = told[told["row"].isin(sample)]
    cluster = _cluster(lines)
    lines = lines.assign(story=cluster)
    sizes = lines.groupby("story")["row"].nunique()
    kept = sizes[sizes >= MIN_SHARE * len(sample)].sort_values(ascending=False, kind="stable").index[:MAX_STORIES]
    means = lines[lines["story"].isin(kept)].groupby(["story", "feature", "direction"])[["weight"]].sum().reset_index()
    means = _normalised(means, "story")
    return means[means["weight"] >= MIN_WEIGHT].sort_values(["story", "weight"], ascending=[True, False])


def _cluster(lines: pd.DataFrame) -> Indices:
    """Return for each line the cluster of its row."""
    row, rows = pd.factorize(lines["row"])
    if len(rows) < 2:
        return np.zeros(len(lines), np.int64)
    token = lines.groupby(["feature", "direction"]).ngroup().to_numpy()
    profiles = csr_matrix((lines["weight"], (row, token)))
    distance = 1 - np.clip((profiles @ profiles.T).toarray(), 0, 1)
    linkage = AgglomerativeClustering(None, metric="precomputed", linkage="average", distance_threshold=1 - NEAR)
    labels: Indices = linkage.fit_predict(distance)[row]
    return labels


def _nearest(profiles: pd.DataFrame, told: pd.DataFrame, rows: int) -> Indices:
    """Return the story to whose profile each row's is nearest, `(rows,)`, or `NO_STORY`."""
    column, stories = pd.factorize(profiles["story"])
    cosine = np.zeros((rows, len(stories) + 1))
    pairs = told.merge(profiles.assign(column=column), on=["feature", "direction"], suffixes=("", "_of_story"))
    np.add.at(cosine, (pairs["row"], pairs["column"]), pairs["weight"] * pairs["weight_of_story"])
    best = cosine.argmax(axis=1)
    is_near = cosine[np.arange(rows), best] >= NEAR
    return np.where(is_near, np.append(stories, NO_STORY)[best], NO_STORY).astype(np.int64)


def _traits_of(profiles: pd.DataFrame, story: int) -> list[Trait]:
    lines = profiles[profiles["story"] == story]
    columns = (lines[name].tolist() for name in ("feature", "direction", "weight"))
    return [Trait(*trait) for trait in zip(*columns, strict=True)]


def _describe(rows: pd.DataFrame, told: pd.DataFrame, traits: Sequence[Trait], total: int) -> Story:
    """Make a story of its rows and their reasons."""
    filled = tuple(_fill(trait, told) for trait in traits)
    top = rows.sort_values("score", ascending=False, kind="stable")
    times = rows["time"].dropna()
    return Story(
        name=_name(filled),
        traits=filled,
        rows=len(rows),
        share=len(rows) / total,
        median_score=float(rows["score"].median()),
        examples=tuple(top["id"].head(EXAMPLES)),
        first=None if times.empty else times.min(),
        last=None if times.empty else times.max(),
    )


def _fill(trait: Trait, told: pd.DataFrame) -> Trait:
    """Add what the rows with this trait typically hold, and what was expected of them."""
    lines = told[(told["feature"] == trait.feature) & (told["direction"] == trait.direction)]
    if lines.empty:
        return trait
    value, expected = _typical(lines["value"]), _typical(lines["expected"])
    share = float((lines["value"] == value).mean())
    return Trait(trait.feature, trait.direction, trait.weight, value, share, expected)


def _typical(texts: pd.Series) -> str:
    """Return the median of numbers, else the most frequent text."""
    numbers = pd.to_numeric(texts, errors="coerce")
    return str(texts.mode()[0]) if numbers.isna().any() else f"{numbers.median():.6g}"


def _name(traits: Sequence[Trait]) -> str:
    """Name a story by its heaviest traits, those of one direction together: `a and b above normal; c missing`."""
    if not traits:
        return "no reasons in common"
    named = [trait for trait in traits if trait.weight >= NAMED_WEIGHT * traits[0].weight][:NAMED_FEATURES]
    phrases: dict[str, list[str]] = {}
    for trait in named:
        level = f" = {trait.value}" if trait.direction == "unusual" and trait.value_share >= USUAL_SHARE else ""
        phrases.setdefault(_WORDS[trait.direction] if not level else ", unusual", []).append(trait.feature + level)
    return "; ".join(_joined(features) + words for words, features in phrases.items())


_WORDS: dict[Direction, str] = {
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
