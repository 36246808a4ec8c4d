"""The wheel, installed: the command line, a flow and an installation work beside a package `flows` of the user's own.

The wheel is built and installed by pip, without its dependencies: the fresh environment sees those of the environment
that runs the tests, through a `.pth` file, as torch alone would take longer to fetch than all tests to run. A checkout
on that path is not seen, as `.pth` files do not chain.
"""

import json
import os
import socket
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import ZipFile

import pytest
from ruamel.yaml import YAML
from tests_support import write_table

ROOT = Path(__file__).parents[2]

LOAD = """
import sys
from prefect.flows import load_flow_from_entrypoint
print(*(load_flow_from_entrypoint(entrypoint).name for entrypoint in sys.argv[1:]))
"""

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Environment:
    """A virtual environment in which the wheel is installed, and a directory to work in.

    Attributes:
        home: of the virtual environment.
        directory: where commands are started.
        variables: what the commands find in their environment.
    """

    home: Path
    directory: Path
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, program: str, *arguments: str, cwd: Path | None = None) -> str:
        """Run a program of the environment, which must succeed; return what it prints."""
        command = [str(self.home / "bin" / program), *arguments]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PREFECT_"))}
        done = subprocess.run(  # noqa: S603 - ours
            command, cwd=cwd or self.directory, env=kept | self.variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout


def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the pip of the environment that runs the tests."""
    command = [sys.executable, "-m", "pip", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - ours


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as pip builds it."""
    built = tmp_path_factory.mktemp("wheel")
    if (found := pip("download", "--quiet", "--no-deps", "--dest", str(built / "backend"), "hatchling")).returncode:
        pytest.skip(f"pip cannot fetch hatchling, so no wheel is built: {found.stderr.strip()}")
    made = pip("wheel", "--quiet", "--no-deps", "--wheel-dir", str(built), str(ROOT))
    assert made.returncode == 0, made.stderr
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A fresh environment with the wheel, and a directory with a table and a package `flows` that is not ours."""
    home, directory = tmp_path_factory.mktemp("environment"), tmp_path_factory.mktemp("project")
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    installed = pip("--python", str(python), "install", "--quiet", "--no-deps", str(wheel))
    assert installed.returncode == 0, installed.stderr
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    (directory / "flows").mkdir()
    for name in ("__init__", "pipeline", "installation", "train"):
        (directory / "flows" / f"{name}.py").write_text("raise RuntimeError('not the flows of this package')")
    write_table(directory / "plant.csv")
    return Environment(home, directory)


def test_the_wheel_holds_one_package(wheel: Path) -> None:
    """One import name, with the flows inside; types, templates and licences are in it, tests and scripts are not."""
    names = ZipFile(wheel).namelist()
    (metadata,) = {name.partition("/")[0] for name in names} - {"anomaly_ae"}

    assert metadata.endswith(".dist-info")
    for name in ("py.typed", "flows/pipeline.py", "flows/deployment/prefect.yaml"):
        assert f"anomaly_ae/{name}" in names
    assert f"{metadata}/licenses/anomaly_ae/report/vendor/LICENSES.txt" in names
    assert not [name for name in names if "test" in name or name.endswith("make.py")]


def test_the_wheel_is_what_is_tested(environment: Environment) -> None:
    """Package and flows come from the environment, not from the checkout, and nothing of ours is called `flows`."""
    code = "import anomaly_ae.flows; print(anomaly_ae.__file__, anomaly_ae.flows.__file__)"

    printed = environment.run("python", "-c", code, cwd=environment.home).split()

    assert all(path.startswith(str(environment.home)) for path in printed)
    environment.run("python", "-c", "import importlib.util as u; assert not u.find_spec('flows')", cwd=environment.home)


def test_init_and_run(environment: Environment) -> None:
    """The two commands lead from a CSV to a report."""
    environment.run("anomaly-ae", "init", "plant.csv")
    made = json.loads(environment.run("anomaly-ae", "run", "--json", "--set", "training.steps=30"))

    assert Path(made["report"]).is_file()


@pytest.fixture(scope="module")
def installation(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """An installation that `deploy` wrote, and that is up."""
    environment.run("anomaly-ae", "deploy", "installation")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    url = f"http://127.0.0.1:{port}/api"
    temporary = tmp_path_factory.mktemp("temporary")  # of Prefect's worker, which leaves a folder there
    variables = {"PREFECT_SERVER_API_PORT": port, "PREFECT_API_URL": url, "TMPDIR": str(temporary)}
    one = Environment(environment.home, environment.directory / "installation", variables)
    try:
        one.run("python", "-m", "anomaly_ae.flows.installation", "up")
        yield one
    finally:
        one.run("python", "-m", "anomaly_ae.flows.installation", "down")


def test_every_deployment_names_an_installed_flow(installation: Environment) -> None:
    """What `prefect.yaml` names can be imported, and the server knows every deployment."""
    deployments = YAML(typ="safe").load(installation.directory / "prefect.yaml")["deployments"]

    flows = installation.run("python", "-c", LOAD, *(one["entrypoint"] for one in deployments)).split()

    known = installation.run("python", "-m", "prefect", "deployment", "ls")
    assert len(flows) == len(deployments)
    for flow, deployment in zip(flows, deployments, strict=True):
        assert f"{flow}/{deployment['name']}" in known


def test_a_flow_runs_beside_a_package_flows(installation: Environment) -> None:
    """`python -m anomaly_ae.flows.pipeline` runs the package's flow from a directory with a package `flows`."""
    beside = Environment(installation.home, installation.directory.parent, installation.variables)

    beside.run("python", "-m", "anomaly_ae.flows.pipeline", "anomaly_ae.yaml", "workspace=runs", "training.steps=30")

    assert list((beside.directory / "runs").glob("scored/*/report.html"))


def test_a_worker_runs_a_deployment(installation: Environment) -> None:
    """The worker finds the flow of a deployment in the installed package."""
    asked = json.dumps({"data": {"source": "data/breast_cancer/breast_cancer.csv", "id": "id"}})

    command = ("python", "-m", "prefect", "--no-prompt", "deployment", "run", "ingest/on-demand")
    installation.run(*command, "-p", f"parameters={asked}", "--watch")

    assert list(installation.directory.glob("anomaly_ae_runs/datasets/*/manifest.json"))
