"""The spec file: what loads, what is refused and how, and the way back to YAML."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anomaly_ae.errors import SpecError
from anomaly_ae.networks.denoising import DenoisingNetwork
from anomaly_ae.networks.memory import MemoryNetwork
from anomaly_ae.networks.textbook import TextbookNetwork
from anomaly_ae.spec import (
    AutoNetwork,
    DataSpec,
    FeatureSpec,
    LabelSpec,
    Role,
    Spec,
    SplitSpec,
    TrainingSpec,
)
from anomaly_ae.spec.file import dump_spec, load_spec, parse_spec
from anomaly_ae.threshold.rules.fpr import FprThreshold

SAMPLES = Path(__file__).parents[2] / "data"
MINIMAL = "data: {source: rows.csv}\n"


def write(directory: Path, text: str) -> Path:
    """Write a spec file and return its path."""
    path = directory / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path, *overrides: str) -> str:
    """Return the message with which a spec is refused."""
    with pytest.raises(SpecError) as caught:
        load_spec(path, overrides)
    return str(caught.value)


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
scalars = st.one_of(
    st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)
)
positive = st.floats(1e-12, 1e6)


@st.composite
def data_specs(draw: st.DrawFn) -> DataSpec:
    """Draw data sections whose columns have one role each."""
    columns = draw(st.lists(names, min_size=4, max_size=8, unique=True))
    values = draw(st.none() | st.lists(scalars, max_size=3).map(tuple))
    return DataSpec(
        source=draw(names),
        delimiter=draw(st.none() | st.sampled_from([",", ";", "\t", "|", "'", "#", "="])),
        missing_values=draw(st.lists(st.text(max_size=5), max_size=4).map(tuple)),
        id=columns[0],
        label=draw(st.none() | st.just(LabelSpec(column=columns[1], anomaly_values=values))),
        ignore=tuple(columns[2:4]),
        roles={column: draw(st.sampled_from(Role)) for column in columns[4:]},
    )


networks = st.one_of(
    st.just(AutoNetwork()),
    st.builds(TextbookNetwork, hidden=st.lists(st.integers(1, 999), max_size=3).map(tuple)),
    st.builds(MemoryNetwork, rows=st.integers(2, 9999)),
    st.builds(DenoisingNetwork, noise_min=st.floats(1e-9, 1), noise_max=st.floats(1, 1e6)),
)
specs = st.builds(
    Spec,
    name=st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,9}\Z"),
    data=data_specs(),
    workspace=names,
    score_source=st.none() | names,
    split=st.sampled_from([SplitSpec(), SplitSpec(by="time", train=0.5, validation=0.25, test=0.25, seed=7)]),
    features=st.builds(FeatureSpec, numeric=st.sampled_from(["standard", "quantile", "both"])),
    network=networks,
    training=st.builds(TrainingSpec, learning_rate=positive, steps=st.integers(0, 10**9)),
    threshold=st.builds(FprThreshold, target_fpr=st.floats(1e-9, 1, exclude_max=True)),
)


@given(spec=specs)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_dumped_spec_loads_equal(tmp_path: Path, spec: Spec) -> None:
    """Whatever a spec holds, its YAML loads back to the same spec, and the same YAML."""
    paths = {"workspace": "/w", "data": spec.data.model_copy(update={"source": "s3://b/x"})}
    spec = spec.model_copy(update={**paths, "score_source": spec.score_source and f"s3://{spec.score_source}"})
    path = tmp_path / "spec.yaml"
    path.write_bytes(dump_spec(spec).encode())

    loaded = load_spec(path)

    assert loaded == spec
    assert dump_spec(loaded) == dump_spec(spec)


def test_defaults_are_dumped_in_the_order_of_the_spec() -> None:
    """The resolved spec shows every setting, also those left alone, as a person would write them."""
    text = dump_spec(parse_spec({"data": {"source": "rows.csv"}}))

    assert text.startswith("name: anomaly_ae\nworkspace: anomaly_ae_runs\ndata:\n  source: rows.csv\n")
    assert "\nnetwork:\n  kind: auto\n" in text


@pytest.mark.parametrize("folder", ["breast_cancer", "digits", "machines"])
def test_sample_specs_load(folder: str) -> None:
    """Each sample's own spec is valid and finds its file."""
    spec = load_spec(SAMPLES / folder / "spec.yaml")

    assert Path(spec.data.source).is_file()
    assert spec.data.label is not None


def test_overrides_are_yaml(tmp_path: Path) -> None:
    """Dotted overrides reach any depth, make sections that the file lacks, and later ones win."""
    overrides = [
        "training.steps=5",
        "training.steps=300",
        "data.label.column=fraud",
        "data.label.anomaly_values=[yes, 1]",
        "network.hidden=[8]",
        "data.roles.a.b=numeric",
        "data.delimiter=;",
    ]

    spec = load_spec(write(tmp_path, MINIMAL), overrides)

    assert spec.training.steps == 300
    assert spec.data.label == LabelSpec(column="fraud", anomaly_values=("yes", 1))
    assert spec.network == MemoryNetwork(hidden=(8,))
    assert spec.data.roles == {"a.b": Role.NUMERIC}
    assert spec.data.delimiter == ";"


def test_paths_in_the_file_count_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths in the file, the workspace's default included, do not depend on the current directory."""
    path = write(tmp_path, "data: {source: in/*.csv}\nscore_source: new.csv\n")
    monkeypatch.chdir("/")

    spec = load_spec(path)

    assert spec.data.source == str(tmp_path / "in/*.csv")
    assert spec.score_source == str(tmp_path / "new.csv")
    assert spec.workspace == str(tmp_path / "anomaly_ae_runs")


def test_paths_in_overrides_count_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path typed as an override means what the shell means by it."""
    (tmp_path / "specs").mkdir()
    path = write(tmp_path / "specs", MINIMAL)
    monkeypatch.chdir(tmp_path)

    assert load_spec(path, ["workspace=out"]).workspace == str(tmp_path / "out")
    assert load_spec(path, ["data.source=b.csv"]).data.source == str(tmp_path / "b.csv")


@pytest.mark.parametrize("address", ["s3://bucket/rows/*.parquet", "file:///rows.csv", "/absolute/rows.csv"])
def test_addresses_and_absolute_paths_stay(tmp_path: Path, address: str) -> None:
    """What is no relative path is left alone."""
    assert load_spec(write(tmp_path, f"data: {{source: '{address}'}}")).data.source == address


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("training: {stpes: 3}", "unknown setting 'training.stpes'; did you mean 'training.steps'?"),
        ("network: {hidn: [3]}", "unknown setting 'network.hidn'; did you mean 'network.hidden'?"),
        (
            "network: {kind: textbook, bottelneck: 3}",
            "unknown setting 'network.bottelneck'; did you mean 'network.bottleneck'?",
        ),
        ("network: {bottleneck: 3}", "unknown setting 'network.bottleneck' for network of kind 'memory'"),
        ("network: {kind: auto, hidden: [3]}", "unknown setting 'network.hidden' for network of kind 'auto'"),
        ("network: {kind: gan}", "'network.kind' is 'gan'; must be one of 'auto', 'memory', 'denoising', 'textbook'"),
        ("target_fpr: .1", "unknown setting 'target_fpr'; did you mean 'threshold.target_fpr'?"),
        ("threshold: {zzz: 1}", "unknown setting 'threshold.zzz'; known here: rule, by, min_rows, target_fpr"),
        ("training: {steps: many}", "'training.steps' is 'many'; must be a valid integer"),
        ("training: {steps: -1}", "'training.steps' is -1; must be greater than or equal to 0"),
        ("split: {by: rows}", "'split.by' is 'rows'; must be 'row', 'group', 'time' or 'folder'"),
        ("split: {train: .7}", "split: train + validation + test must be 1, not 1.1"),
        ("training: 5", "'training' is 5; must be a section"),
        ("name: a b", "'name' is 'a b'; must match pattern"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, sentence: str) -> None:
    """Each mistake is told by its full name, what was given, and what is allowed or was meant."""
    assert sentence in refusal(write(tmp_path, MINIMAL + text))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "'data.source' is missing; it is a file"),
        ({"source": "a", "id": 3}, "'data.id' is 3; must be a valid string (put it in quotes)"),
        ({"source": "a", "ignore": "b"}, "'data.ignore' is 'b'; must be a list"),
        ({"source": "a", "roles": {"b": "number"}}, "'data.roles.b' is 'number'; must be 'numeric', 'boolean'"),
        ({"source": "a", "id": "b", "time": "b"}, "data: column 'b' is given more than one role"),
        (
            {"source": "a", "label": {"column": "b", "anomaly_values": [[1]]}},
            "'data.label.anomaly_values[0]' is [1]; must be a valid boolean or a valid integer",
        ),
    ],
)
def test_mappings_get_the_same_messages(data: dict[str, Any], sentence: str) -> None:
    """A spec given as a mapping is refused in the same words."""
    with pytest.raises(SpecError) as caught:
        parse_spec({"data": data})

    assert sentence in str(caught.value)


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    """One message names every mistake, in file and overrides alike."""
    path = write(tmp_path, MINIMAL + "training: {stpes: 3, batch_size: 0}\n")

    message = refusal(path, "steps", "name.first=x", "splt.by=row")

    assert "has 5 problems" in message
    for part in ("training.stpes", "training.batch_size", "override 'steps'", "'name'", "did you mean 'split'?"):
        assert part in message


def test_an_override_through_a_value_is_refused(tmp_path: Path) -> None:
    """A dotted name may not lead through a setting that has no parts."""
    assert "'name', which is 'x'" in refusal(write(tmp_path, MINIMAL + "name: x\n"), "name.first=y")


@pytest.mark.parametrize("network", ["", "network:", "network: {}", "network: {kind: auto}"])
def test_a_network_may_be_left_open(tmp_path: Path, network: str) -> None:
    """Absent, empty or auto: what network it is, is decided by the data; settings without a kind are of memory."""
    path = write(tmp_path, MINIMAL + network)

    assert load_spec(path).network == AutoNetwork()
    assert load_spec(path, ["network.kind=memory"]).network == MemoryNetwork()


def test_sections_left_empty_are_defaults(tmp_path: Path) -> None:
    """A section whose settings are all commented out is as good as absent."""
    assert load_spec(write(tmp_path, MINIMAL + "training:\nnetwork:\n")).training == TrainingSpec()


def test_yaml_is_version_1_2(tmp_path: Path) -> None:
    """Words such as no and off are words, so a column or value may be called like them."""
    spec = load_spec(write(tmp_path, "data: {source: a, id: no, label: {column: off, anomaly_values: [yes, true]}}"))

    assert spec.data.id == "no"
    assert spec.data.label == LabelSpec(column="off", anomaly_values=("yes", True))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (
            "data: {source: a}\ndata: {source: b}\n",
            'line 2, column 1: while constructing a mapping found duplicate key "data"',
        ),
        ("data: {source: a\n", "is not valid YAML: line 2"),
        ("data: {source: a}\n---\nname: b\n", "found another document"),
        ("", "must be a mapping"),
        ("- a\n", "must be a mapping"),
    ],
)
def test_files_that_are_no_spec_are_refused(tmp_path: Path, text: str, part: str) -> None:
    """Broken YAML, a key given twice, a second document or no mapping at all is told with its line."""
    assert part in refusal(write(tmp_path, text))


def test_a_missing_file_is_told_with_the_way_out(tmp_path: Path) -> None:
    """A spec that is not there is a SpecError that names the command which writes one."""
    assert "anomaly-ae init" in refusal(tmp_path / "none.yaml")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """A binary file is a SpecError too."""
    path = tmp_path / "spec.yaml"
    path.write_bytes(b"\xff\xfe\x00data")

    assert "is not valid YAML" in refusal(path)
