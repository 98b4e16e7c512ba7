"""Vega charts to SVG and PNG, on the trainer's side: the API only serves the files."""

import importlib.util
import io
from typing import Any

from PIL import Image

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


def check_extra() -> None:
    """Refuse to begin what could not be drawn at the end; raises TrainingError."""
    if importlib.util.find_spec("vl_convert") is None:
        raise TrainingError("drawing needs the extra viz: pip install 'leafpath[viz]'")


def render_svg(spec: dict[str, Any]) -> bytes:
    """Return a Vega specification drawn as SVG."""
    import vl_convert

    drawn: str = vl_convert.vega_to_svg(spec)
    return drawn.encode()


def render_png(spec: dict[str, Any], scale: float = 1.5) -> bytes:
    """Return a Vega specification drawn as PNG, ``scale`` pixels a unit."""
    import vl_convert

    drawn = Image.open(io.BytesIO(vl_convert.vega_to_png(spec, scale=scale)))
    return pack_png(drawn.convert("RGB"))  # its background is opaque


def pack_png(picture: Image.Image) -> bytes:
    """Return a PNG file, packed as far as it goes: a third of vl-convert's."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
