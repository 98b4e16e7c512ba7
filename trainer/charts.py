"""Vega charts to SVG and PNG, on the trainer's side: the API only serves the files."""

from typing import Any

from trainer.errors import TrainingError

INK, FAINT, GRID = "#1b1b1b", "#6b6b6b", "#e4e4e4"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's colours, told apart by colour-blind readers."""
CONFIG: dict[str, Any] = {
    "background": "white",
    "axis": {
        "labelColor": FAINT,
        "titleColor": INK,
        "titleFontWeight": "normal",
        "gridColor": GRID,
        "domainColor": FAINT,
        "tickColor": FAINT,
    },
    "title": {"color": INK, "fontWeight": 600, "subtitleColor": FAINT},
    "legend": {"labelColor": INK, "titleColor": FAINT, "titleFontWeight": "normal"},
}


def render_svg(spec: dict[str, Any]) -> bytes:
    """Return a Vega specification drawn as SVG."""
    drawn: str = _converter().vega_to_svg(spec)
    return drawn.encode()


def render_png(spec: dict[str, Any], scale: float = 1.5) -> bytes:
    """Return a Vega specification drawn as PNG, ``scale`` pixels a unit."""
    drawn: bytes = _converter().vega_to_png(spec, scale=scale)
    return drawn


def _converter() -> Any:
    try:
        import vl_convert
    except ModuleNotFoundError as error:
        raise TrainingError(
            "drawing needs the extra viz: pip install 'leafpath[viz]'"
        ) from error
    return vl_convert
