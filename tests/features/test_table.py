"""The table encoder: standardised, finite elements, learned from train rows only, and their decoding."""

import numpy as np
import pandas as pd
import pytest
from encoding_support import fit

from anomaly_ae.errors import ContractError
from anomaly_ae.features.table import TableEncoder


@pytest.fixture
def numbers() -> pd.DataFrame:
    """Return two numeric columns of very different scale."""
    rng = np.random.default_rng(1)
    return pd.DataFrame({"a": rng.normal(5, 2, 500), "b": rng.normal(-3e6, 1e4, 500)})


def test_train_rows_have_mean_zero_and_standard_deviation_one(mixed: pd.DataFrame, numbers: pd.DataFrame) -> None:
    """On the train rows, elements of every kind of column are centred, with a standard deviation of at most one."""
    of_numbers = fit(numbers).encode(numbers).elements
    of_all = fit(mixed).encode(mixed).elements

    assert of_numbers.mean(axis=0) == pytest.approx(0, abs=1e-5)
    assert of_numbers.std(axis=0) == pytest.approx(1, abs=1e-5)
    assert of_all.mean(axis=0) == pytest.approx(0, abs=1e-5)
    assert (of_all.std(axis=0) < 1 + 1e-5).all()


def test_scoring_rows_teach_nothing(mixed: pd.DataFrame) -> None:
    """A row's elements do not depend on the rows that are encoded with it."""
    fitted = fit(mixed)
    other = mixed.head(10).assign(load=1e6, line="east")

    together = fitted.encode(pd.concat([mixed.head(50), other]))

    assert np.array_equal(together.elements[:50], fitted.encode(mixed.head(50)).elements)
    assert np.array_equal(together.surprise[:50], fitted.encode(mixed.head(50)).surprise)


def test_column_order_is_harmless(mixed: pd.DataFrame) -> None:
    """Columns are found by name, whatever their order in the table."""
    fitted = fit(mixed)
    table = fitted.table(mixed)

    turned = fitted.encoder.transform(table.select(table.column_names[::-1]))

    assert np.array_equal(turned.elements, fitted.encoder.transform(table).elements)


def test_json_round_trip_is_exact(mixed: pd.DataFrame) -> None:
    """An encoder read back from its JSON is equal and encodes to the same bits."""
    fitted = fit(mixed.assign(heavy=np.exp(3 * mixed["load"] / 10)), min_category_rows=250)

    again = TableEncoder.model_validate_json(fitted.encoder.model_dump_json())

    assert again == fitted.encoder
    table = fitted.table(mixed.assign(heavy=1.5))
    assert np.array_equal(again.transform(table).elements, fitted.encoder.transform(table).elements)


def test_every_element_belongs_to_one_source_column(mixed: pd.DataFrame) -> None:
    """A changed column changes only its own elements, and each element is mapped to a column."""
    fitted = fit(mixed)
    before = fitted.encode(mixed).elements
    for index, name in enumerate(fitted.encoder.names):
        after = fitted.encode(mixed.assign(**{name: mixed[name].to_numpy()[::-1]})).elements

        moved = (before != after).any(axis=0)
        assert set(fitted.encoder.column_of_element[moved]) == {index}
    assert len(fitted.encoder.column_of_element) == fitted.encoder.width == before.shape[1]


def test_a_table_of_constant_columns_is_refused() -> None:
    """A table in which nothing varies has nothing to reconstruct, and the message says where to look."""
    with pytest.raises(ContractError, match=r"no feature column varies.*ignore"):
        fit({"a": [3.0] * 20, "b": ["x"] * 20, "c": [True] * 20, "d": [np.nan] * 20})


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param({"a": np.arange(50.0)}, id="one column"),
        pytest.param({"a": ["x"] * 50, "b": np.arange(50.0)}, id="one category"),
        pytest.param({"a": ["x", "y"] * 25}, id="categorical only"),
        pytest.param({"a": [True, False] * 25}, id="boolean only"),
        pytest.param({"a": pd.date_range("2026-01-01", periods=50, freq="5h")}, id="datetime only"),
        pytest.param({f"c{index}": np.arange(5.0) ** (index % 3 + 1) for index in range(40)}, id="rows < columns"),
        pytest.param({"a": np.arange(20.0), "b": list("abcdefghijklmnopqrst")}, id="twenty rows"),
        pytest.param({"a": np.arange(50.0), "b": [None] * 50}, id="all missing"),
        pytest.param({"a": [None, 1.0] * 25}, id="constant or missing"),
        pytest.param({"a": np.array([-1e300, 1e300, 5.0] * 10)}, id="1e300"),
        pytest.param({"a": np.array([1e-300, 3e-300, 2e-300] * 10)}, id="1e-300"),
        pytest.param({"a": 2**60 + np.arange(50) * 2**54}, id="beyond 2^53"),
        pytest.param(
            {name: np.arange(9.0) for name in ("", " ", "a.b", "a\nb", "$x", "é", "mean", "__a__")}, id="names"
        ),
    ],
)
@pytest.mark.filterwarnings("error")
def test_degenerate_tables_encode(rows: dict[str, object]) -> None:
    """However odd the table, its elements are finite, some vary, and no train row is a surprise."""
    fitted = fit(rows)

    encoded = fitted.encode(rows)

    assert np.isfinite(encoded.elements).all()
    assert encoded.elements.std(axis=0).max() > 0.1
    assert not encoded.surprise.any()
    for name in fitted.encoder.names:
        assert None not in fitted.expected(name, rows)


def test_unseen_cells_of_every_kind_surprise_and_stay_finite(mixed: pd.DataFrame) -> None:
    """A cell unseen in train is a surprise in its own column, and its elements stay at the mean."""
    fitted = fit(mixed)
    row = {"load": [None], "heat": [None], "line": ["east"], "new": [None], "at": [None]}

    encoded = fitted.encode(pd.DataFrame(row).astype({"load": float, "heat": float, "at": "datetime64[us]"}))

    assert encoded.surprise.tolist() == [[True, False, True, True, True]]
    assert fitted.encoder.names == ("load", "heat", "line", "new", "at")
    without_flag = np.delete(encoded.elements[0], np.flatnonzero(fitted.encoder.column_of_element == 1)[1])
    assert not without_flag.any()
