"""Draw the pictures of docs/inspector.md: python -m tests.inspector.screenshots.

Takes the demo models (`make demos`) and the examples digits and signal-and-noise from
the directory named as the only argument, else from bundles/.
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.api.processes import ROOT, start_server
from tests.inspector.conftest import SIZES, Visit

PICTURES = ROOT / "docs/pictures"

VIEWS = {
    "inspector": ("desktop", "light", {"model": "breast-cancer", "example": 1}),
    "inspector-large-tree": ("desktop", "dark", {"model": "image-segments"}),
    "inspector-sequence": (
        "desktop",
        "light",
        {"model": "signal-and-noise", "example": 1},
    ),
    "inspector-picture": (
        "desktop",
        "dark",
        {"model": "digits", "example": 0, "method": "layer_cam"},
    ),
    "inspector-model": (
        "desktop",
        "light",
        {"model": "breast-cancer", "view": "model"},
    ),
    "inspector-phone": ("phone", "dark", {"model": "breast-cancer", "example": 1}),
}


def main(bundles: Path) -> None:
    """Photograph every view of a server over these bundles."""
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        server = start_server(Path(directory), bundles, workers=1)
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium")
        try:
            for name, (size, scheme, state) in VIEWS.items():
                width, height = SIZES[size]
                viewport = {"width": width, "height": height}
                context = browser.new_context(viewport=viewport, color_scheme=scheme)
                visit = Visit(context.new_page(), server)
                photograph(visit, name, state)
                context.close()
        finally:
            browser.close()
            server.stop()


def photograph(visit: Visit, name: str, state: dict) -> None:
    """Show a state, or the first disagreement of a model, and keep its picture."""
    visit.open(**state)
    if set(state) == {"model"}:
        visit.field("Example").select_option(index=1)
        visit.settle()
    visit.page.wait_for_load_state("networkidle")
    raw = visit.page.screenshot(full_page=True)
    picture = Image.open(io.BytesIO(raw)).convert("RGB")
    # A palette takes a third of the bytes; this way of choosing it keeps rare colours.
    picture = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=0)
    picture.save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "bundles")
