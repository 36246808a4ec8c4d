"""Whoever reads a workspace while others write it: opens whatever is visible, and fails on anything half-written."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from safetensors import safe_open

from anomaly_ae.storage import MANIFEST, is_published, read_json, verify_files

KINDS = ("datasets", "models", "scored")
"""Folders of which each entry is a directory that appears whole."""


class Reader:
    """Looks at a workspace, and counts what it saw.

    Attributes:
        workspace: that it looks at.
        seen: looks, and the directories and files opened in them.
    """

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.seen: Counter[str] = Counter()

    def look(self) -> None:
        """Open everything that is visible now, each directory against its manifest.

        Raises:
            ArtifactError: a directory without manifest, or with files that differ from it.
            AssertionError: a report that ends too early, or a name of something that is not there.
            ValueError: a file that is not readable as what it is called.
        """
        self.seen["looks"] += 1
        for kind in KINDS:
            for directory in (self.workspace / kind).glob("[!.]*"):
                verify_files(directory, read_json(directory / MANIFEST)["files"])
                self.seen["directories"] += 1
        for path in visible_files(self.workspace):
            self._follow(path.relative_to(self.workspace).parts[0], open_whole(path))
            self.seen["files"] += 1

    def _follow(self, folder: str, content: Any) -> None:
        """Hold what an alias or the ledger names to being there."""
        named = []
        if folder == "aliases" and content:
            named = [f"models/{content[alias]}" for alias in ("champion", "challenger") if content[alias]]
        elif folder == "partitions" and "scored" in content:
            named = [content["scored"]]
        for directory in named:
            assert is_published(self.workspace / directory), f"{folder} names {directory}, which is not there"


def is_hidden(path: Path) -> bool:
    """Say whether a path is one that no reader looks at."""
    return any(part.startswith(".") for part in path.parts)


def visible_files(workspace: Path) -> Iterator[Path]:
    """Yield every file that is not below a hidden name; what is hidden may vanish at any time, so none is entered."""
    for folder, folders, names in os.walk(workspace):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(folder, name) for name in names if not name.startswith("."))


def open_whole(path: Path) -> Any:
    """Read a file as what its name says it is; return what is in it if that is JSON."""
    if path.suffix in {".json", ".refused"}:
        return json.loads(path.read_text(encoding="utf-8"))
    if path.suffix == ".parquet":
        pq.read_table(path)
    elif path.suffix == ".safetensors":
        with safe_open(path, "numpy") as tensors:
            assert tensors.keys(), f"{path} holds no tensor"
    elif path.suffix == ".html":
        assert path.read_text(encoding="utf-8").rstrip().endswith("</html>"), f"{path} ends too early"
    return None
