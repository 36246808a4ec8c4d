"""Facts about a dataset of pictures, counted from its parts: kinds, sizes, modes, masks, copies."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from anomaly_ae.ingest.contract import ORIGIN, SHA256
from anomaly_ae.ingest.pictures.contract import FORMAT, HEIGHT, KIND, MASK_NOTE, MODE, WIDTH
from anomaly_ae.storage.locations import Location
from anomaly_ae.storage.parquet import read_parquet

_SHOWN = 20
_COLUMNS = [WIDTH, HEIGHT, MODE, FORMAT, SHA256, KIND, MASK_NOTE, ORIGIN]


def picture_facts(parts: Sequence[Location]) -> dict[str, Any]:
    """Return what the manifest holds about pictures.

    Returns:
        `places`, `sizes`, `modes` and `formats` with their counts, the most frequent first; `masks_refused` with the
        reasons; `duplicates`: pictures whose file has the bytes of an earlier one; and `duplicates_across_origins`:
        test pictures whose file is also in train or validation.
    """
    table = pa.concat_tables([read_parquet(part, columns=_COLUMNS) for part in parts])
    places = zip(table[ORIGIN].to_pylist(), table[KIND].to_pylist(), strict=True)
    sizes = zip(table[WIDTH].to_pylist(), table[HEIGHT].to_pylist(), strict=True)
    notes = table[MASK_NOTE].drop_null().to_pylist()
    return {
        "places": _counts("/".join(filter(None, place)) or "." for place in places),
        "sizes": _counts(f"{width} x {height}" for width, height in sizes),
        "modes": _counts(table[MODE].to_pylist()),
        "formats": _counts(table[FORMAT].to_pylist()),
        "masks_refused": _counts(notes),
        "duplicates": table.num_rows - pc.count_distinct(table[SHA256]).as_py(),
        "duplicates_across_origins": _across_origins(table),
    }


def _counts(values: Any) -> dict[str, int]:
    counts = Counter(values)
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    others = sum(count for _, count in ranked[_SHOWN:])
    return dict(ranked[:_SHOWN]) | ({"others": others} if others else {})


def _across_origins(table: pa.Table) -> int:
    is_test = pc.fill_null(pc.equal(table[ORIGIN], "test"), False)
    test, others = table.filter(is_test), table.filter(pc.and_(pc.invert(is_test), pc.is_valid(table[ORIGIN])))
    return pc.sum(pc.is_in(test[SHA256], value_set=others[SHA256].combine_chunks())).as_py() or 0
