"""Shared parts of all charts, which are Vega-Lite specifications drawn by the library's script in the page.

Colours are CSS variables defined in the page's style for light, dark and print, so charts need no redraw when these
change. No text from the data enters a chart.
"""

import math
from collections.abc import Iterable
from typing import Any

Chart = dict[str, Any]

INK, SOFT, RULE = "var(--ink)", "var(--soft)", "var(--rule)"
NORMAL, ALERT, QUIET = "var(--normal)", "var(--alert)", "var(--quiet)"
APART = {"labelOverlap": "greedy", "labelSeparation": 10}
PLAIN, SHORT = "format(datum.value, ',~g')", "format(datum.value, '~s')"
"""Formats of single ticks; an axis-wide format would write all of them in the unit of the largest ("0k")."""


def layer(values: Iterable[Chart], mark: str, encoding: Chart, **style: Any) -> Chart:
    """Return one layer with a mark for each value; `style` are properties of the mark."""
    return {"data": {"values": list(values)}, "mark": {"type": mark, **style}, "encoding": encoding}


def chart(title: str, layers: list[Chart], height: int) -> Chart:
    """Return a chart of layers, as wide as its container and `height` pixels high; `title` is for screen readers."""
    axis = {
        "labelColor": SOFT,
        "titleColor": SOFT,
        "titleFontWeight": "normal",
        "domainColor": RULE,
        "tickColor": RULE,
        "gridColor": RULE,
        "gridOpacity": 0.6,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titlePadding": 8,
    }
    return {
        "description": title,
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "layer": layers,
        "config": {
            "background": "transparent",
            "font": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
            "axis": axis,
            "legend": {"labelColor": INK, "labelFontSize": 12},
            "text": {"fontSize": 11},
            "view": {"stroke": None},
        },
    }


def log_ticks(low: float, high: float) -> list[float]:
    """Return ticks at 1, 2 and 5 times each power of ten, or only at the powers if there are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high < 1e4 * low else (1,)
    ticks = [float(f"{step}e{power}") for power in powers for step in steps]
    return [tick for tick in ticks if low <= tick <= high]
