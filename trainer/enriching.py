"""From a bundle or a configuration to a bundle with more in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from explainers.bundle import Bundle, read_bundle
from trainer.charts import check_extra
from trainer.config import load_config
from trainer.errors import ConfigError
from trainer.export.write import check_target, write_model
from trainer.fit import Record
from trainer.pipeline import Trained, train
from trainer.reopen import Shown, next_version, reopen, write_enriched


@dataclass(frozen=True)
class Source:
    """A trained model, and where its bundle goes.

    ``base`` is the directory that its data's path is relative to; ``bundle`` the one
    that it was opened from, None where it was trained just now.
    """

    trained: Trained
    base: Path
    target: Path
    bundle: Bundle | None

    def write(self, added: Mapping[str, bytes], shown: Shown) -> tuple[str, str]:
        """Write the bundle with further files; return its version and digest.

        A bundle that was opened becomes a new version.
        """
        if self.bundle is None:
            write_model(self.trained, self.target)
            bundle = read_bundle(self.target)
            version = bundle.manifest.version
        else:
            bundle = self.bundle
            version = next_version(bundle.manifest.version)
        digest = write_enriched(
            bundle, self.target, added, version=version, shown=shown
        )
        return version, digest


def open_source(
    source: Path,
    out: Path | None,
    data: Path,
    *,
    progress: bool,
    record: Record | None = None,
) -> Source:
    """Open a bundle, or train what a configuration describes; raises LeafpathError.

    Parameters
    ----------
    source : a bundle's directory, or a configuration file.
    out : where the bundle will be written; a bundle's own directory by default.
    data : the directory that a bundle's data file is looked for in.
    record : see ``fit``; of a training alone.
    """
    check_extra()
    if source.is_dir():
        opened = reopen(source, data)
        target = out or source
        check_target(target)
        return Source(opened.trained, data, target, opened.bundle)
    if out is None:
        raise ConfigError("a configuration needs --out: where its bundle is written")
    check_target(out)
    base = source.parent
    trained = train(load_config(source), base, progress=progress, record=record)
    return Source(trained, base, out, None)
