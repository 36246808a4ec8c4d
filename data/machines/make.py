"""Recreate the SYNTHETIC sample machines.csv and its truth.csv: `python data/machines/make.py`.

Invented jobs on twelve machine tools. Normal jobs follow the rules of `normal_jobs`; each `plant_` function breaks
exactly one of these rules in separate rows.
"""

import csv
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
ROWS, PLANTED, SEED = 5000, 40, 20260105
FIRST_DAY = datetime(2026, 1, 5)  # noqa: DTZ001  the plant's local time; the file has no time zone either
MATERIALS = ("aluminium", "brass", "steel")
PARTS = ("bracket", "flange", "gear", "housing", "shaft")
SPEED_RPM = {"aluminium": 9000.0, "brass": 6500.0, "steel": 3200.0}

Random = np.random.RandomState
Jobs = dict[str, np.ndarray]


def normal_jobs(random: Random) -> Jobs:
    """Draw normal jobs: hours from 6 to 22, speed by material, power by load, motor by ambient temperature."""
    machine = random.randint(1, 13, ROWS)
    material = random.choice(MATERIALS, ROWS, p=(0.35, 0.15, 0.5))
    load = np.clip(random.normal(55, 16, ROWS), 5, 99)
    ambient = random.normal(22, 3, ROWS)
    minutes = random.randint(0, 84, ROWS) * 24 * 60 + random.randint(6 * 60, 22 * 60, ROWS)
    speed = np.array([SPEED_RPM[name] for name in material])
    return {
        "job_id": np.arange(1, ROWS + 1),
        "machine": machine,
        "started_at": np.sort(minutes * 60 + random.randint(0, 60, ROWS)),
        "part": random.choice(PARTS, ROWS, p=(0.3, 0.25, 0.2, 0.15, 0.1)),
        "material": material.astype(object),
        "new_tool": random.random_sample(ROWS) < 0.12,
        "coolant_on": random.random_sample(ROWS) < 0.5,
        "load_percent": load,
        "power_kw": 1.2 + 0.11 * load + random.normal(0, 0.35, ROWS),
        "spindle_rpm": speed * (1 + random.normal(0, 0.04, ROWS)),
        "ambient_c": np.where(random.random_sample(ROWS) < 0.03, np.nan, ambient),
        "motor_c": 18 + 1.4 * ambient + random.normal(0, 1.5, ROWS),
        "vibration_mm_s": np.exp(random.normal(0.2, 0.25, ROWS) + 0.02 * machine),
        "pressure_bar": random.normal(6.2, 0.25, ROWS),
        "deviation_um": np.where(random.random_sample(ROWS) < 0.3, np.nan, random.normal(0, 8, ROWS)),
        "pieces": random.poisson(24, ROWS),
    }


def plant_marginal_shift(jobs: Jobs, rows: np.ndarray, _random: Random) -> None:
    """Multiply the vibration by four, a value that no normal job has."""
    jobs["vibration_mm_s"][rows] *= 4


def plant_broken_correlation(jobs: Jobs, rows: np.ndarray, _random: Random) -> None:
    """Swap power between light and heavy jobs, which leaves the distribution of each column unchanged."""
    by_load = rows[np.argsort(jobs["load_percent"][rows])]
    jobs["power_kw"][by_load] = jobs["power_kw"][by_load[::-1]]


def plant_unseen_category(jobs: Jobs, rows: np.ndarray, _random: Random) -> None:
    """Set a material that no normal job uses."""
    jobs["material"][rows] = "titanium"


def plant_missing_value(jobs: Jobs, rows: np.ndarray, _random: Random) -> None:
    """Remove the pressure, which every normal job reports."""
    jobs["pressure_bar"][rows] = np.nan


def plant_odd_hour(jobs: Jobs, rows: np.ndarray, random: Random) -> None:
    """Set the start to between 1 and 4 o'clock at night, when nobody works."""
    day = jobs["started_at"][rows] // 86400
    jobs["started_at"][rows] = day * 86400 + random.randint(1 * 3600, 4 * 3600, len(rows))


Plant = Callable[[Jobs, np.ndarray, Random], None]

CAUSES: dict[str, tuple[Plant, tuple[str, ...]]] = {
    "marginal_shift": (plant_marginal_shift, ("vibration_mm_s",)),
    "broken_correlation": (plant_broken_correlation, ("load_percent", "power_kw")),
    "unseen_category": (plant_unseen_category, ("material",)),
    "missing_value": (plant_missing_value, ("pressure_bar",)),
    "odd_hour": (plant_odd_hour, ("started_at",)),
}


def choose_rows(jobs: Jobs, random: Random) -> dict[str, np.ndarray]:
    """Choose `PLANTED` rows for each cause; swapping power needs clearly light and clearly heavy jobs."""
    low, high = np.quantile(jobs["load_percent"], (0.15, 0.85))
    light, heavy = (np.flatnonzero(mask) for mask in (jobs["load_percent"] < low, jobs["load_percent"] > high))
    half = PLANTED // 2
    swapped = np.concatenate([random.choice(light, half, replace=False), random.choice(heavy, half, replace=False)])
    others = random.permutation(np.setdiff1d(np.arange(ROWS), swapped))
    chosen = {}
    for number, cause in enumerate(CAUSES):
        chosen[cause] = swapped if cause == "broken_correlation" else others[number * PLANTED : (number + 1) * PLANTED]
    return chosen


def number(digits: int) -> Callable[[float], str]:
    """Return a formatter of numbers with fixed decimals; NaN becomes an empty cell."""
    return lambda value: "" if np.isnan(value) else f"{value:.{digits}f}"


def flag(value: object) -> str:
    """Format a boolean as databases do."""
    return "true" if value else "false"


WRITERS: dict[str, Callable[..., str]] = {
    "job_id": "J{:05d}".format,
    "machine": "M{:02d}".format,
    "started_at": lambda seconds: (FIRST_DAY + timedelta(seconds=int(seconds))).isoformat(),
    "part": str,
    "material": str,
    "new_tool": flag,
    "coolant_on": flag,
    "load_percent": number(1),
    "power_kw": number(2),
    "spindle_rpm": number(0),
    "ambient_c": number(1),
    "motor_c": number(1),
    "vibration_mm_s": number(3),
    "pressure_bar": number(2),
    "deviation_um": number(1),
    "pieces": str,
    "anomaly": str,
}


def write(path: Path, header: list[str], rows: list[list[str]]) -> None:
    """Write a CSV file that is byte-identical on every machine."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def make(directory: Path) -> Path:
    """Write machines.csv and truth.csv into `directory`."""
    # RandomState's stream is frozen; default_rng's may change between NumPy releases.
    random = Random(SEED)
    jobs = normal_jobs(random)
    jobs["anomaly"] = np.zeros(ROWS, dtype=int)
    truth = []
    for cause, rows in choose_rows(jobs, random).items():
        plant, columns = CAUSES[cause]
        plant(jobs, rows, random)
        jobs["anomaly"][rows] = 1
        truth += [[WRITERS["job_id"](jobs["job_id"][row]), cause, ";".join(columns)] for row in rows]
    cells = [[write_cell(value) for value in jobs[name]] for name, write_cell in WRITERS.items()]
    write(directory / "machines.csv", list(WRITERS), [list(row) for row in zip(*cells, strict=True)])
    write(directory / "truth.csv", ["job_id", "cause", "columns"], sorted(truth))
    return directory / "machines.csv"


if __name__ == "__main__":
    print(make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE))
