"""MkDocs hooks: files at the top of the repository are pages of the site too, and links to them lead there."""

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PROJECT = {
    "README.md": "project/readme.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "benchmarks/README.md": "project/benchmarks.md",
}
"""Path in the repository -> page of the site; those that are not there are left out."""
LINK = re.compile(r"(\]\()(?!https?:|#)([^)#\s]+)")


def on_files(files: Any, config: Any) -> Any:
    """Add the project's pages to those of `docs/`."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - installed by `make docs` only

    for source, page in PROJECT.items():
        if (ROOT / source).exists():
            files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Point links at pages of the site instead of files of the repository."""
    return relinked(markdown, page.file.src_uri)


def relinked(markdown: str, page: str, pages: Mapping[str, str] = PROJECT) -> str:
    """Return a page's text with its links as the site needs them.

    Args:
        markdown: the page as it is in the repository, where links are relative to its file.
        page: its path in the site.
        pages: path in the repository -> page of the site.
    """
    source = {target: origin for origin, target in pages.items()}.get(page, f"docs/{page}")

    def moved(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), found[2]))
        there = pages.get(target, target.removeprefix("docs/"))
        return found[1] + posixpath.relpath(there, posixpath.dirname(page) or ".")

    return LINK.sub(moved, markdown)
