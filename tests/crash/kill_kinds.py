"""What is killed: commands, each with what must be there before it."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from picture_support import write_pictures
from polling_reader import is_hidden
from stepped_process import run_apart
from tests_support import make_frame

from anomaly_ae.spec.file import dump_spec, parse_spec

WORKSPACE = "anomaly_ae_runs"
MOMENTS = {"run_id", "scored_at", "trained_at", "at"}
"""What differs between two runs that make the same: which run it was, and when."""
_MOMENT = re.compile(
    r"\b[0-9a-f]{32}\b"
    r"|\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\+00:00)?"
    r"|\b\d+ \w+ \d{4}, \d\d:\d\d UTC"
)

TABLE = {
    "data": {"source": "plant.csv", "id": "part_id", "label": {"column": "anomaly", "anomaly_values": [1]}},
    "network": {"kind": "denoising"},
    "training": {"steps": 20},
    "threshold": {"target_fpr": 0.1},
}
PICTURES = {
    "data": {"source": "pictures"},
    "split": {"by": "folder"},
    "network": {"kind": "convolutional", "hidden": [8, 16], "bottleneck": 8},
    "training": {"steps": 20, "device": "cpu"},
    "threshold": {"target_fpr": 0.2},
}


@dataclass(frozen=True)
class Kind:
    """A command that is killed.

    Attributes:
        command: its arguments.
        before: commands that are run before it, to their ends.
        spec: of all of them.
        is_repeatable: whether it may be given again without knowing whether it was done.
    """

    command: Sequence[str]
    before: Sequence[Sequence[str]] = ()
    spec: Any = None
    is_repeatable: bool = True


CHECKPOINTS = ("train", "--set", "training.check_every=5", "--set", "training.checkpoint_seconds=0")
CHALLENGER = ("train", "--set", "training.steps=40", "--set", "register_as=challenger")
KINDS = {
    "ingest": Kind(["ingest"]),
    "train": Kind(["train"], [["ingest"]]),
    "checkpoints": Kind(CHECKPOINTS, [["ingest"]]),
    "calibrate": Kind(["calibrate", "--target-fpr", "0.2"], [["train"]]),
    "score": Kind(["score"], [["train"]]),
    "evaluate": Kind(["evaluate"], [["train"], ["score"]]),
    "report": Kind(["report"], [["train"], ["score"]]),
    "score-new": Kind(["score-new", "incoming"], [["train"]]),
    "register": Kind(CHALLENGER, [["train"]]),
    "promote": Kind(["promote", "--force"], [["train"], CHALLENGER], is_repeatable=False),
    "rollback": Kind(["rollback"], [["train"], CHALLENGER, ["promote", "--force"]], is_repeatable=False),
    "run": Kind(["run"]),
    "pictures": Kind(["score"], [["train"]], spec=PICTURES),
}


class Scene:
    """A directory with a source, and with what a kind needs before it; put back as often as it is killed."""

    def __init__(self, directory: Path, kind: Kind, rows: int = 600) -> None:
        self.kind, self.directory, self.workspace = kind, directory, directory / WORKSPACE
        self._kept = directory.with_name(f"{directory.name}-before")
        _write_sources(directory, kind.spec or TABLE, rows)
        for command in kind.before:
            succeed(command, directory)
        self.workspace.mkdir(exist_ok=True)
        shutil.copytree(self.workspace, self._kept)
        self.before = contents(self.workspace)

    def put_back(self) -> None:
        """Let the workspace be as before the command."""
        shutil.rmtree(self.workspace)
        shutil.copytree(self._kept, self.workspace)

    def undisturbed(self) -> dict[str, Any]:
        """Return what the command makes when nobody kills it."""
        self.put_back()
        succeed(self.kind.command, self.directory)
        return contents(self.workspace)


def succeed(command: Sequence[str], directory: Path, before: Callable[[], None] | None = None) -> None:
    """Run a command to its end, and hold it to success."""
    code, printed = run_apart(command, directory, before)
    assert code == 0, f"{command} ended with {code}\n{printed}"


def contents(workspace: Path) -> dict[str, Any]:
    """Return what each file holds, leftovers too, by its path: its bytes, but for run ids and moments."""
    found = (path for path in workspace.rglob("*") if path.is_file())
    return {_named(path.relative_to(workspace)): _content(path) for path in found}


def _named(path: Path) -> str:
    """Return the path of a file; of a leftover, whose name is made by chance, only where it is."""
    return f"leftover of {path.parent}" if is_hidden(path) else str(path)


def _content(path: Path) -> Any:
    if path.suffix == ".json":
        return _without_moments(json.loads(path.read_text(encoding="utf-8")))
    if path.suffix == ".html":
        return _MOMENT.sub("", path.read_text(encoding="utf-8"))
    return path.read_bytes()


def _without_moments(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_moments(item) for key, item in value.items() if key not in MOMENTS}
    return [_without_moments(item) for item in value] if isinstance(value, list) else value


def _write_sources(directory: Path, spec: Any, rows: int) -> None:
    directory.mkdir()
    frame = make_frame(rows)
    frame.to_csv(directory / "plant.csv", index=False)
    (directory / "incoming").mkdir()
    frame[:100].to_csv(directory / "incoming" / "2026-10-01.csv", index=False)
    frame[100:200].to_csv(directory / "incoming" / "2026-10-02.csv", index=False)
    if spec is PICTURES:
        write_pictures(directory / "pictures", train=24, test=4)
    (directory / "anomaly_ae.yaml").write_text(dump_spec(parse_spec(spec)), encoding="utf-8")
