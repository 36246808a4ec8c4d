"""Categorical and boolean columns: known, rare and unseen categories, missing cells, expected values."""

import numpy as np
import pandas as pd
import pytest
from encoding_support import fit

TRAIN = ["red"] * 60 + ["blue"] * 30 + ["lime"] * 2 + ["teal"]


def test_each_frequent_category_has_an_element() -> None:
    """A cell raises the element of its own category and lowers all others."""
    fitted = fit({"a": TRAIN})

    red, blue, lime = fitted.encode({"a": ["red", "blue", "lime"]}).elements

    assert (red > 0).tolist() == [True, False, False]
    assert (blue > 0).tolist() == [False, True, False]
    assert (lime > 0).tolist() == [False, False, True]


def test_rare_categories_share_one_element() -> None:
    """Rare categories are encoded identically, and are no surprise."""
    encoded = fit({"a": TRAIN}).encode({"a": ["lime", "teal"]})

    assert np.array_equal(*encoded.elements)
    assert not encoded.surprise.any()


def test_a_rare_category_does_not_dominate_the_row() -> None:
    """A category held by one train row in ten thousand stays within ten standard deviations."""
    fitted = fit({"a": ["red"] * 10_000 + ["blue"]}, min_category_rows=1)

    assert np.abs(fitted.encode({"a": ["blue"]}).elements).max() <= 10


def test_only_the_most_frequent_categories_are_kept() -> None:
    """Beyond `max_categories`, less frequent categories share the rare element."""
    fitted = fit({"a": TRAIN}, max_categories=1, min_category_rows=1)

    assert fitted.encoder.columns[0].categories == ("red",)
    assert fitted.encoder.columns[0].rare == ("blue", "lime", "teal")
    assert fitted.encoder.width == 2


def test_categories_of_equal_count_are_ranked_by_name() -> None:
    """Which categories are kept does not depend on the order of the rows."""
    forth, back = (fit({"a": rows}, max_categories=2) for rows in (list("abc") * 9, list("cba") * 9))

    assert forth.encoder == back.encoder


def test_unseen_categories_surprise_and_gaps_do_only_if_train_had_none() -> None:
    """A category unseen in train is a surprise with elements at their mean; so is a gap, unless train had some."""
    fitted = fit({"a": TRAIN})
    gappy = fit({"a": [*TRAIN, *[None] * 10]})

    encoded = fitted.encode({"a": ["pink", None, "teal"]})

    assert encoded.surprise[:, 0].tolist() == [True, True, False]
    assert not encoded.elements[:2].any()
    assert gappy.encode({"a": ["pink", None]}).surprise[:, 0].tolist() == [True, False]


def test_a_single_category_has_no_element_but_another_surprises() -> None:
    """A column of one category has no element, and a second category later is a surprise."""
    fitted = fit({"a": ["red"] * 20, "b": np.arange(20.0)})

    encoded = fitted.encode({"a": ["red", "blue"], "b": [3.0, 3.0]})

    assert fitted.encoder.width == 1
    assert encoded.surprise[:, 0].tolist() == [False, True]
    assert np.array_equal(*encoded.elements)
    assert fitted.expected("a", {"a": ["blue"], "b": [3.0]}) == ["red (100 %)"]


def test_the_expected_category_reads_back() -> None:
    """A category reads back as its name, a rare one as rare, a gap as missing; each with its share."""
    cells = ["red", "blue", "lime", None]

    texts = fit({"a": [*TRAIN, *[None] * 10]}).expected("a", {"a": cells})

    assert texts == ["red (58.3 %)", "blue (29.1 %)", "(rare category) (2.91 %)", "missing (9.71 %)"]


@pytest.mark.parametrize("categories", [["", " "], ["a\x00b", "é"], ["1", "1.0"], ["missing", "(rare category)"]])
def test_hostile_categories_are_told_apart(categories: list[str]) -> None:
    """Empty, odd and look-alike categories are encoded like any other."""
    fitted = fit({"a": categories * 10})

    assert fitted.expected("a", {"a": categories}) == [f"{category} (50 %)" for category in categories]
    assert not fitted.encode({"a": categories}).surprise.any()


def test_booleans_read_back() -> None:
    """A boolean has one element, higher for true, and reads back as itself."""
    fitted = fit({"a": [True, False, False] * 10})

    true, false = fitted.encode({"a": [True, False]}).elements

    assert true > 0 > false
    assert fitted.expected("a", {"a": [True, False]}) == ["true (33.3 %)", "false (66.7 %)"]


def test_missing_booleans() -> None:
    """A gap among booleans has an element of its own if train had gaps, else it is a surprise."""
    fitted = fit({"a": [True, False] * 10})
    gappy = fit({"a": pd.array([True, False, None] * 10, dtype="boolean")})
    cells = pd.DataFrame({"a": pd.array([None, True, False], dtype="boolean")})

    assert fitted.encode(cells).surprise[:, 0].tolist() == [True, False, False]
    assert not gappy.encode(cells).surprise.any()
    assert gappy.expected("a", cells) == ["missing (33.3 %)", "true (33.3 %)", "false (33.3 %)"]


def test_a_constant_boolean_surprises_when_it_changes() -> None:
    """A flag that was always false surprises once it is true."""
    fitted = fit({"a": [False] * 20, "b": np.arange(20.0)})

    assert fitted.encode({"a": [True, False], "b": [0.0, 0.0]}).surprise[:, 0].tolist() == [True, False]
    assert fitted.expected("a", {"a": [True], "b": [0.0]}) == ["false (100 %)"]
