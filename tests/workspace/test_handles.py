"""The handles of what a workspace holds: what each refuses, what it finds, and what it reads only once."""

import json
import shutil
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError
from workspace_counts import Counts

from anomaly_ae.errors import ArtifactError
from anomaly_ae.ingest.contract import Contract
from anomaly_ae.stages.calibrate import calibrate
from anomaly_ae.stages.pipeline import Run
from anomaly_ae.storage import MANIFEST, STAGING, read_json, read_manifest, write_json
from anomaly_ae.threshold.rules.fpr import FprThreshold
from anomaly_ae.workspace.dataset import Dataset, DatasetManifest
from anomaly_ae.workspace.manifest import Manifest
from anomaly_ae.workspace.model_version import ModelManifest, ModelVersion
from anomaly_ae.workspace.scored_table import ScoredManifest, ScoredTable
from anomaly_ae.workspace.workspace import Workspace

HANDLES: dict[str, tuple[type[Manifest], Callable[[Path], Any]]] = {
    "datasets": (DatasetManifest, Dataset.open),
    "models": (ModelManifest, ModelVersion.open),
    "scored": (ScoredManifest, ScoredTable.open),
}
REMEDIES = {"datasets": "ingest the source again", "models": "train again", "scored": "score the source again"}
FORMATS = {"datasets": 1, "models": 3, "scored": 3}
PARTS = [f"part-0000{number}.parquet" for number in range(3)]
EVERY_KIND = pytest.mark.parametrize("kind", HANDLES)


def only(workspace: Workspace, kind: str) -> Path:
    """Return the one published directory of a kind."""
    (directory,) = (workspace.location / kind).glob("[!.]*")
    return directory


def change(directory: Path, **values: Any) -> None:
    """Change values of a manifest; None removes them."""
    content = read_json(directory / MANIFEST) | values
    write_json(directory / MANIFEST, {name: value for name, value in content.items() if value is not None})


def only_table(workspace: Workspace) -> ScoredTable:
    """Return the one scored table."""
    return ScoredTable.open(only(workspace, "scored"))


@EVERY_KIND
def test_a_manifest_is_a_model_that_cannot_be_changed(workspace: Workspace, kind: str) -> None:
    """Each handle carries its manifest as a typed model with the hash of every listed file; both are frozen."""
    manifest_type, open_handle = HANDLES[kind]
    directory = only(workspace, kind)

    handle = open_handle(directory)

    written = read_manifest(directory, manifest_type.KIND)
    assert type(handle.manifest) is manifest_type
    assert {name: record.model_dump() for name, record in handle.manifest.files.items()} == written["files"]
    assert handle.manifest.format_version == FORMATS[kind]
    with pytest.raises(FrozenInstanceError):
        handle.directory = directory
    with pytest.raises(ValidationError, match="frozen"):
        handle.manifest.format_version = 0


@EVERY_KIND
def test_another_format_is_refused_with_what_to_do(workspace: Workspace, kind: str) -> None:
    """A directory of another release says its format, the format that is read, and the remedy."""
    directory, other = only(workspace, kind), 2
    change(directory, format_version=other)

    said = rf"{kind}/\w+ has format version {other}; this release reads {FORMATS[kind]}: {REMEDIES[kind]}$"
    with pytest.raises(ArtifactError, match=said):
        HANDLES[kind][1](directory)


@EVERY_KIND
def test_another_kind_of_directory_is_refused(workspace: Workspace, kind: str) -> None:
    """The message says what the directory holds, and what was expected."""
    expected = HANDLES[kind][0].KIND
    for other in HANDLES.keys() - {kind}:
        with pytest.raises(ArtifactError, match=rf"holds a '{HANDLES[other][0].KIND}', not a '{expected}'"):
            HANDLES[kind][1](only(workspace, other))


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("datasets", "rows_in", "many"),
        ("datasets", "parts", None),
        ("models", "trained_at", None),
        ("models", "version", 7),
        ("scored", "threshold", "high"),
        ("scored", "threshold", float("inf")),
        ("scored", "alerts", -1),
        ("scored", "target_fpr", 1.5),
        ("scored", "model_version", None),
    ],
)
def test_a_malformed_manifest_names_file_and_key(workspace: Workspace, kind: str, key: str, value: Any) -> None:
    """A value that is missing or impossible is an error that names the manifest and the key."""
    directory = only(workspace, kind)
    content = read_json(directory / MANIFEST) | {key: value}
    (directory / MANIFEST).write_text(json.dumps({k: v for k, v in content.items() if v is not None}))

    with pytest.raises(ArtifactError, match=rf"manifest\.json: {key}: .*; {REMEDIES[kind]}$"):
        HANDLES[kind][1](directory)


@EVERY_KIND
def test_a_directory_without_a_manifest_is_refused(workspace: Workspace, kind: str) -> None:
    """What was never completed, or does not exist, is not opened."""
    directory = only(workspace, kind)
    (directory / MANIFEST).unlink()

    with pytest.raises(ArtifactError, match=directory.name):
        HANDLES[kind][1](directory)
    with pytest.raises(ArtifactError, match="nowhere does not exist"):
        HANDLES[kind][1](directory.with_name("nowhere"))


def test_an_altered_contract_is_refused(workspace: Workspace) -> None:
    """A dataset's contract is compared with its hash before it is used."""
    directory = only(workspace, "datasets")
    path = directory / "contract.json"
    path.write_bytes(path.read_bytes().replace(b"numeric", b"ignored", 1))

    with pytest.raises(ArtifactError, match=r"contract\.json has changed since it was written"):
        _ = Dataset.open(directory).contract


def test_counts_that_do_not_add_up_are_refused(workspace: Workspace) -> None:
    """Rows in are rows scored plus rows rejected; the rejected ones are those of all reasons."""
    directory = only(workspace, "scored")
    rows = read_json(directory / MANIFEST)["rows_in"]
    for values in ({"rows_in": rows + 1}, {"rows_in": rows + 2, "rows_rejected": 2}):
        change(directory, **values)

        with pytest.raises(ArtifactError, match=r"is not rows_scored=600 \+ rejected rows by reason"):
            ScoredTable.open(directory)


def test_a_dataset_hands_out_its_rows(made: Run) -> None:
    """Parts, contract, counts and rows are those that ingest published."""
    dataset = Dataset.open(made.ingested.directory)

    assert dataset == made.ingested.dataset
    assert dataset.fingerprint == dataset.directory.name
    assert (dataset.rows, dataset.manifest.rows_in) == (600, 600)
    assert [path.name for path in dataset.parts] == PARTS
    assert isinstance(dataset.contract, Contract)
    assert sum(batch.num_rows for batch in dataset.batches(["load"])) == 600
    assert pq.read_metadata(dataset.rejected).num_rows == 0


def test_a_threshold_put_in_force_elsewhere_is_seen(workspace: Workspace) -> None:
    """A handle that is open reads the threshold in force each time, and still knows those before it."""
    directory = only(workspace, "models")
    held = ModelVersion.open(directory)
    first = held.calibration

    taken = calibrate(ModelVersion.open(directory), FprThreshold(target_fpr=0.2))

    assert held.calibration == held.load().calibration == taken != first
    assert held.calibration_of(first.calibration_id) == first
    assert held == ModelVersion.open(directory)


def test_another_calibration_is_not_passed_off_as_one(workspace: Workspace) -> None:
    """A calibration that was never made is an error, and so is one from other validation scores."""
    model = ModelVersion.open(only(workspace, "models"))
    path = model.directory / "calibration.json"
    write_json(path, read_json(path) | {"threshold": 1e6})

    with pytest.raises(ArtifactError, match=r"calibration\.json is not a calibration as it was written"):
        _ = model.calibration
    with pytest.raises(ArtifactError, match="0123456789abcdef"):
        model.calibration_of("0123456789abcdef")


def test_weights_are_rebuilt_once_a_process(workspace: Workspace) -> None:
    """Handles of the same version share one model; of an altered version nothing is loaded."""
    directory = only(workspace, "models")

    first, again = (ModelVersion.open(directory).load().model for _ in range(2))
    (directory / "weights.safetensors").write_bytes(b"torn")

    assert first is again
    with pytest.raises(ArtifactError, match=r"weights\.safetensors has changed"):
        ModelVersion.open(directory)


def test_a_scored_table_finds_what_it_was_made_from(workspace: Workspace) -> None:
    """Workspace, dataset, parts and place in the workspace; a removed dataset is None."""
    table = only_table(workspace)

    assert Workspace.holding(table.directory) == workspace
    assert table.name_in_workspace == f"scored/{table.directory.name}"
    assert table.dataset == workspace.find_dataset(table.manifest.dataset)
    assert [path.name for path in table.parts] == PARTS
    assert table.dataset_parts() == tuple(table.dataset.parts)
    assert table.schema.equals(pq.read_schema(table.parts[0]))
    shutil.rmtree(table.dataset.directory)
    orphan = ScoredTable.open(table.directory)
    assert (orphan.dataset, orphan.dataset_parts()) == (None, None)


def test_rows_and_cells_are_read_beside_each_other(workspace: Workspace) -> None:
    """Each batch of scored rows comes with the same rows of the dataset."""
    table = only_table(workspace)

    pairs = list(table.batches_beside(["row_id"], table.dataset, ["part_id", "load"], batch_rows=130))

    assert [rows.num_rows for rows, _ in pairs] == [130, 130, 20, 130, 130, 20, 40]
    assert all(rows["row_id"].equals(cells["part_id"]) for rows, cells in pairs)
    assert sum(batch.num_rows for batch in table.batches(["anomaly_score"])) == 600


def test_what_was_judged_is_read_from_its_files(made: Run, workspace: Workspace) -> None:
    """Validity, metrics, stories and top rows are those of the run; where no file is, there is nothing."""
    table = only_table(workspace)

    assert table.validity == made.judged.validity
    assert table.metrics == made.judged.metrics
    assert table.top_rows == made.table.top_rows
    assert table.top_rows.rows[0].is_anomaly
    assert len(table.stories) > 0
    for name in ("validity.json", "metrics.json", "top_rows.json"):
        (table.directory / name).unlink()
    assert (table.validity, table.metrics, table.top_rows) == (None, None, None)


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("validity", "validity.json"),
        ("metrics", "metrics.json"),
        ("top_rows", "top_rows.json"),
    ],
)
def test_a_malformed_document_says_what_to_do(workspace: Workspace, attribute: str, name: str) -> None:
    """A document of another release is an error that names the file, the key and the remedy."""
    table = only_table(workspace)
    write_json(table.directory / name, {"verdict": 3, "rows": "x"})

    with pytest.raises(ArtifactError, match=rf"{name}: [\w.]+: .*; judge the table again"):
        getattr(table, attribute)


def test_the_layout_of_a_workspace_is_pinned() -> None:
    """Where everything lies, as docs and earlier workspaces have it."""
    workspace, root = Workspace.open("runs"), Path("runs")

    assert workspace.location == root
    assert workspace.dataset_directory("d") == root / "datasets" / "d"
    assert workspace.model_directory("v") == root / "models" / "v"
    assert workspace.training_directory("v") == root / "models" / ".training-v"
    assert workspace.scored_directory("s") == root / "scored" / "s"
    assert workspace.feedback_directory("plant") == root / "feedback" / "plant"
    assert workspace.registry("plant").directory == root / "aliases"
    assert workspace.ledger("plant", "in/", "file").directory.parent == root / "partitions" / "plant"
    assert workspace.ledger("plant", "in/", "file") == workspace.ledger("plant", "in", "file")
    assert workspace.ledger("plant", "in", "file") != workspace.ledger("plant", "in", "day")


def test_a_workspace_hands_out_what_it_holds(made: Run, workspace: Workspace) -> None:
    """Models, datasets and tables are found by name, and by alias; what is not there is None or an error."""
    version, name = made.trained.version, made.table.directory.name

    assert workspace.model(version).version == workspace.aliased_model("plant").version == version
    assert [table.directory.name for table in workspace.tables()] == [name]
    assert workspace.find_dataset("nowhere") is None
    assert workspace.find_model("nowhere") is None
    with pytest.raises(ArtifactError, match="nowhere does not exist"):
        workspace.model("nowhere")
    assert list(Workspace(workspace.location / "empty").tables()) == []


def test_tables_of_another_format_are_passed_over(workspace: Workspace) -> None:
    """They stay where they are, are among the directories, and keep no other table from being read."""
    directory = only(workspace, "scored")
    old = directory.with_name("0123456789abcdef")
    shutil.copytree(directory, old)
    change(old, format_version=2)

    assert [table.directory for table in workspace.tables()] == [directory]
    assert set(workspace.scored_directories()) == {directory, old}


def test_unfinished_work_is_seen_and_nothing_else(workspace: Workspace) -> None:
    """Staging directories, hidden files and checkpoints are unfinished; published directories never are."""
    assert list(workspace.unfinished()) == []
    staged = workspace.location / "scored" / f"{STAGING}aa"
    checkpoints = workspace.training_directory("v1")
    hidden = only(workspace, "models") / f"{STAGING}calibration.json"
    for path in (staged, checkpoints, hidden):
        path.mkdir()

    assert set(workspace.unfinished()) == {staged, checkpoints, hidden}
    assert list(workspace.scoring_in_progress()) == [staged]
    assert staged not in set(workspace.scored_directories())


def test_a_run_hashes_each_file_once_after_it_was_published(counted: tuple[Run, Counts]) -> None:
    """Once as it is published and once as it is first read: no stage hashes again what another one verified."""
    _, counts = counted

    assert set(counts.hashed.values()) == {1}
    read = {Path(path).name for path in counts.hashed if STAGING not in path}
    assert read >= {"contract.json", "model.json", "weights.safetensors", "validation_scores.parquet"}


def test_a_run_rebuilds_its_model_once_and_reads_few_manifests(counted: tuple[Run, Counts]) -> None:
    """All stages share the weights; a manifest is read where a handle is opened, not by whoever asks it something."""
    run, counts = counted

    assert sum(counts.rebuilt.values()) == 1
    assert set(counts.manifests) == {
        str(handle.directory) for handle in (run.ingested.dataset, run.trained.model, run.table)
    }
    assert max(counts.manifests.values()) <= 3
