"""File formats of tables: each line names a reader, and a suffix means one format."""

from collections import Counter

import pytest

from anomaly_ae.errors import SpecError
from anomaly_ae.ingest.readers import reader_of
from anomaly_ae.spec.file import parse_spec
from anomaly_ae.spec.formats import TABLE_FORMATS


@pytest.mark.parametrize("name", list(TABLE_FORMATS))
def test_each_line_names_a_reader(name: str) -> None:
    """The function that a registration line names exists."""
    assert callable(reader_of(name))


def test_a_suffix_means_one_format() -> None:
    """No two formats claim the same files, and suffixes are written as they are compared."""
    suffixes = Counter(suffix for known in TABLE_FORMATS.values() for suffix in known.suffixes)

    assert set(suffixes.values()) == {1}
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in suffixes)


def test_a_spec_may_name_each_of_them_and_no_other() -> None:
    """`data.format` takes every registered format; a typo is answered with the nearest."""
    for name in TABLE_FORMATS:
        assert parse_spec({"data": {"source": "x", "format": name}}).data.format == name
    with pytest.raises(SpecError, match=r"parquett.*parquet"):
        parse_spec({"data": {"source": "x", "format": "parquett"}})
