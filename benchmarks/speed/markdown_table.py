"""Tables in Markdown."""

from collections.abc import Sequence

Cells = Sequence[object]


def markdown(head: Sequence[str], lines: Sequence[Cells]) -> str:
    """Return a table; floats are shown with three digits."""
    rows = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join([*rows, *("| " + " | ".join(map(_shown, line)) + " |" for line in lines)])


def _shown(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.3g}"
    return str(cell)
