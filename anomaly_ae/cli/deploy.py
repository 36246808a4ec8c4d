"""The command that writes the files of an installation with Prefect into a directory of the user's own.

The templates are the files with which a checkout is itself an installation. A wheel carries them beside the flows,
which are `anomaly_ae.flows` there and `flows` in a checkout; what is written uses the name that can be imported.
"""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

import anomaly_ae
from anomaly_ae.cli.commands import app
from anomaly_ae.errors import SpecError
from anomaly_ae.storage import write_bytes

CONFIGURATION = ("prefect.yaml", "prefect.toml", "production.env")
SAMPLE = tuple(f"data/breast_cancer/{name}" for name in ("breast_cancer.csv", "spec.yaml", "README.md"))
GUIDE = "DEPLOYMENT.md"

_NEXT_STEPS = """\
# Scheduled anomaly detection

Written by `anomaly-ae deploy`; every file is yours to edit.

| file | what it holds |
|---|---|
| prefect.yaml | the deployments: sources, schedules, workspaces |
| prefect.toml | Prefect's settings for commands started in this directory: quiet, local, offline |
| production.env | settings of a server that other machines can reach |
| data/ | a sample table, so that the first run has rows to train on |

In this directory:

```console
pip install "anomaly_ae[flows]"
anomaly-ae run --spec data/breast_cancer/spec.yaml --set workspace=anomaly_ae_runs    # a first model
python -m flows.installation up      # starts a server and a worker, applies prefect.yaml, prints where the UI is
python -m flows.installation down    # stops both
```

For data of your own, edit `source`, `name` and `schedules` in prefect.yaml and run `up` again.
"""


@app.command()
def deploy(
    directory: Annotated[
        Path, typer.Argument(help="Where to write; created if missing.", metavar="DIR", file_okay=False)
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
) -> None:
    """Write the files that schedule the flows with Prefect: deployments, settings, a sample to start with."""
    files = {directory / name: content for name, content in deployment_files()}
    existing = [str(path) for path in files if path.exists()]
    if existing and not force:
        msg = f"these files exist: {', '.join(existing)}; --force replaces them, or name another directory"
        raise SpecError(msg)
    for path, content in files.items():
        write_bytes(path, content)
        typer.echo(f"wrote {path}")
    if find_spec("prefect") is None:
        typer.echo("next: pip install 'anomaly_ae[flows]'")
    typer.echo(f"next: cd {directory} && python -m {flows_package()}.installation up")


def deployment_files() -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file that `deploy` writes."""
    templates = _templates_directory()
    for name in CONFIGURATION:
        yield name, _name_flows((templates / name).read_text(encoding="utf-8")).encode()
    for name in SAMPLE:
        yield name, (templates / name).read_bytes()
    yield GUIDE, _name_flows(_NEXT_STEPS).encode()


def _templates_directory() -> Path:
    """Return the directory of the templates: beside the flows in a wheel, the root of a checkout."""
    package = Path(anomaly_ae.__file__).parent
    packaged = package / "flows" / "deployment"
    return packaged if packaged.is_dir() else package.parent


def flows_package() -> str:
    """Return the name under which the flows can be imported: `anomaly_ae.flows`, or `flows` in a checkout."""
    return "flows" if find_spec("anomaly_ae.flows") is None else "anomaly_ae.flows"


def _name_flows(text: str) -> str:
    """Replace `flows`, where a module of it is named, by the name under which the flows can be imported."""
    return re.sub(r"\bflows\.(?=[a-z])", f"{flows_package()}.", text)
