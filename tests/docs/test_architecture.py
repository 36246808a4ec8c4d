"""The page on the architecture is true: layers, names, stages and files are those of the code."""

import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from anomaly_ae.stages.pipeline import STAGES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LAYERED = SETTINGS["tool"]["importlinter"]["contracts"][0]


def test_layers_are_those_that_import_linter_holds() -> None:
    """The drawing has each layer of `pyproject.toml`, in its order."""
    drawn = [set(names.split(", ")) for names in re.findall(r"^\d  (\w+(?:, \w+)*)  ", PAGE, flags=re.MULTILINE)]

    held = [{name.removeprefix("anomaly_ae.") for name in layer.split(" : ")} for layer in LAYERED["layers"]]
    assert drawn == held


def test_every_package_is_in_a_layer() -> None:
    """No package or module of the core is left out of the layers, but for those that only start it."""
    paths = [
        path for path in (ROOT / "anomaly_ae").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    ]
    packages = {path.stem for path in paths} - {"__init__", "__main__"}

    assert packages | {"flows"} == {
        name.removeprefix("anomaly_ae.") for layer in LAYERED["layers"] for name in layer.split(" : ")
    }


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(anomaly_ae(?:\.\w+)+)`", PAGE)) - {"anomaly_ae.flows"}))
def test_names_exist(name: str) -> None:
    """Each dotted name leads to a module, or to something in one."""
    assert resolve(name) is not None


def resolve(name: str) -> Any:
    """Return what a dotted name stands for."""
    try:
        return import_module(name)
    except ModuleNotFoundError:
        above, _, last = name.rpartition(".")
        return getattr(resolve(above), last)


def test_stages_are_the_list() -> None:
    """The page names the stages that there are, in order."""
    assert f"\n{'  '.join(stage.name for stage in STAGES)}\n" in PAGE


def test_directories_hold_what_the_page_says(finished_plant: Path) -> None:
    """After a run on labelled rows, each kind of directory holds the files that are listed, and no other."""
    (drawing,) = re.findall(r"```text\n(datasets/.*?)```", PAGE, flags=re.DOTALL)
    listed: dict[str, set[str]] = {}
    kind = ""
    for line in drawing.splitlines():
        if line.startswith(" "):
            listed[kind].add(line.split()[0].rstrip("/"))
        else:
            kind = line.partition("/")[0]
            listed[kind] = set()

    for kind, names in listed.items():
        (directory,) = (finished_plant / "anomaly_ae_runs" / kind).glob("[!.]*")
        assert {path.name for path in directory.iterdir()} == names


def test_readme_names_the_directories_there_are() -> None:
    """The README's table has every package of code, data and text at the top of the repository."""
    _, _, table = README.partition("## Where things are")
    named = set(re.findall(r"^\| `(\w+)/` \|", table, flags=re.MULTILINE))
    held = {
        path.parent.name
        for path in ROOT.glob("[!.]*/*")
        if path.suffix in {".py", ".md"} and path.parent.name != "site"
    }

    assert named == held - {"anomaly_ae_runs"}
