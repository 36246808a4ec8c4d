"""The order of the suite: what it names exists, so that a renamed test does not fall out of its place unnoticed."""

from pathlib import Path

import pytest
from scheduling import LONGEST, SLOW, TOGETHER

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", sorted({*TOGETHER, *LONGEST, *SLOW}))
def test_what_is_named_exists(name: str) -> None:
    """A folder, a file, the beginning of a file's name, or with `::` the beginning of a test's name in a file."""
    start, _, test = name.partition("::")
    (folder, beginning) = (ROOT / start, "") if start.endswith("/") else ((ROOT / start).parent, Path(start).name)
    files = [path for path in folder.glob("*.py") if path.name.startswith(beginning)]

    assert files
    assert any(f"def {test}" in path.read_text(encoding="utf-8") for path in files)
