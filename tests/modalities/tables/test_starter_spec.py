"""The starter spec: what is guessed from names and values, what is asked, and that it always loads."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from anomaly_ae.ingest.contract import ColumnContract, Contract
from anomaly_ae.modalities.tables.column_summary import ColumnSummary, anomaly_value, label_rank, summarise
from anomaly_ae.modalities.tables.starter_spec import starter_spec
from anomaly_ae.spec import LabelSpec, Role, Spec
from anomaly_ae.spec.file import load_spec


def look_at(columns: dict[str, list[str | None]], **roles: Role) -> tuple[ColumnSummary, ...]:
    """Look at text columns; a column whose role is not given is categorical."""
    contract = Contract(
        columns=tuple(
            ColumnContract(
                name=name,
                role=roles.get(name, Role.CATEGORICAL),
                dtype="int64" if set(cells) <= {"0", "1"} else "string",
            )
            for name, cells in columns.items()
        ),
        missing_values=("", "NA"),
    )
    return summarise(pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()}), contract)


def start(directory: Path, looks: tuple[ColumnSummary, ...], rows: int = 10_000) -> tuple[str, Spec]:
    """Write the starter spec to a file and load it back."""
    text = starter_spec(looks, "rows.csv", rows)
    path = directory / "spec.yaml"
    path.write_bytes(text.encode())
    return text, load_spec(path)


def repeat(*values: str | None, to: int = 100) -> list[str | None]:
    """Repeat values up to a number of cells."""
    return [values[index % len(values)] for index in range(to)]


def unevenly(common: str, rare: str, share: int = 10, to: int = 100) -> list[str | None]:
    """Return cells of which the last one in `share` is rare."""
    return [common] * (to - to // share) + [rare] * (to // share)


def test_look_counts_what_is_there() -> None:
    """A look holds the values with counts, the missing cells, and a first example."""
    seen, many = look_at({"gate": [*repeat("b", "a", "a"), "NA", None], "x": [*map(str, range(102))]})

    assert seen.values == (("a", 66), ("b", 34))
    assert (seen.distinct, seen.filled, seen.missing, seen.example) == (2, 100, 2, "b")
    assert (many.distinct, many.values) == (102, ())


def test_look_takes_typed_columns() -> None:
    """Columns that are typed already, NaN included, are looked at as their text."""
    contract = Contract(
        columns=(
            ColumnContract(name="x", role=Role.NUMERIC, dtype="float64"),
            ColumnContract(name="ok", role=Role.BOOLEAN, dtype="bool"),
        )
    )

    x, ok = summarise(pa.table({"x": [1.5, float("nan"), 1.5], "ok": [True, False, None]}), contract)

    assert (x.values, x.missing) == ((("1.5", 2),), 1)
    assert ok.values == (("false", 1), ("true", 1))


@pytest.mark.parametrize(
    ("name", "rank"),
    [
        ("anomaly", 1),
        ("Is_Fraud", 1),
        ("FraudFound_P", 3),
        ("Machine failure", 3),
        ("Class", 2),
        ("y", 2),
        ("attack_flag", 1),
        ("speed", None),
    ],
)
def test_labels_are_known_by_name(name: str, rank: int | None) -> None:
    """A two-valued column is a likely label by its name alone, the plainest names first."""
    assert label_rank(look_at({name: repeat("0", "1")})[0]) == rank


def test_a_label_has_two_values() -> None:
    """A column with a label's name and three values is not one."""
    assert label_rank(look_at({"anomaly": repeat("0", "1", "2")})[0]) is None


@pytest.mark.parametrize(
    ("normal", "anomaly", "expected"),
    [
        ("0", "1", "1"),
        ("0.0", "1.0", "1.0"),
        ("False", "True", "True"),
        ("no", "yes", "yes"),
        ("benign", "malignant", "malignant"),
        ("normal", "ANOMALY", "ANOMALY"),
        ("negative", "sick", "sick"),
        ("-1", "1", None),
        ("B", "M", None),
        ("1", "2", None),
    ],
)
def test_values_speak_for_themselves_or_not(normal: str, anomaly: str, expected: str | None) -> None:
    """Only a pair of which one means normal and the other anomaly is taken without asking."""
    assert anomaly_value(look_at({"label": unevenly(normal, anomaly)})[0]) == expected


def test_the_best_label_wins_and_others_are_mentioned(tmp_path: Path) -> None:
    """Of several likely labels the plainest is set, with its counts; the rest stand in a comment."""
    looks = look_at(
        {"disk_failure": repeat("0", "1"), "is_anomaly": unevenly("0", "1"), "target": repeat("1", "1", "0")}
    )

    text, spec = start(tmp_path, looks)

    assert spec.data.label == LabelSpec(column="is_anomaly", anomaly_values=(1,))
    assert "# disk_failure could be the label too: 0 (50), 1 (50)" in text
    assert "# target could be the label too" in text


def test_a_label_of_unknown_meaning_is_asked_for(tmp_path: Path) -> None:
    """Where the values do not say which is the anomaly, the label is a question, and no feature meanwhile."""
    text, spec = start(tmp_path, look_at({"diagnosis": unevenly("B", "M"), "size": repeat("1", "2", "3")}))

    assert spec.data.label is None
    assert spec.data.ignore == ("diagnosis",)
    assert "# Is diagnosis the label? It has B (90), M (10)." in text
    assert "#   anomaly_values: [M]" in text


def test_without_a_label_the_spec_says_so(tmp_path: Path) -> None:
    """No likely label: the block is there, commented out."""
    text, spec = start(tmp_path, look_at({"size": repeat("1", "2", "3")}))

    assert spec.data.label is None
    assert "# label: # no column looks like one" in text


def test_a_sample_with_only_normal_rows_keeps_its_label(tmp_path: Path) -> None:
    """A column called anomaly that is 0 in all sampled rows is the label still: anomalies may come later."""
    _, spec = start(tmp_path, look_at({"anomaly": repeat("0"), "size": repeat("1", "2")}))

    assert spec.data.label == LabelSpec(column="anomaly", anomaly_values=(1,))


def test_the_label_in_other_words_is_ignored(tmp_path: Path) -> None:
    """A column whose value always tells the label would give the answer away."""
    kinds = [*repeat("normal", to=900), *repeat("scan", "flood", to=100)]
    looks = look_at({"kind": kinds, "anomaly": unevenly("0", "1", to=1000), "gate": repeat("a", "b", to=1000)})

    text, spec = start(tmp_path, looks)

    assert spec.data.ignore == ("kind",)
    assert "- kind # a copy of the label anomaly by its looks" in text


def test_a_column_with_few_rows_a_value_is_no_twin(tmp_path: Path) -> None:
    """A column of distinct values tells any label by chance and stays a feature."""
    _, spec = start(tmp_path, look_at({"speed": [*map(str, range(100))], "anomaly": unevenly("0", "1")}))

    assert spec.data.ignore == ()


def test_a_part_of_the_label_is_pointed_out(tmp_path: Path) -> None:
    """A flag that is only ever set on anomalies stays a feature, with a warning."""
    flag = ["0"] * 970 + ["1"] * 30
    text, spec = start(tmp_path, look_at({"heat": flag, "failure": unevenly("0", "1", to=1000)}))

    assert spec.data.ignore == ()
    assert "1 is always an anomaly: if it is recorded afterwards, ignore it" in text


def test_ids_and_the_only_time_are_proposed(tmp_path: Path) -> None:
    """The first column that names each row is the id, further ones are ignored; the one datetime is the time."""
    numbers = [*map(str, range(100))]
    looks = look_at({"UID": numbers, "PolicyNumber": numbers, "at": numbers, "speed": numbers}, at=Role.DATETIME)

    text, spec = start(tmp_path, looks)

    assert (spec.data.id, spec.data.time) == ("UID", "at")
    assert spec.data.ignore == ("PolicyNumber",)
    assert "without this line its hour and weekday are features" in text


def test_roles_of_the_contract_come_first(tmp_path: Path) -> None:
    """What the contract has already decided is written down, not guessed again."""
    numbers = [*map(str, range(100))]
    looks = look_at(
        {"row_id": numbers, "name": numbers, "machine": repeat("a", "b"), "note": numbers},
        name=Role.ID, machine=Role.ENTITY, note=Role.IGNORED,
    )  # fmt: skip

    _, spec = start(tmp_path, looks)

    assert (spec.data.id, spec.data.entity) == ("name", "machine")
    assert spec.data.ignore == ("note", "row_id")


def test_a_likely_entity_is_named_in_a_comment(tmp_path: Path) -> None:
    """A column called like a machine is proposed as entity, but stays a feature until the user says so."""
    text, spec = start(tmp_path, look_at({"machine_id": repeat("a", "b"), "x": repeat("1", "2", "3")}))

    assert spec.data.entity is None
    assert "# entity: the column that names the entity of a row: perhaps machine_id" in text


def test_two_times_are_a_question(tmp_path: Path) -> None:
    """With more than one datetime none is taken, and all are named."""
    numbers = [*map(str, range(100))]
    text, spec = start(tmp_path, look_at({"a": numbers, "b": numbers}, a=Role.DATETIME, b=Role.DATETIME))

    assert spec.data.time is None
    assert "perhaps one of a, b" in text


@pytest.mark.parametrize(
    ("rows", "rate"), [(10_000, 0.01), (800, 0.01), (569, 0.02), (300, 0.05), (130, 0.1), (50, 0.2), (5, 0.2)]
)
def test_the_false_alarm_rate_can_be_held(tmp_path: Path, rows: int, rate: float) -> None:
    """The rate is the smallest that the validation part of this many rows will hold, also by bad luck."""
    assert start(tmp_path, look_at({"x": repeat("a", "b")}), rows)[1].threshold.target_fpr == rate


def test_anomalies_do_not_count_for_the_false_alarm_rate(tmp_path: Path) -> None:
    """Only normal rows calibrate the threshold."""
    looks = look_at({"anomaly": unevenly("0", "1", share=2)})

    assert start(tmp_path, looks, 800)[1].threshold.target_fpr == 0.02


def test_every_column_is_listed(tmp_path: Path) -> None:
    """Each column stands in a comment with the role it will have and what was seen."""
    text, _ = start(
        tmp_path, look_at({"gate": [*repeat("b", "a", "a"), None], "x": repeat(None, to=101)}, x=Role.IGNORED)
    )

    assert "  #   gate  categorical  a (66), b (34); 1 missing" in text
    assert "  #   x     ignored      always missing" in text


@given(data=st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_columns_the_spec_loads(tmp_path: Path, data: st.DataObject) -> None:
    """Hostile names and values cannot break the YAML, and names come through as they are."""
    names = st.sampled_from(
        ["y", "no", "anomaly", "id", "a: b", "#", " x", "1", "null", "'", '"', "\\", "a\nb"]
    ) | st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
    cells = st.lists(st.sampled_from(["0", "1", "", "a\n- b", "NA", "\u2028", "x # y"]), min_size=30, max_size=30)
    columns = data.draw(st.dictionaries(names, cells, min_size=1, max_size=6))
    looks = look_at(columns, **dict.fromkeys(data.draw(st.sets(st.sampled_from([*columns]))), Role.IGNORED))

    text, spec = start(tmp_path, looks)

    named = [spec.data.id, spec.data.time, spec.data.label and spec.data.label.column, *spec.data.ignore]
    assert {name for name in named if name} <= set(columns)
    assert YAML(typ="safe", pure=True).load(text)["data"]["source"] == "rows.csv"
