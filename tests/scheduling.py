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
    "tests/storage/test_whole_pipeline.py",
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
    "tests/storage/test_whole_pipeline.py",
    "tests/stages/test_incremental.py",
    "tests/stages/test_days.py",
    "tests/stages/test_promote.py",
    "tests/stages/test_compare.py",
    "tests/stages/test_tracking.py",
    "tests/modalities/pictures/test_photographs.py",
    "tests/threshold/test_page.py",
    "tests/threshold/test_promises.py::test_fresh_rows_exceed_the_threshold",
    "tests/training/test_checkpoints.py::test_killed_twice",
    "tests/training/test_loop.py::test_trained_ranks_anomalies_better",
    "tests/stages/test_ingest.py::test_killed_ingest",
    "tests/stages/test_split_of_scored.py",
    "tests/stages/test_monitor.py",
    "tests/workspace/test_model_version.py::test_another_process",
    "tests/monitoring/test_validity.py::test_undrifted_rows_are_fine",
    "tests/report/test_step.py::test_importing_the_step",
    "tests/report/test_page.py::test_a_hundred_thousand_rows",
    "tests/report/test_sections.py::test_a_thousand_columns",
    "tests/cli/test_commands.py::test_steps_one_by_one",
    "tests/docs/",
)
"""What needs a server, a browser, another process, many rows or many runs; others may carry the mark `slow`."""


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
