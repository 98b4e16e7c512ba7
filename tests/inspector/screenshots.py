"""Draw the pictures of docs/inspector.md: python -m tests.inspector.screenshots.

Takes the models that the page names from the directory that is the only argument, else
from bundles/.
"""

import io
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.api.processes import ROOT, start_server
from tests.inspector.conftest import SIZES, Visit

PICTURES = ROOT / "docs/pictures"


@dataclass(frozen=True)
class View:
    """What is photographed: the page of a state, or one card of it by its heading.

    Of a state that names no example, the first one: tree and network disagree there, if
    they do anywhere.
    """

    state: dict
    card: str | None = None
    size: str = "desktop"
    scheme: str = "light"


CANCER = {"model": "breast-cancer"}
EXAMPLE = CANCER | {"example": 1}
MODEL = {"model": "breast-cancer-swept", "view": "model"}
DIGIT = {"model": "digits", "method": "layer_cam"}
VIEWS = {
    "inspector": View(EXAMPLE),
    "inspector-large-tree": View({"model": "image-segments"}, scheme="dark"),
    "inspector-sequence": View({"model": "signal-and-noise", "example": 1}),
    "inspector-picture": View(DIGIT, scheme="dark"),
    "inspector-regions": View(
        {"model": "image-segments-by-region", "example": 3},
        card="Does the tree speak for it?",
    ),
    "inspector-model": View(MODEL),
    "inspector-frontier": View(MODEL, "Short explanations against faithful ones"),
    "inspector-evaluation": View(MODEL, "How good the explanations are"),
    "inspector-phone": View(EXAMPLE, size="phone", scheme="dark"),
}


def main(bundles: Path) -> None:
    """Photograph every view of a server over these bundles."""
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        server = start_server(Path(directory), bundles, workers=1)
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium")
        try:
            for name, view in VIEWS.items():
                width, height = SIZES[view.size]
                viewport = {"width": width, "height": height}
                context = browser.new_context(
                    viewport=viewport, color_scheme=view.scheme
                )
                photograph(Visit(context.new_page(), server), name, view)
                context.close()
        finally:
            browser.close()
            server.stop()


def photograph(visit: Visit, name: str, view: View) -> None:
    """Show a view, and keep its picture."""
    visit.open(**view.state)
    if not {"example", "view"} & set(view.state):
        visit.field("Example").select_option(index=1)
        visit.settle()
    visit.page.wait_for_load_state("networkidle")
    if view.card is None:
        raw = visit.page.screenshot(full_page=True)
    else:
        raw = visit.card(view.card).screenshot()
    picture = Image.open(io.BytesIO(raw)).convert("RGB")
    # A palette takes a third of the bytes; this way of choosing it keeps rare colours.
    picture = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=0)
    picture.save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "bundles")
