"""Train, validation and test: three sets of rows that never share a row, an entity or a stretch of time.

Where a row belongs is a function of the row alone (a hash of its id or entity), so adding rows never moves old ones; or
of its time, against cuts that are kept with the model; or, of pictures, of the folder it came from. Labelled anomalies
go to test, or a share of them to validation where the spec says so; one that may not (its entity or its time belongs
elsewhere) is used nowhere. Nor is a row that a reviewer found to be an anomaly.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Self, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from anomaly_ae.errors import SplitError
from anomaly_ae.ingest.contract import LABEL, ROW_ID, Contract
from anomaly_ae.ingest.pictures.contract import ORIGIN
from anomaly_ae.ingest.rows import RowStore
from anomaly_ae.spec import Role, Section, SplitSpec

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)
UNUSED = -1

Codes = NDArray[np.int8]
Rows: TypeAlias = pa.Table | pa.RecordBatch

_KEY_OF_SAMPLE = "anomaly_ae_rows_"
"""Hash key of the draw among train rows; another than the split's, so that the two are independent."""
_KEY_OF_ANOMALIES = "anomaly_ae_label"
_MAX_CONTENT_HASHES = 1_000_000
_NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}


class SplitRule(Section):
    """How rows are told apart; saved with the model version, and enough to split the same rows again.

    Attributes:
        spec: what the user asked for.
        key: the column whose value decides; in a split by folder it says train or test, and the row id the rest.
        cuts: for a split by time, the last times (as numbers) of train and of validation.
        excluded: ids of rows that belong neither to train nor to validation, whatever their key.
        has_validation: in a split by folder, whether the source has validation pictures of its own.
    """

    spec: SplitSpec
    key: str
    cuts: tuple[float, float] | None = None
    excluded: tuple[str, ...] = ()
    has_validation: bool = False

    @classmethod
    def fit(cls, dataset: RowStore, spec: SplitSpec, excluded: tuple[str, ...] = ()) -> Self:
        """Find the deciding column, and for a split by time the cuts.

        Raises:
            SplitError: the split needs an entity or time column and the spec names none, or no normal row has a time.
        """
        key = _key_column(dataset.contract, spec)
        if spec.by != "time":
            return cls(spec=spec, key=key, excluded=excluded, has_validation=_has_validation(dataset, key, spec))
        normal = [
            _as_number(batch.column(key)).compress(~_is_anomaly(batch)) for batch in dataset.batches([key, LABEL])
        ]
        times = np.concatenate([*normal, np.empty(0)])
        if np.isnan(times).all():
            msg = f"split.by is 'time', but no normal row has a time in column {key!r} (data.time)"
            raise SplitError(msg)
        cuts = np.nanquantile(times, [spec.train, spec.train + spec.validation], method="inverted_cdf")
        return cls(spec=spec, key=key, cuts=(float(cuts[0]), float(cuts[1])), excluded=excluded)

    def assign(self, rows: Rows) -> Codes:
        """Return for each row the index into `SPLITS`, or `UNUSED`.

        Args:
            rows: with the key column, the label column and the row ids.
        """
        codes = self._place_anomalies(rows, self._by_key(rows))
        if self.excluded:
            codes[self._is_excluded(rows) & (codes != SPLITS.index(TEST))] = UNUSED
        return codes

    def names(self, rows: Rows) -> pa.Array:
        """Return for each row the name of its split, or null."""
        codes = self.assign(rows)
        return pa.array(SPLITS).take(pa.array(codes, mask=codes == UNUSED))

    def _by_key(self, rows: Rows) -> Codes:
        key = rows.column(self.key)
        if self.spec.by == "folder":
            return self._by_folder(key, rows.column(ROW_ID))
        return self._by_time(key) if self.cuts else self._by_hash(key)

    def _place_anomalies(self, rows: Rows, places: Codes) -> Codes:
        """Move labelled anomalies to test, or to nowhere; and the share of them that thresholds need to validation."""
        anomaly, codes = _is_anomaly(rows), places.copy()
        codes[anomaly & (places != SPLITS.index(TEST))] = SPLITS.index(TEST) if self.spec.by == "row" else UNUSED
        if self.spec.validation_anomalies:
            drawn = hash_to_unit(rows.column(ROW_ID), _KEY_OF_ANOMALIES) < self.spec.validation_anomalies
            in_validation = places == SPLITS.index(VALIDATION)
            may = in_validation if self.spec.by in {"group", "time"} else codes == SPLITS.index(TEST)
            codes[anomaly & drawn & may] = SPLITS.index(VALIDATION)
        return codes

    def _is_excluded(self, rows: Rows) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = pc.is_in(rows.column(ROW_ID), pa.array(self.excluded)).to_numpy(zero_copy_only=False)
        return mask

    def _by_hash(self, key: pa.ChunkedArray | pa.Array) -> Codes:
        share = hash_to_unit(key, f"anomaly_ae{self.spec.seed:06d}")
        return np.digitize(share, [self.spec.train, self.spec.train + self.spec.validation]).astype(np.int8)

    def _by_folder(self, origin: pa.ChunkedArray | pa.Array, row_id: pa.ChunkedArray | pa.Array) -> Codes:
        """Follow the source's own split; where it has no validation, train gives some of its rows, by their hash."""
        share = hash_to_unit(row_id, f"anomaly_ae{self.spec.seed:06d}")
        is_train = self.has_validation | (share < self.spec.train / (self.spec.train + self.spec.validation))
        places = pc.index_in(origin, pa.array(SPLITS)).fill_null(UNUSED).to_numpy(zero_copy_only=False)
        return np.where((places == SPLITS.index(TRAIN)) & ~is_train, SPLITS.index(VALIDATION), places).astype(np.int8)

    def _by_time(self, key: pa.ChunkedArray | pa.Array) -> Codes:
        times = _as_number(key)
        codes = np.searchsorted(np.array(self.cuts), times, side="left").astype(np.int8)
        codes[np.isnan(times)] = UNUSED
        return codes


@dataclass(frozen=True)
class SplitRows:
    """The rows a model is made from, and the account of all rows.

    Attributes:
        train: rows for the weights, at most about `max_rows`.
        validation: rows for the threshold, likewise.
        facts: counts by split, of anomalies, of unused rows, of duplicates across splits; saved with the model.
    """

    train: pa.Table
    validation: pa.Table
    facts: dict[str, int | float | str] = field(default_factory=dict)


def gather(dataset: RowStore, rule: SplitRule, max_rows: int) -> SplitRows:
    """Read the train and validation rows of a dataset, sampled by a hash of the row id where there are too many.

    Of pictures, which may be more than memory holds, only row ids and the hashes of the files are read.

    Raises:
        SplitError: a split is left without rows.
    """
    features = list(dataset.contract.content)
    groupings = [column.name for column in dataset.contract.groupings]
    needed = list(dict.fromkeys([ROW_ID, LABEL, rule.key, *features, *groupings]))
    counts: Counter[str] = Counter()
    content = _ContentHashes(dataset.rows)
    kept: dict[str, list[pa.RecordBatch]] = {TRAIN: [], VALIDATION: []}
    for batch in dataset.batches(needed):
        codes = rule.assign(batch)
        _count(counts, codes, _is_anomaly(batch))
        content.add(batch.select(features), codes)
        draw = hash_to_unit(batch.column(ROW_ID), _KEY_OF_SAMPLE)
        for name, batches in kept.items():
            share = max_rows / max(dataset.rows * getattr(rule.spec, name), 1)
            batches.append(batch.filter(pa.array((codes == SPLITS.index(name)) & (draw < share))))
    # Else what reading took, and gave back, would stay with the process through training.
    pa.default_memory_pool().release_unused()
    schema = pa.schema([dataset.contract.schema.field(name) for name in needed])
    train, validation = (pa.Table.from_batches(batches, schema) for batches in kept.values())
    _refuse_empty(train, validation, counts, rule)
    facts = {"by": rule.spec.by, "key": rule.key, **_all_counts(counts), **content.duplicates()}
    facts |= {"train_rows_used": train.num_rows, "validation_rows_used": validation.num_rows}
    return SplitRows(train, validation, facts)


def count_rows(dataset: RowStore, rule: SplitRule) -> dict[str, int]:
    """Count rows and labelled anomalies by split, without reading a feature."""
    counts: Counter[str] = Counter()
    for batch in dataset.batches(list(dict.fromkeys([ROW_ID, LABEL, rule.key]))):
        _count(counts, rule.assign(batch), _is_anomaly(batch))
    return _all_counts(counts)


def hash_to_unit(values: pa.ChunkedArray | pa.Array, key: str) -> NDArray[np.float64]:
    """Map values to [0, 1) by a hash that is the same on every machine and in every run.

    Args:
        values: of any type that Arrow can write as text.
        key: sixteen characters; another key gives an independent map.
    """
    texts = pc.fill_null(pc.cast(values, pa.string()), "").to_numpy(zero_copy_only=False)
    hashes = pd.util.hash_array(np.asarray(texts, dtype=object), hash_key=key, categorize=False)
    # Only the upper 53 bits fit a float64 exactly.
    return (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53


class _ContentHashes:
    """Finds rows of validation and test whose features equal those of a train row.

    Above a million rows only one in k contents is followed, so that memory stays bounded.
    """

    def __init__(self, rows: int) -> None:
        self.one_in = -(-rows // _MAX_CONTENT_HASHES) or 1
        self.hashes: list[NDArray[np.uint64]] = []
        self.codes: list[Codes] = []

    def add(self, features: pa.RecordBatch, codes: Codes) -> None:
        # Types that hold missing cells: else a number's hash would depend on whether its batch has any.
        frame = features.to_pandas(types_mapper=_NULLABLE.get)
        hashes = pd.util.hash_pandas_object(frame, index=False).to_numpy()
        followed = (hashes % np.uint64(self.one_in) == 0) & (codes != UNUSED)
        self.hashes.append(hashes[followed])
        self.codes.append(codes[followed])

    def duplicates(self) -> dict[str, int | float]:
        hashes, codes = np.concatenate(self.hashes), np.concatenate(self.codes)
        # NumPy's own `isin` takes seconds for a million hashes.
        seen = pd.Series(hashes).isin(hashes[codes == SPLITS.index(TRAIN)]).to_numpy()
        found: dict[str, int | float] = {"duplicates_followed_one_in": self.one_in}
        for name in (VALIDATION, TEST):
            found[f"{name}_duplicates_of_train"] = int(np.sum(seen & (codes == SPLITS.index(name)))) * self.one_in
        return found


def _key_column(contract: Contract, spec: SplitSpec) -> str:
    if spec.by == "row":
        return ROW_ID
    if spec.by == "folder":
        if contract.modality != "pictures":
            msg = "split.by is 'folder', and only of pictures do folders say train and test; say row, group or time"
            raise SplitError(msg)
        return ORIGIN
    role, setting = (Role.ENTITY, "data.entity") if spec.by == "group" else (Role.TIME, "data.time")
    name = contract.named(role)
    if name is None:
        msg = f"split.by is {spec.by!r} but no column has the role {role.value!r}; name one in {setting}"
        raise SplitError(msg)
    return name


def _has_validation(dataset: RowStore, key: str, spec: SplitSpec) -> bool:
    if spec.by != "folder":
        return False
    return any(pc.any(pc.equal(batch.column(key), VALIDATION)).as_py() for batch in dataset.batches([key]))


def _is_anomaly(rows: Rows) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = pc.fill_null(rows.column(LABEL), False).to_numpy(zero_copy_only=False)
    return mask


def _as_number(times: pa.ChunkedArray | pa.Array) -> NDArray[np.float64]:
    """Return times as float64 (microseconds for datetimes), NaN where missing."""
    whole = pc.cast(times, pa.int64()) if pa.types.is_timestamp(times.type) else times
    numbers: NDArray[np.float64] = pc.cast(whole, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return numbers


def _count(counts: Counter[str], codes: Codes, anomaly: NDArray[np.bool_]) -> None:
    for code, name in [*enumerate(SPLITS), (UNUSED, "unused")]:
        counts[f"{name}_rows"] += int(np.sum(codes == code))
        counts[f"{name}_anomalies"] += int(np.sum((codes == code) & anomaly))


def _all_counts(counts: Counter[str]) -> dict[str, int]:
    names = [f"{name}_rows" for name in (*SPLITS, "unused")]
    return {name: counts[name] for name in [*names, "validation_anomalies", "test_anomalies", "unused_anomalies"]}


def _refuse_empty(train: pa.Table, validation: pa.Table, counts: Counter[str], rule: SplitRule) -> None:
    counted = ", ".join(f"{name} {rows}" for name, rows in counts.items() if rows)
    for name, table in ((TRAIN, train), (VALIDATION, validation)):
        if _is_anomaly(table).all():
            msg = (
                f"the split by {rule.spec.by} ({rule.key}) leaves no normal row for {name}: {counted or 'no rows'}. "
                f"Give more rows, more entities, a larger split.{name}, or another split.by."
            )
            raise SplitError(msg)
