"""`deploy` writes the files with which the checkout is an installation, and overwrites nothing unasked."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tests_support import run_cli

from anomaly_ae.cli import deploy

ROOT = Path(__file__).parents[2]


@pytest.fixture
def as_in_a_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the flows have the name under which a wheel installs them."""
    monkeypatch.setattr(deploy, "flows_package", lambda: "anomaly_ae.flows")


@pytest.mark.usefixtures("as_in_a_wheel")
def test_the_files_are_the_checkout_s_own() -> None:
    """Only the name of the flows differs, so there is no second copy that could drift."""
    for name, content in deploy.deployment_files():
        if name != deploy.GUIDE:
            assert content.decode().replace("anomaly_ae.flows.", "flows.") == (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.usefixtures("as_in_a_wheel")
def test_every_entrypoint_has_the_name_of_an_installed_flow() -> None:
    """Each deployment names a module of the package, and no text names one of a checkout."""
    files = {name: content.decode() for name, content in deploy.deployment_files()}
    entrypoints = [one["entrypoint"] for one in YAML(typ="safe").load(files["prefect.yaml"])["deployments"]]

    assert entrypoints
    for entrypoint in entrypoints:
        package, _, module = entrypoint.rpartition(".")[0].rpartition(".")
        assert package == "anomaly_ae.flows"
        assert (ROOT / "flows" / f"{module}.py").is_file()
    for name in (*deploy.CONFIGURATION, deploy.GUIDE):
        assert "-m flows." not in files[name]
        assert "`flows." not in files[name]


def test_a_checkout_names_its_own_flows(tmp_path: Path) -> None:
    """From an editable install the entrypoints are those of the checkout, as only they can be imported there."""
    printed = run_cli("deploy", "installation", cwd=tmp_path).stdout

    written = tmp_path / "installation"
    assert (written / "prefect.yaml").read_text() == (ROOT / "prefect.yaml").read_text()
    assert (written / "data" / "breast_cancer" / "breast_cancer.csv").is_file()
    assert printed.splitlines()[-1] == "next: cd installation && python -m flows.installation up"
    assert len(printed.splitlines()) == 1 + sum(path.is_file() for path in written.rglob("*"))


def test_existing_files_are_kept(tmp_path: Path) -> None:
    """What a person has edited is replaced with --force only, and nothing is written before that is known."""
    (tmp_path / "prefect.toml").write_text("mine")

    refused = run_cli("deploy", ".", cwd=tmp_path, expect=3)

    assert "prefect.toml" in refused.stderr
    assert "--force" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["prefect.toml"]
    run_cli("deploy", ".", "--force", cwd=tmp_path)
    assert (tmp_path / "prefect.toml").read_text() == (ROOT / "prefect.toml").read_text()
