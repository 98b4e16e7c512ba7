"""From a bundle or a configuration to a bundle with its gallery."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trainer.enriching import open_source
from trainer.reopen import Shown
from trainer.visualize.gallery import Wish, gallery_files


@dataclass(frozen=True)
class Written:
    """The bundle that was written."""

    directory: Path
    version: str
    digest: str
    pictures: int


def shown_in_report(files: Mapping[str, bytes]) -> Shown:
    """Return what the report shows: the sheet of pictures, or charts.

    Of charts those of the classes, and of what was asked for.
    """
    sheet = tuple(path for path in files if path.endswith("/sheet.png"))
    named = ("gallery/class-", "gallery/asked-")
    charts = tuple(path for path in files if path.startswith(named))
    return Shown("gallery", "What the network looks for", sheet or charts)


def enrich(source: Path, out: Path | None, data: Path, wish: Wish) -> Written:
    """Draw the gallery and write the bundle; raises LeafpathError.

    Parameters
    ----------
    source : a bundle's directory, or a configuration file that is trained first.
    out : where to; a bundle's own directory by default.
    data : the directory that a bundle's data file is looked for in.
    """
    opened = open_source(source, out, data, progress=wish.progress)
    files = gallery_files(opened.trained, wish)
    version, digest = opened.write(files, shown_in_report(files))
    return Written(opened.target, version, digest, len(files) - 1)
