"""Rebuild the report's chart engine: `python anomaly_ae/report/vendor/make.py`. Requires npm.

The engine is the official minified builds of Vega, Vega-Lite and Vega-Embed, concatenated below a header. Their code is
unchanged, except that the references to source maps are removed. The same versions give the same file, byte for byte.
The README in this folder says how to upgrade.
"""

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

PLACE = Path(__file__).parent

VERSIONS = {"vega": "6.4.0", "vega-lite": "6.4.3", "vega-embed": "7.3.0"}
"""Versions by package, in the order of concatenation: later builds use what earlier ones define."""

NOT_IN_BUILDS = {"@types/estree", "@types/geojson", "commander", "iconv-lite", "rw", "yargs"}
"""Dependencies used only by a compiler or a command line, so that none of their code is in the builds."""

UNSAFE = ("</script", "<!--", "\r", "\0")
"""Text that an HTML parser would take for markup, or would replace, which breaks the hash in the page's policy."""


def make() -> None:
    """Install the packages in a temporary directory, and write the engine, its hash and the licences to this folder."""
    with tempfile.TemporaryDirectory() as directory:
        packages = _install(Path(directory))
        engine, licences = _join(packages).encode(), _licences(packages).encode()
    (PLACE / "vega.min.js").write_bytes(engine)
    (PLACE / "vega.min.js.sha256").write_text(f"{hashlib.sha256(engine).hexdigest()}  vega.min.js\n", encoding="ascii")
    (PLACE / "LICENSES.txt").write_bytes(licences)


def _install(directory: Path) -> Path:
    """Install the packages and their dependencies, without running install scripts, and return where they are."""
    npm = shutil.which("npm")
    if npm is None:
        message = "npm is not installed"
        raise SystemExit(message)
    wanted = [f"{name}@{version}" for name, version in VERSIONS.items()]
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(directory)]
    subprocess.run([npm, "install", *options, *wanted], check=True)  # noqa: S603 - all arguments are ours
    return directory / "node_modules"


def _join(packages: Path) -> str:
    """Return the builds as one script, below a header that gives their versions and their licence."""
    named = ", ".join(f"{name} {version}" for name, version in VERSIONS.items())
    licence = _licence(packages / "vega")
    parts = [f"/*!\n{named}, concatenated. Their licence:\n\n{licence}\n*/"]
    for name in VERSIONS:
        build = (packages / name / "build" / f"{name}.min.js").read_text(encoding="utf-8")
        parts.append(re.sub(r"^//# sourceMappingURL=.*$", "", build, flags=re.MULTILINE).strip())
    engine = "\n".join(parts) + "\n"
    found = [text for text in UNSAFE if text in engine.lower()]
    if found:
        message = f"a script element cannot hold {found}"
        raise SystemExit(message)
    return engine


def _licences(packages: Path) -> str:
    """Return the licence of every package in the builds; packages that share a text are listed above it."""
    holders: dict[str, list[str]] = {}
    for name in sorted(_contained(packages)):
        holders.setdefault(_licence(packages / name), []).append(name)
    rule = "-" * 80
    return f"\n\n{rule}\n\n".join(f"{', '.join(names)}\n\n{text}" for text, names in holders.items()) + "\n"


def _contained(packages: Path) -> set[str]:
    """Return the names of the packages whose code is in the builds."""
    contained: set[str] = set()
    waiting = list(VERSIONS)
    while waiting:
        name = waiting.pop()
        if name in contained or name in NOT_IN_BUILDS:
            continue
        contained.add(name)
        described: dict[str, Any] = json.loads((packages / name / "package.json").read_text(encoding="utf-8"))
        waiting += described.get("dependencies", {})
    return contained


def _licence(package: Path) -> str:
    """Return the licence text that a package ships."""
    found = next(file for file in package.iterdir() if file.name.lower().startswith("licen"))
    return "\n".join(line.rstrip() for line in found.read_text(encoding="utf-8").strip().splitlines())


if __name__ == "__main__":
    make()
