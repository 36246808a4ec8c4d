"""The benchmark of the verdict: batches that share no row, and tables that count what was said."""

from pathlib import Path

import numpy as np
import pandas as pd
import validity


def test_undrifted_batches_share_no_row() -> None:
    """Every row is in at most one undrifted batch of a size, and a shifted batch differs in the stated columns."""
    new = np.arange(3000.0).reshape(1500, 2)
    made = list(validity.batches(new, np.ones(2), np.random.default_rng(0)))

    for size in (100, 500):
        rows = np.vstack([batch for moved, _, batch in made if moved == "none" and len(batch) == size])
        assert len(np.unique(rows[:, 0])) == len(rows)
    shifted = next(batch for moved, shift, batch in made if (moved, shift) == ("one column", 0.5))
    assert np.sum((shifted % 1 != 0).all(axis=0)) == 1


def test_tables_count_verdicts() -> None:
    """A verdict other than fine is false; the share of "invalid" is in brackets."""
    calm = [("none", 0.0, verdict) for verdict in ("fine", "fine", "drifting", "invalid")]
    moved = [("all columns", shift, verdict) for shift in validity.SHIFTS for verdict in ("drifting", "invalid")]
    judged = pd.DataFrame([*calm, *moved], columns=["moved", "shift", "verdict"]).assign(rows=100)

    printed = validity.tables(judged)

    assert "| 100 | 4 | 50.00% | 25.00% | 25.00% |" in printed
    assert "| all columns | 100 | 100% (50%) |" in printed


def test_the_page_shows_the_tables_that_were_measured() -> None:
    """Both tables of `results/validity.md` stand in the page word for word, and come from the rows beside them."""
    root = Path(__file__).parents[2]
    measured = (root / "benchmarks/results/validity.md").read_text(encoding="utf-8").strip()
    page = (root / "docs/lab_notes/validity.md").read_text(encoding="utf-8")

    assert all(table in page for table in measured.split("\n\n"))
    assert validity.tables(pd.read_csv(root / "benchmarks/results/validity.csv", na_filter=False)) == measured
