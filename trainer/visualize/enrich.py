"""From a bundle or a configuration to a bundle with its gallery."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from explainers.bundle import read_bundle
from trainer.config import load_config
from trainer.errors import ConfigError
from trainer.export.write import check_target, write_model
from trainer.pipeline import train
from trainer.reopen import Shown, next_version, reopen, write_enriched
from trainer.visualize.gallery import Wish, gallery_files


@dataclass(frozen=True)
class Written:
    """The bundle that was written."""

    directory: Path
    version: str
    digest: str
    pictures: int


def shown_in_report(files: Mapping[str, bytes]) -> Shown:
    """Return what the report shows: the sheet of pictures, or the classes' charts."""
    sheet = tuple(path for path in files if path.endswith("/sheet.png"))
    classes = tuple(path for path in files if "/class-" in path)
    return Shown("gallery", "What the network looks for", sheet or classes)


def enrich(source: Path, out: Path | None, data: Path, wish: Wish) -> Written:
    """Draw the gallery and write the bundle; raises LeafpathError.

    Parameters
    ----------
    source : a bundle's directory, or a configuration file that is trained first.
    out : where to; a bundle's own directory by default.
    data : the directory that a bundle's data file is looked for in.
    """
    if source.is_dir():
        target = out or source
        check_target(target)
        opened = reopen(source, data)
        files = gallery_files(opened.trained, wish)
        bundle, version = opened.bundle, next_version(opened.bundle.manifest.version)
    else:
        if out is None:
            raise ConfigError(
                "a configuration needs --out: where its bundle is written"
            )
        target = out
        check_target(target)
        config = load_config(source)
        trained = train(config, source.parent, progress=wish.progress)
        files = gallery_files(trained, wish)
        write_model(trained, target)
        bundle, version = read_bundle(target), config.version
    digest = write_enriched(
        bundle, target, files, version=version, shown=shown_in_report(files)
    )
    return Written(target, version, digest, len(files) - 1)
