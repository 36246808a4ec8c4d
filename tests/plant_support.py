"""A workspace in which the whole pipeline has run on a small table: built once a test run, copied for each test."""

import shutil
from pathlib import Path

import pytest
from tests_support import run_cli, write_table

STEPS = ("--set", "training.steps=30")
"""What the commands of the run were given; with it they find everything done."""


@pytest.fixture(scope="session")
def finished_plant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a table, its spec and what a run made of them; read-only."""
    directory = tmp_path_factory.mktemp("plant")
    write_table(directory / "plant.csv")
    run_cli("init", "plant.csv", cwd=directory)
    run_cli("run", *STEPS, cwd=directory)
    return directory


@pytest.fixture
def plant(finished_plant: Path, tmp_path: Path) -> Path:
    """Return a copy of it that a test may change."""
    return Path(shutil.copytree(finished_plant, tmp_path / "plant"))
