"""The recipes of CONTRIBUTING.md work as they are written: applied to a copy of the package, their commands succeed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = {
    heading: body
    for heading, body in re.findall(r"^### ([^\n]*)\n(.*?)(?=^### |\Z)", PAGE, flags=re.DOTALL | re.MULTILINE)
    if "title=" in body
}
RUNNING = [name for name, body in RECIPES.items() if "```bash" in body]
BLOCK = re.compile(r'^```(\w+)(?: title="(.*?)")?\n(.*?)^```$', flags=re.DOTALL | re.MULTILINE)

FOLLOW = """
import shlex, subprocess, sys
from anomaly_ae.cli import main

for command in sys.stdin.read().splitlines():
    tool, *arguments = shlex.split(command)
    if tool == "anomaly-ae":
        try:
            main(arguments)
        except SystemExit as done:
            if done.code:
                raise
    else:
        known = {"pytest": f"{sys.executable} -m pytest -q", "python": sys.executable}
        line = command.replace(tool, known.get(tool, tool), 1)
        subprocess.run(line, shell=True, check=True)
"""
"""Runs the commands on its input; those of the package in one process, so that torch is loaded once."""


def apply(recipe: str, checkout: Path) -> tuple[int, int]:
    """Write the files and the lines of a recipe; return how many of each it took."""
    files = lines = 0
    for language, path, content in BLOCK.findall(recipe):
        if language == "diff":
            lines += add_line(checkout / path, content)
        elif path:
            assert not (checkout / path).exists(), path
            (checkout / path).write_text(content, encoding="utf-8")
            files += 1
    return files, lines


def add_line(path: Path, diff: str) -> int:
    """Add the `+` lines of a block below its first line, which occurs once in the file."""
    above, *added = diff.splitlines(keepends=True)
    assert above.startswith(" ")
    assert all(line.startswith("+") for line in added)
    content = path.read_text(encoding="utf-8")
    assert content.count(f"\n{above[1:]}") == 1, f"{path} has no such line, or several: {above}"
    path.write_text(content.replace(above[1:], above[1:] + "".join(line[1:] for line in added), 1), encoding="utf-8")
    return len(added)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of the package beside one sample and the tests."""
    shutil.copytree(ROOT / "anomaly_ae", tmp_path / "anomaly_ae", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "data/breast_cancer", tmp_path / "data/breast_cancer")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    return tmp_path


@pytest.mark.slow
def test_recipes_work_as_written(checkout: Path) -> None:
    """With the files and lines of all of them in place, the commands of each succeed."""
    for name in RUNNING:
        apply(RECIPES[name], checkout)
    commands = [content for name in RUNNING for kind, _, content in BLOCK.findall(RECIPES[name]) if kind == "bash"]

    done = subprocess.run(  # noqa: S603 - our own page
        [sys.executable, "-c", FOLLOW],
        input="".join(commands),
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.count("report ") == len(RUNNING)


def test_a_recipe_takes_what_the_page_says(checkout: Path) -> None:
    """The table of new files and lines counts what the recipes add."""
    table = re.findall(r"^\| (an? [^|]*?) \| (\d)[^|]*\| (\d)[^|]*\|$", PAGE, flags=re.MULTILINE)
    said = {name.lower(): (int(files), int(lines)) for name, files, lines in table}

    assert {name.lower() for name in RECIPES} == said.keys() - {"a kind of source"}
    for name, recipe in RECIPES.items():
        files, lines = apply(recipe, checkout)
        assert (files or 1, lines) == said[name.lower()], name  # the package of a modality is not written out
