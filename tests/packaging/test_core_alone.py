"""The core needs only what it declares: without the extras, Prefect first of all, the command line works."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from tests_support import write_table

ROOT = Path(__file__).parents[2]

BLOCK = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in {blocked!r} else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
"""


@pytest.mark.slow
def test_init_run_and_score_need_no_prefect(tmp_path: Path) -> None:
    """With nothing importable but the core's own dependencies, a CSV becomes a report, and new rows are scored."""
    write_table(tmp_path / "plant.csv")

    run_blocked("init", "plant.csv", cwd=tmp_path)
    ran = run_blocked("run", "--set", "training.steps=30", cwd=tmp_path)
    scored = run_blocked("score", "plant.csv", "--set", "training.steps=30", cwd=tmp_path)

    assert "report     " in ran
    assert "scored     " in scored


def test_the_flows_say_which_extra_they_need() -> None:
    """Without Prefect, a flow module fails with the line that installs it."""
    done = run_python(BLOCK.format(blocked={"prefect"}) + "import flows.pipeline", cwd=ROOT)

    assert done.returncode == 1
    assert done.stderr.endswith("ModuleNotFoundError: the flows need Prefect: pip install 'anomaly_ae[flows]'\n")


def test_what_is_blocked_is_what_the_extras_bring() -> None:
    """The check would be worth nothing if it let Prefect through, or kept numpy out."""
    blocked = modules_beyond_the_core()

    assert {"prefect", "fastapi", "sqlalchemy", "s3fs", "duckdb"} <= blocked
    assert not blocked & {"numpy", "torch", "typer", "anomaly_ae", "fsspec"}


def run_blocked(*arguments: str, cwd: Path) -> str:
    """Run the command line where only the core's dependencies can be imported; return what it prints."""
    code = BLOCK.format(blocked=modules_beyond_the_core())
    done = run_python(f"{code}from anomaly_ae.cli import main; main({list(arguments)!r})", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_python(code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603 - ours


def modules_beyond_the_core() -> set[str]:
    """Return the installed top-level modules that no dependency of the core brings."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    allowed = closure(project["dependencies"]) | {"anomaly-ae"}
    brought_by = packages_distributions()
    return {module for module, owners in brought_by.items() if not {canonical(name) for name in owners} & allowed}


def closure(requirements: Iterable[str]) -> set[str]:
    """Return the names of these requirements, of theirs, and so on."""
    found: set[str] = set()
    waiting = list(requirements)
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonical(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        try:
            waiting += requires(name) or []
        except PackageNotFoundError:  # for another platform or version of Python
            found.discard(name)
    return found


def canonical(name: str) -> str:
    """Return a distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
