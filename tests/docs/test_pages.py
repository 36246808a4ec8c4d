"""The documentation is true: links lead somewhere, the reference is what the code says, queries run."""

import importlib.util
import json
import re
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tests_support import run_cli, write_table

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PROJECT = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/README.md", "data/README.md")
PAGES = [*sorted(DOCS.rglob("*.md")), *(ROOT / name for name in PROJECT if (ROOT / name).exists())]
NO_PROSE = re.compile(r"^```.*?^```$|<!--.*?-->", re.DOTALL | re.MULTILINE)
OF_REPOSITORY = re.compile(r"`((?:anomaly_ae|tests|benchmarks|docs|data|flows)/[\w./-]*)`")


def load_script(name: str) -> object:
    """Import a script of `docs/`, which is no package."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def name_of(page: Path) -> str:
    """Return a page's path in the repository."""
    return page.relative_to(ROOT).as_posix()


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", NO_PROSE.sub("", page.read_text(encoding="utf-8")), flags=re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that is there and, after a #, one of its headings."""
    text = NO_PROSE.sub("", page.read_text(encoding="utf-8"))

    for link in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_named_paths_exist(page: Path) -> None:
    """Files and directories of the repository that a page names are there."""
    for path in OF_REPOSITORY.findall(page.read_text(encoding="utf-8")):
        assert (ROOT / path).exists() or (page.parent / path).exists(), path


def test_every_page_is_in_the_navigation() -> None:
    """The site's navigation lists each page of `docs/`, and no page twice."""
    nav = YAML(typ="safe", pure=True).load(ROOT / "mkdocs.yml")["nav"]
    listed = [path for path in leaves(nav) if not path.startswith("project/")]

    assert sorted(listed) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


def leaves(nav: object) -> list[str]:
    """Return the paths of a navigation, however deep."""
    if isinstance(nav, str):
        return [nav]
    assert isinstance(nav, list | dict)
    return [path for part in (nav.values() if isinstance(nav, dict) else nav) for path in leaves(part)]


def test_reference_is_current() -> None:
    """The committed pages are those that `python docs/make_reference.py` writes."""
    made = load_script("make_reference").pages()  # type: ignore[attr-defined] # a script

    written = {page.name: page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md")}
    assert written.keys() == made.keys()
    for name, text in made.items():
        assert written[name] == text, f"docs/reference/{name} is stale: run `python docs/make_reference.py`"


def test_site_links_follow_the_pages() -> None:
    """Links between `docs/` and the top of the repository lead to the pages of the site."""
    relinked = load_script("site_hooks").relinked  # type: ignore[attr-defined] # a script

    assert relinked("[a](../../SECURITY.md#x)", "operations/install.md") == "[a](../project/security.md#x)"
    assert relinked("[a](docs/guide/tables.md)", "project/readme.md") == "[a](../guide/tables.md)"
    assert relinked("[a](../docs/index.md)", "project/benchmarks.md") == "[a](../index.md)"
    assert relinked("[a](#b) [c](https://d.e)", "index.md") == "[a](#b) [c](https://d.e)"


def test_shown_schedules_are_what_commands_print(tmp_path: Path) -> None:
    """The example outputs of the page on schedules differ from a run of today in numbers and names only."""
    made = load_script("refresh_schedules").outputs(tmp_path)  # type: ignore[attr-defined] # a script
    page = (DOCS / "guide/schedules.md").read_text(encoding="utf-8")

    shown = dict(re.findall(r"<!-- output: (\w+) -->\n```console\n(.*?)```", page, flags=re.DOTALL))
    assert {name: words(text) for name, text in shown.items()} == {name: words(text) for name, text in made.items()}


def words(text: str) -> list[str]:
    """Return the words of an output, whose numbers and fingerprints may differ."""
    return re.sub(r"\b[0-9a-f]{16}\b|[+-]?\d[\d.]*", "#", text).split()


def test_queries_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SQL and the Python of the page on results answer on a scored table."""
    duckdb = pytest.importorskip("duckdb")
    page = (DOCS / "guide/results.md").read_text(encoding="utf-8")
    write_table(tmp_path / "plant.csv")
    run_cli("init", "plant.csv", cwd=tmp_path)
    made = json.loads(run_cli("run", "--json", "--set", "training.steps=30", cwd=tmp_path).stdout)
    monkeypatch.chdir(tmp_path / "anomaly_ae_runs")
    sql, code = (block for kind in ("sql", "python") for block in re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL))

    alerts = duckdb.sql(sql).fetchall()
    exec(compile(code, "docs/guide/results.md", "exec"), {"directory": Path(made["scored"]["directory"])})  # noqa: S102 - the page's own code

    assert len(alerts) == made["scored"]["alerts"] > 0
