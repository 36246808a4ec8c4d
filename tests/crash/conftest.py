"""Figures of the kills, printed when the tests are done."""

from collections import Counter

import pytest

FIGURES = pytest.StashKey[dict[str, Counter[str]]]()
COLUMNS = ("operations", "kills", "looks", "directories", "files")


def pytest_configure(config: pytest.Config) -> None:
    """Begin with no figures."""
    config.stash[FIGURES] = {}


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Counter[str]:
    """Return the figures of the kind that the test is about."""
    kinds: dict[str, Counter[str]] = request.config.stash[FIGURES]
    return kinds.setdefault(request.node.callspec.params["kind"], Counter())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print how often each kind was killed, and what the reader opened meanwhile."""
    kinds = config.stash[FIGURES]
    if not kinds:
        return
    whole = sum(kinds.values(), Counter())
    terminalreporter.section("kills")
    terminalreporter.write_line(f"{'':12}" + "".join(f"{name:>12}" for name in COLUMNS))
    for name, counts in [*kinds.items(), ("in all", whole)]:
        terminalreporter.write_line(f"{name:12}" + "".join(f"{counts[column]:12,}" for column in COLUMNS))
