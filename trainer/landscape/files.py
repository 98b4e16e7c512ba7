"""The files that a landscape becomes in a bundle."""

from trainer.charts import render_png, render_svg
from trainer.landscape.contours import draw_planes
from trainer.landscape.document import PATH, LandscapeDocument, encode_landscape
from trainer.landscape.lines import draw_lines
from trainer.landscape.relief import draw_surfaces


def landscape_files(document: LandscapeDocument, name: str) -> dict[str, bytes]:
    """Return content by path: the grids, and every picture of them.

    ``landscape.svg`` and ``.png`` show the network's random plane;
    ``landscape/*`` the same in relief, the trajectory, the line, and the strengths side
    by side.
    """
    first = document.planes[0]
    random = [p for p in document.planes if p.directions == "random"]
    around = draw_planes([first], document, f"{name}: around the trained network")
    files = {
        PATH: encode_landscape(document),
        "landscape.svg": render_svg(around),
        "landscape.png": render_png(around),
        "landscape/surface.png": draw_surfaces(first, f"{name}: the same in relief"),
    }
    lines = draw_lines(document.lines, f"{name}: along one direction")
    files["landscape/line.svg"] = render_svg(lines)
    if document.trajectory is not None:
        ways = [p for p in document.planes if p.directions == "trajectory"]
        shares = document.trajectory.explained_variance
        title = (
            f"{name}: the training's way; its two directions explain "
            f"{shares[0]:.0%} and {shares[1]:.0%} of the variance"
        )
        drawn = draw_planes(ways, document, title)
        files["landscape/trajectory.svg"] = render_svg(drawn)
        files["landscape/trajectory.png"] = render_png(drawn)
    if len(random) > 1:
        drawn = draw_planes(random, document, f"{name}: strengths side by side")
        files["landscape/strengths.svg"] = render_svg(drawn)
        files["landscape/strengths.png"] = render_png(drawn)
    return files
