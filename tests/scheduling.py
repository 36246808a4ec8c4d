"""Which tests go to one worker of pytest-xdist together, what begins first, and what the daily loop leaves out."""

import pytest
from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("tests/e2e/", "tests/flows/", "tests/report/")
"""Folders whose tests share a server or a browser, or mostly wait; of the others each file is handed out by itself."""
LONGEST = (
    "tests/e2e/",
    "tests/flows/",
    "tests/report/",
    "tests/packaging/test_wheel.py",
    "tests/crash/",
    "tests/storage/test_whole_way.py",
    "tests/training/test_process_group.py",
    "tests/modalities/pictures/test_photographs.py",
    "tests/stages/",
)
"""What begins first, so that no worker is left with a long file while the others have nothing to do."""
SLOW = (
    "tests/flows/",
    "tests/crash/",
    "tests/report/test_browser",
    "tests/training/test_process_group.py",
    "tests/storage/test_whole_way.py",
    "tests/stages/test_incremental.py",
    "tests/stages/test_days.py",
    "tests/stages/test_promote.py",
    "tests/stages/test_compare.py",
    "tests/stages/test_tracking.py",
    "tests/modalities/pictures/test_photographs.py",
    "tests/threshold/test_page.py",
    "tests/docs/",
)
"""What needs a server, a browser, several processes or many runs; single tests carry the mark `slow` themselves."""


def is_slow(item: pytest.Item) -> bool:
    """Say whether `make quick` leaves a test out."""
    return item.nodeid.startswith(SLOW)


def order(item: pytest.Item) -> int:
    """Return the place of a test in the order of beginning."""
    return next((place for place, path in enumerate(LONGEST) if item.nodeid.startswith(path)), len(LONGEST))


class FileScheduling(LoadScopeScheduling):
    """Hands out files whole, and some folders, so that what their tests share is built once."""

    def _split_scope(self, nodeid: str) -> str:
        """Return the name of the group that a test belongs to."""
        path = nodeid.partition("::")[0]
        return next((folder for folder in TOGETHER if path.startswith(folder)), path)
