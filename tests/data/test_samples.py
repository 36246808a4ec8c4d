"""The sample data are what their README says, and can be made again."""

import re
import runpy
from pathlib import Path

import pandas as pd
import pytest

DATA = Path(__file__).parents[2] / "data"
FOLDERS = ("breast_cancer", "digits", "machines")
ANOMALY = {"breast_cancer": ("diagnosis", "malignant"), "digits": ("digit", 0), "machines": ("anomaly", 1)}


def stated(text: str, name: str) -> int:
    """Return the count that a README's table states."""
    found = re.search(rf"^\| {name} \| (\d+) \|$", text, re.MULTILINE)
    assert found, f"no row '{name}' in the README's table"
    return int(found[1])


@pytest.mark.parametrize("folder", FOLDERS)
def test_counts_are_true(folder: str) -> None:
    """The README's rows, anomalies and columns are those of the file."""
    readme = (DATA / folder / "README.md").read_text(encoding="utf-8")
    table = pd.read_csv(DATA / folder / f"{folder}.csv")
    column, value = ANOMALY[folder]

    assert stated(readme, "rows") == len(table)
    assert stated(readme, "columns") == table.shape[1]
    assert stated(readme, "anomalies") == (table[column] == value).sum()


@pytest.mark.parametrize("folder", FOLDERS)
def test_index_repeats_the_counts(folder: str) -> None:
    """The index of all samples states the same counts as the folder's own README."""
    readme = (DATA / folder / "README.md").read_text(encoding="utf-8")
    index = (DATA / "README.md").read_text(encoding="utf-8")
    line = next(line for line in index.splitlines() if f"]({folder}/README.md)" in line)

    assert re.findall(r"\| (\d+) (?=\|)", line) == [
        str(stated(readme, name)) for name in ("rows", "anomalies", "columns")
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_remade_bytes_are_the_same(folder: str, tmp_path: Path) -> None:
    """Running the script again gives every file byte for byte."""
    runpy.run_path(str(DATA / folder / "make.py"))["make"](tmp_path)

    kept = {path.name: path.read_bytes() for path in (DATA / folder).glob("*.csv")}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept


@pytest.mark.parametrize("folder", FOLDERS)
def test_origin_and_licence_are_stated(folder: str) -> None:
    """Every sample says where it is from and under which licence."""
    readme = (DATA / folder / "README.md").read_text(encoding="utf-8")

    assert "**Origin.**" in readme
    assert re.search(r"\*\*Licence\.\*\* (CC BY 4\.0|Apache-2\.0)", readme)


def test_samples_stay_small() -> None:
    """All samples together weigh less than 1.5 MB."""
    assert sum(path.stat().st_size for path in DATA.glob("*/*.csv")) < 1_500_000


@pytest.mark.parametrize("file", ["README.md", "make.py", "spec.yaml"])
def test_machines_are_called_synthetic(file: str) -> None:
    """Each text of the generated sample says that it is generated."""
    assert "SYNTHETIC" in (DATA / "machines" / file).read_text(encoding="utf-8")


def test_machines_truth_names_every_anomaly_once() -> None:
    """The truth file holds exactly the anomalous jobs, each once, with columns that exist."""
    table = pd.read_csv(DATA / "machines" / "machines.csv")
    truth = pd.read_csv(DATA / "machines" / "truth.csv")

    assert sorted(truth.job_id) == sorted(table.job_id[table.anomaly == 1])
    assert truth.job_id.is_unique
    assert {name for names in truth["columns"] for name in names.split(";")} <= set(table.columns)


def test_machines_causes_break_what_they_say() -> None:
    """Each cause breaks its rule in its own rows, and no normal row breaks it."""
    jobs = pd.read_csv(DATA / "machines" / "machines.csv", parse_dates=["started_at"], index_col="job_id")
    truth = pd.read_csv(DATA / "machines" / "truth.csv", index_col="job_id")
    normal = jobs[jobs.anomaly == 0]
    by_cause = {cause: jobs.loc[rows.index] for cause, rows in truth.groupby("cause")}

    assert by_cause["marginal_shift"].vibration_mm_s.median() > normal.vibration_mm_s.max()
    assert (by_cause["unseen_category"].material == "titanium").all()
    assert "titanium" not in set(normal.material)
    assert by_cause["missing_value"].pressure_bar.isna().all()
    assert normal.pressure_bar.notna().all()
    assert by_cause["odd_hour"].started_at.dt.hour.isin([1, 2, 3]).all()
    assert normal.started_at.dt.hour.between(6, 21).all()


def test_broken_correlation_leaves_both_marginals() -> None:
    """Load and power of the swapped jobs stay in the normal range, but go against each other."""
    jobs = pd.read_csv(DATA / "machines" / "machines.csv", index_col="job_id")
    truth = pd.read_csv(DATA / "machines" / "truth.csv", index_col="job_id")
    normal = jobs[jobs.anomaly == 0]
    broken = jobs.loc[truth.index[truth.cause == "broken_correlation"]]

    assert normal.load_percent.corr(normal.power_kw) > 0.95
    assert broken.load_percent.corr(broken.power_kw) < -0.8
    for name in ("load_percent", "power_kw"):
        assert broken[name].between(normal[name].min(), normal[name].max()).all()
