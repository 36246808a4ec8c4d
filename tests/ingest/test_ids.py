"""Row ids that came before are found, in whatever batches they come."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from anomaly_ae.ingest.ids import SeenIds


@given(st.lists(st.lists(st.integers(0, 30).map(str), max_size=12), max_size=8))
def test_every_id_but_its_first_is_a_duplicate(batches: list[list[str]]) -> None:
    """An id is a duplicate exactly if it was added before, in the same batch or an earlier one."""
    seen, known = SeenIds(), set()
    for batch in batches:
        found = seen.add(pa.array(batch, pa.string())).tolist()
        expected = []
        for one in batch:
            expected.append(one in known)
            known.add(one)
        assert found == expected
