"""Drawing with matplotlib into SVG text: no display, no font files, no scripts."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

PALETTE = ("#1b6ca8", "#d1495b", "#2e8b57", "#8d6bb1", "#c98a1b", "#5b6770", "#8c564b")
"""Colours that stay apart for the usual colour blindnesses and in print."""
INK, FAINT = "#222222", "#b8bec4"
STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": FAINT,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "font.family": "sans-serif",
    "font.size": 9,
    "grid.color": "#eceff1",
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: searchable, and small
    "svg.hashsalt": "leafpath",  # the same figure has the same bytes
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


@contextmanager
def styled() -> Iterator[None]:
    """Apply the look of all figures."""
    with matplotlib.rc_context(STYLE):
        yield


def draw(
    paint: Callable[[Figure], None], width: float, height: float, title: str
) -> str:
    """Return a figure as one <svg> element.

    Parameters
    ----------
    paint : draws on an empty figure.
    width, height : inches.
    title : what a screen reader says.
    """
    with styled():
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        paint(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return inline(buffer.getvalue(), title)


def inline(svg: str, title: str) -> str:
    """Make an SVG file part of a page: no prolog, no reference to elsewhere.

    Inline styles would be refused under a strict content security policy, so the
    ``style`` attributes that matplotlib writes become presentation attributes.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:xlink)?="[^"]*"', "", svg)
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r'style="([^"]*)"', _as_attributes, svg)
    label = title.replace("&", "and").replace('"', "'").replace("<", "")
    return svg.replace(
        "<svg",
        f'<svg role="img" aria-label="{label}" stroke-linejoin="round" '
        'stroke-linecap="butt"',
        1,
    )


def _as_attributes(match: re.Match[str]) -> str:
    parts = []
    for declaration in match[1].split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name == "font":
            parts += _font(value)
        elif name and name not in {"white-space"}:
            parts.append(f'{name}="{value}"')
    return " ".join(parts)


def _font(value: str) -> list[str]:
    """Split the shorthand "italic 700 9px 'DejaVu Sans', sans-serif"."""
    found = re.search(r"([\d.]+px)", value)
    size = found[1] if found else "9px"
    weight = re.search(r"\b([1-9]00|bold)\b", value)
    attributes = [f'font-size="{size}"', 'font-family="sans-serif"']
    return attributes + ([f'font-weight="{weight[1]}"'] if weight else [])
