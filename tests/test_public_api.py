"""The public names, and what importing them costs."""

import subprocess
import sys

import pytest

import anomaly_ae

PUBLIC = [
    "AnomalyAEError",
    "ArtifactError",
    "CalibrationError",
    "CalibrationWarning",
    "ContractError",
    "SourceError",
    "Spec",
    "SpecError",
    "SplitError",
    "StorageError",
    "TabularAutoencoder",
    "TrainingError",
    "__version__",
    "calibrate",
    "load_spec",
    "run",
]


def test_public_names_are_pinned() -> None:
    """A name is added or taken away on purpose, here too."""
    assert sorted(anomaly_ae.__all__) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_exist(name: str) -> None:
    """Every public name can be had from the package."""
    assert getattr(anomaly_ae, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """Loading names late does not hide a misspelt one."""
    with pytest.raises(AttributeError, match="no attribute 'TabularAutoEncoder'"):
        _ = anomaly_ae.TabularAutoEncoder


@pytest.mark.parametrize("name", [name for name in PUBLIC if name.endswith("Error") and name != "AnomalyAEError"])
def test_every_error_is_ours_and_a_builtin_one(name: str) -> None:
    """Whoever catches the root catches all; whoever catches the usual built-in catches it too."""
    error = getattr(anomaly_ae, name)

    assert issubclass(error, anomaly_ae.AnomalyAEError)
    assert issubclass(error, ValueError | OSError)


def test_importing_the_package_does_no_work() -> None:
    """`import anomaly_ae` loads neither torch nor pandas nor Prefect, and prints nothing."""
    script = "import sys, anomaly_ae; print(sorted({'torch', 'pandas', 'prefect', 'sklearn'} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603 - ours

    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize("stage", ["ingest", "init"])
def test_reading_does_not_wait_for_torch(stage: str) -> None:
    """Ingest and init know every modality, and load neither torch nor SciPy."""
    script = f"import sys, anomaly_ae.stages.{stage}; print(sorted({{'torch', 'scipy', 'sklearn'}} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603 - ours

    assert done.stdout == "[]\n"
