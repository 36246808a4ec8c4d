"""Train, validation and test: three splits that never share a row, an entity or a time range.

A row's split depends on the row alone: on a hash of its id or entity, so that adding rows never moves existing ones; on
its time, compared with cuts stored with the model; or, for pictures, on the folder it came from. Labelled anomalies go
to test, and a share of them to validation if the spec says so; where their entity or time rules that out, they stay
unused. So do rows that a reviewer marked as anomalies.
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
from anomaly_ae.ingest.rows import RowStore
from anomaly_ae.spec import Role, Section, SplitSpec

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)
_UNUSED = -1

Codes = NDArray[np.int8]
Rows: TypeAlias = pa.Table | pa.RecordBatch

_KEY_OF_SAMPLE = "anomaly_ae_rows_"
"""Hash key for sampling train rows; differs from the split's, so that the two are independent."""
_KEY_OF_ANOMALIES = "anomaly_ae_label"
_MAX_CONTENT_HASHES = 1_000_000
_NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}


class SplitRule(Section):
    """Rule that assigns rows to splits; saved with the model version, and sufficient to repeat the split.

    Attributes:
        spec: the user's settings.
        key: column that decides the split; for a split by folder, the source's split, which the row id refines.
        cuts: for a split by time, the last times (as numbers) of train and of validation.
        excluded: ids of rows kept out of train and validation, whatever their key.
        has_validation: for a split by folder, whether the source contains validation pictures.
    """

    spec: SplitSpec
    key: str
    cuts: tuple[float, float] | None = None
    excluded: tuple[str, ...] = ()
    has_validation: bool = False

    @classmethod
    def fit(cls, dataset: RowStore, spec: SplitSpec, excluded: tuple[str, ...] = ()) -> Self:
        """Find the key column, and for a split by time the cuts.

        Raises:
            SplitError: the split needs an entity or time column but the spec names none, or no normal row has a time.
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
        """Return each row's index into `SPLITS`, or `_UNUSED`, `(n,)`.

        Args:
            rows: with the key column, the label column and the row ids.
        """
        codes = self._place_anomalies(rows, self._by_key(rows))
        if self.excluded:
            codes[self._is_excluded(rows) & (codes != SPLITS.index(TEST))] = _UNUSED
        return codes

    def names(self, rows: Rows) -> pa.Array:
        """Return the name of each row's split, or null."""
        codes = self.assign(rows)
        return pa.array(SPLITS).take(pa.array(codes, mask=codes == _UNUSED))

    def _by_key(self, rows: Rows) -> Codes:
        key = rows.column(self.key)
        if self.spec.by == "folder":
            return self._by_folder(key, rows.column(ROW_ID))
        return self._by_time(key) if self.cuts else self._by_hash(key)

    def _place_anomalies(self, rows: Rows, by_key: Codes) -> Codes:
        """Move labelled anomalies out of train and validation, except the share that a labelled threshold needs."""
        anomaly, codes = _is_anomaly(rows), by_key.copy()
        codes[anomaly & (by_key != SPLITS.index(TEST))] = SPLITS.index(TEST) if self.spec.by == "row" else _UNUSED
        if self.spec.validation_anomalies:
            drawn = hash_to_unit(rows.column(ROW_ID), _KEY_OF_ANOMALIES) < self.spec.validation_anomalies
            in_validation = by_key == SPLITS.index(VALIDATION)
            eligible = in_validation if self.spec.by in {"group", "time"} else codes == SPLITS.index(TEST)
            codes[anomaly & drawn & eligible] = SPLITS.index(VALIDATION)
        return codes

    def _is_excluded(self, rows: Rows) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = pc.is_in(rows.column(ROW_ID), pa.array(self.excluded)).to_numpy(zero_copy_only=False)
        return mask

    def _by_hash(self, key: pa.ChunkedArray | pa.Array) -> Codes:
        share = hash_to_unit(key, f"anomaly_ae{self.spec.seed:06d}")
        return np.digitize(share, [self.spec.train, self.spec.train + self.spec.validation]).astype(np.int8)

    def _by_folder(self, origin: pa.ChunkedArray | pa.Array, row_id: pa.ChunkedArray | pa.Array) -> Codes:
        """Follow the source's own split; if it has no validation, move a hashed share of train there."""
        share = hash_to_unit(row_id, f"anomaly_ae{self.spec.seed:06d}")
        is_train = self.has_validation | (share < self.spec.train / (self.spec.train + self.spec.validation))
        codes = pc.index_in(origin, pa.array(SPLITS)).fill_null(_UNUSED).to_numpy(zero_copy_only=False)
        return np.where((codes == SPLITS.index(TRAIN)) & ~is_train, SPLITS.index(VALIDATION), codes).astype(np.int8)

    def _by_time(self, key: pa.ChunkedArray | pa.Array) -> Codes:
        times = _as_number(key)
        codes = np.searchsorted(np.array(self.cuts), times, side="left").astype(np.int8)
        codes[np.isnan(times)] = _UNUSED
        return codes


@dataclass(frozen=True)
class SplitRows:
    """The rows a model is trained and calibrated on, and the account of all rows.

    Attributes:
        train: rows for the weights, at most about `max_rows`.
        validation: rows for the threshold, likewise.
        facts: counts of rows, anomalies, unused rows and duplicates by split; saved with the model.
    """

    train: pa.Table
    validation: pa.Table
    facts: dict[str, int | float | str] = field(default_factory=dict)


def gather(dataset: RowStore, rule: SplitRule, max_rows: int) -> SplitRows:
    """Read the train and validation rows of a dataset; above `max_rows`, a sample by a hash of the row id.

    For pictures, which may exceed memory, only row ids and file hashes are read.

    Raises:
        SplitError: a split has no normal rows.
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
    # Otherwise the memory freed after reading would stay allocated to the process during training.
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
        values: of any type that Arrow can cast to text.
        key: sixteen characters; different keys give independent maps.
    """
    texts = pc.fill_null(pc.cast(values, pa.string()), "").to_numpy(zero_copy_only=False)
    hashes = pd.util.hash_array(np.asarray(texts, dtype=object), hash_key=key, categorize=False)
    # Only the upper 53 bits fit a float64 exactly.
    return (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53


class _ContentHashes:
    """Counts the validation and test rows whose features equal those of a train row.

    Above a million rows, only one in k distinct contents is tracked, to bound memory.
    """

    def __init__(self, rows: int) -> None:
        self.one_in = -(-rows // _MAX_CONTENT_HASHES) or 1
        self.hashes: list[NDArray[np.uint64]] = []
        self.codes: list[Codes] = []

    def add(self, features: pa.RecordBatch, codes: Codes) -> None:
        # Nullable types, or a number's hash would depend on whether its batch has missing cells.
        frame = features.to_pandas(types_mapper=_NULLABLE.get)
        hashes = pd.util.hash_pandas_object(frame, index=False).to_numpy()
        tracked = (hashes % np.uint64(self.one_in) == 0) & (codes != _UNUSED)
        self.hashes.append(hashes[tracked])
        self.codes.append(codes[tracked])

    def duplicates(self) -> dict[str, int | float]:
        hashes, codes = np.concatenate(self.hashes), np.concatenate(self.codes)
        # pandas, because NumPy's `isin` takes seconds for a million hashes.
        seen = pd.Series(hashes).isin(hashes[codes == SPLITS.index(TRAIN)]).to_numpy()
        found: dict[str, int | float] = {"duplicates_followed_one_in": self.one_in}
        for name in (VALIDATION, TEST):
            found[f"{name}_duplicates_of_train"] = int(np.sum(seen & (codes == SPLITS.index(name)))) * self.one_in
        return found


def _key_column(contract: Contract, spec: SplitSpec) -> str:
    if spec.by == "row":
        return ROW_ID
    if spec.by == "folder":
        if contract.origin is None:
            msg = "split.by 'folder' works only for pictures sorted into train and test folders; use row, group or time"
            raise SplitError(msg)
        return contract.origin
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
    integers = pc.cast(times, pa.int64()) if pa.types.is_timestamp(times.type) else times
    numbers: NDArray[np.float64] = pc.cast(integers, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return numbers


def _count(counts: Counter[str], codes: Codes, anomaly: NDArray[np.bool_]) -> None:
    for code, name in [*enumerate(SPLITS), (_UNUSED, "unused")]:
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
                f"Provide more rows or entities, a larger split.{name}, or another split.by."
            )
            raise SplitError(msg)
