"""The page about thresholds is true: its specs load, its commands and its code run, its table is what is printed."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tests_support import run_cli

from anomaly_ae.spec.file import parse_spec
from anomaly_ae.spec.threshold import RULES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/guide/thresholds.md").read_text(encoding="utf-8")
COMMANDS = [line.split()[1:] for line in PAGE.splitlines() if line.startswith("anomaly-ae calibrate")]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Train on the sample of the page; return the arguments that name it."""
    directory = tmp_path_factory.mktemp("page")
    spec = str(ROOT / "data/machines/spec.yaml")
    sample = ("--spec", spec, "--set", f"workspace={directory}", "--set", "split.validation_anomalies=0.5")
    run_cli("train", *sample, cwd=directory)
    return sample


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_run(command: list[str], settings: tuple[str, ...], tmp_path: Path) -> None:
    """Every command of the page is met on the sample, and says what it promises."""
    printed = run_cli(*command, *settings, cwd=tmp_path).stdout

    assert "threshold" in printed


def test_the_table_is_what_the_command_prints(settings: tuple[str, ...], tmp_path: Path) -> None:
    """Columns and number of lines are equal; figures agree as far as another processor lets them."""
    printed = run_cli("calibrate", "--what-if", *settings, cwd=tmp_path).stdout.splitlines()
    found = re.search(r"<!-- what-if: machines -->\n```text\n(.*?)```", PAGE, flags=re.DOTALL)
    assert found
    shown = found[1].splitlines()

    assert shown[0].split() == printed[0].split()
    for ours, theirs in zip(shown[-5:-1], printed[-5:-1], strict=True):
        alerts = [float(line.split()[1]) for line in (ours, theirs)]
        assert alerts[0] == pytest.approx(alerts[1], rel=0.15)


def test_specs_load() -> None:
    """Every YAML block is a part of a valid spec."""
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL):
        mapping = {"data": {"source": "rows.csv"}}
        parse_spec(mapping | YAML(typ="safe", pure=True).load(block))


def test_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """The Python of the page prints two levels."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)

    exec(compile(code, "docs/guide/thresholds.md", "exec"), {})  # noqa: S102 - the page's own code

    assert "['normal', 'alert']" in capsys.readouterr().out


def test_every_rule_is_on_the_page() -> None:
    """The table of rules lists all there are."""
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)) == set(RULES)
