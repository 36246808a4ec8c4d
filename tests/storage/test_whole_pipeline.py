"""The whole pipeline on an object store: source, datasets, models, scored tables, reports, registry, feedback."""

import io
import json
import signal
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from object_store_support import KEY, SECRET
from tests_support import make_frame, run_cli
from warm_process import WarmProcess

from anomaly_ae.estimators.tabular import TabularAutoencoder
from anomaly_ae.spec.file import dump_spec, parse_spec
from anomaly_ae.stages.prune import prune
from anomaly_ae.storage import MANIFEST, files_below, is_published, read_json, read_manifest, verify_files
from anomaly_ae.workspace.workspace import Workspace

NAME = "plant"
KINDS = ("datasets", "models", "scored")
SAME = {"contract.json", "weights.safetensors", "validation_scores.parquet", "calibration.json", "metrics.json"}
"""Files that do not say where the workspace is, besides the Parquet parts: their bytes are the same everywhere."""


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on this machine, to compare with."""
    return first_run(tmp_path_factory.mktemp("local"))


@pytest.fixture(scope="module")
def remote(shared_bucket: Path) -> Path:
    """The same on an object store: spec, source and workspace."""
    return first_run(shared_bucket / "team")


def write_inputs(place: Path, rows: int = 600) -> None:
    """Write a table, and a spec that names it and the workspace relative to itself."""
    place.joinpath("plant.csv").write_bytes(make_frame(rows).to_csv(index=False).encode())
    label = {"column": "anomaly", "anomaly_values": [1]}
    data = {"source": "plant.csv", "id": "part_id", "label": label}
    settings = {"name": NAME, "data": data, "training": {"steps": 30}, "workspace": "ws"}
    (place / "spec.yaml").write_text(dump_spec(parse_spec(settings)))


def first_run(place: Path) -> Path:
    """Write the inputs, run the whole pipeline, and return the location."""
    write_inputs(place)
    command("run", place)
    return place


def command(name: str, place: Path, *more: str, expect: int = 0) -> dict:  # type: ignore[type-arg] # it is JSON
    """Run a command on the spec of a place; return what it printed as JSON."""
    done = run_cli(name, "--spec", str(place / "spec.yaml"), "--json", *more, cwd=Path.cwd(), expect=expect)
    assert SECRET not in done.stdout + done.stderr
    return json.loads(done.stdout) if not expect else {"stderr": done.stderr}


def contents(place: Path) -> dict[str, bytes]:
    """Return the bytes of every file that is the same wherever the workspace is."""
    paths = files_below(place / "ws")
    compared = [path for path in paths if path.name in SAME or path.suffix == ".parquet"]
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in compared}


def everything_visible_is_whole(place: Path) -> None:
    """Check every directory with a manifest against it."""
    for kind in KINDS:
        for directory in (place / "ws" / kind).glob("[!.]*"):
            if is_published(directory):
                verify_files(directory, read_json(directory / MANIFEST)["files"])


def test_results_are_byte_for_byte_those_of_this_machine(local: Path, remote: Path) -> None:
    """Dataset, weights, threshold, scored table and metrics are the same; no unpublished files remain."""
    assert contents(remote) == contents(local)
    assert len(contents(remote)) > len(SAME)
    assert [path for path in files_below(remote / "ws") if ".staging" in str(path)] == []
    everything_visible_is_whole(remote)


def test_a_repeated_run_finds_all_of_it(remote: Path) -> None:
    """Existing results are reused, and nothing changes."""
    before = {path: path.read_bytes() for path in files_below(remote / "ws") if path.name != "report.html"}

    done = command("run", remote)

    assert [done[step]["reused"] for step in ("ingested", "trained", "scored")] == [True] * 3
    assert {path: path.read_bytes() for path in before} == before


def test_new_files_are_scored_once(remote: Path) -> None:
    """`score-new` finds new and changed objects by a glob; a report is written beside each table."""
    source, frame = f"{remote}/new/*.csv", make_frame(60, seed=1)
    for day in ("2026-11-01", "2026-11-02"):
        (remote / "new" / f"{day}.csv").write_text(frame.to_csv(index=False))

    first = command("score-new", remote, source)
    (remote / "new" / "2026-11-02.csv").write_text(make_frame(60, seed=2).to_csv(index=False))
    second = command("score-new", remote, source)

    assert first["new"] == ["2026-11-01.csv", "2026-11-02.csv"]
    assert (second["new"], second["changed"], second["done"]) == ([], ["2026-11-02.csv"], ["2026-11-01.csv"])
    directory = remote / "ws" / "scored" / second["scored"]["2026-11-02.csv"]["directory"].rpartition("/")[2]
    assert read_manifest(directory, "scored")["rows_scored"] == 60
    assert (directory / "report.html").read_text().startswith("<!doctype html>")


def test_a_challenger_is_promoted_and_taken_back(remote: Path) -> None:
    """The registry works without locks: a challenger becomes champion, and a rollback restores the previous one."""
    champion = Workspace(remote / "ws").registry(NAME).aliases().champion
    command("train", remote, "--set", "register_as=challenger", "--set", "training.steps=31")

    promoted = command("promote", remote, "--force")
    assert Workspace(remote / "ws").registry(NAME).aliases().champion == promoted["version"] != champion
    command("rollback", remote)

    assert Workspace(remote / "ws").registry(NAME).aliases().champion == champion
    assert {model["version"] for model in command("models", remote)} >= {champion, promoted["version"]}


def test_verdicts_are_taken_back(remote: Path) -> None:
    """A file of verdicts on an object store is joined to the scored rows and stored there."""
    scored = command("score", remote)["scored"]["directory"]
    part = (remote / "ws" / "scored" / scored.rpartition("/")[2] / "part-00000.parquet").read_bytes()
    rows = pq.read_table(io.BytesIO(part), columns=["row_id", "is_anomaly"])
    alert = rows.filter(rows["is_anomaly"])["row_id"][0].as_py()
    (remote / "verdicts.csv").write_text(f"row_id,verdict\n{alert},real\n")

    done = command("feedback", remote, f"{remote}/verdicts.csv")

    assert (done["reviewed"], done["real"], done["precision"]) == (1, 1, 1.0)
    assert command("feedback", remote, f"{remote}/verdicts.csv")["reused"]


def test_a_detector_is_saved_and_loaded(bucket: Path, fitted: TabularAutoencoder, mixed: pd.DataFrame) -> None:
    """The estimator accepts the same locations, and gives the same scores after loading."""
    fitted.save(str(bucket / "detector"))

    loaded = TabularAutoencoder.load(str(bucket / "detector"))

    assert (loaded.anomaly_score(mixed) == fitted.anomaly_score(mixed)).all()


def test_no_credentials_are_written_down(remote: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No object of the workspace, no log and no page contains a key or a secret."""
    caplog.set_level("DEBUG", logger="anomaly_ae")
    command("score", remote)

    kept = [path.read_bytes() for path in files_below(remote)]
    for credential in (KEY, SECRET):
        assert credential not in caplog.text
        assert not any(credential.encode() in content for content in kept)


def test_a_missing_bucket_gives_a_clear_error(remote: Path) -> None:
    """The command line says what is missing and exits with the code for data errors."""
    done = command("run", remote, "--set", "workspace=s3://no-such-bucket-anywhere/ws", expect=3)

    assert "there is no such bucket" in done["stderr"]
    missing = run_cli("run", "--spec", str(remote / "spac.yaml"), cwd=Path.cwd(), expect=3)
    assert "spac.yaml cannot be read (it does not exist)" in missing.stderr


@pytest.mark.parametrize("commits", [0, 2])
def test_killed_before_a_manifest(bucket: Path, local: Path, commits: int) -> None:
    """If a run is killed just before writing a manifest, readers see nothing of that directory."""
    write_inputs(bucket)

    assert start(bucket, kill_after=commits).finish(120)[0] == -signal.SIGKILL

    everything_visible_is_whole(bucket)
    published = [kind for kind in KINDS if any(map(is_published, (bucket / "ws" / kind).glob("[!.]*")))]
    begun = [kind for kind in KINDS if files_below(bucket / "ws" / kind)]
    assert (len(published), len(begun)) == (commits, commits + 1)
    command("run", bucket)
    assert contents(bucket) == contents(local)


def test_two_runs_at_once(bucket: Path, local: Path) -> None:
    """Two concurrent runs of the same spec both succeed, with the results of a single run."""
    write_inputs(bucket)

    both = [start(bucket) for _ in range(2)]

    assert [run.finish(120)[0] for run in both] == [0, 0]
    assert contents(bucket) == contents(local)
    everything_visible_is_whole(bucket)
    assert len(Workspace(bucket / "ws").registry(NAME).aliases().history) == 1


RUN = """
import os, sys
from anomaly_ae.cli import main
from anomaly_ae.storage import objects

left, create = iter(range(int(sys.argv.pop(1)))), objects.create_json

def create_or_die(path, value):
    if path.name == "manifest.json" and next(left, None) is None:
        os.kill(os.getpid(), 9)
    create(path, value)

objects.create_json = create_or_die
main(sys.argv[1:])
"""


def start(place: Path, kill_after: int = 99) -> WarmProcess:
    """Start a run in a process of its own, which dies before it creates the manifest that follows so many others."""
    return WarmProcess.start(RUN, str(kill_after), "run", "--spec", str(place / "spec.yaml"))


def test_housekeeping_removes_what_dead_writers_left(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Staged objects and directories without a manifest go after a day, published ones stay."""
    (bucket / "ws" / "scored" / ".staging-aa-another-host-1-01234567" / "part-00000.parquet").write_text("half")
    (bucket / "ws" / "datasets" / "bb" / "part-00000.parquet").write_text("half")
    (bucket / "ws" / "datasets" / "cc" / MANIFEST).write_text("{}")

    assert prune(Workspace(bucket / "ws"), timedelta(days=90), dry_run=False).leftovers == ()
    monkeypatch.setattr("anomaly_ae.stages.prune.STALE_AFTER", timedelta(seconds=-10))
    prune(Workspace(bucket / "ws"), timedelta(days=90), dry_run=False)

    assert [path.relative_to(bucket).as_posix() for path in files_below(bucket)] == [f"ws/datasets/cc/{MANIFEST}"]
