"""From a bundle to its next version, with evaluation.json and the report's section."""

from dataclasses import dataclass
from pathlib import Path

from explainers.loading import load_model
from trainer.evaluate.document import PATH, Evaluation, encode_evaluation
from trainer.evaluate.measure import Settings, evaluate
from trainer.evaluate.section import KEY, write_section
from trainer.export.write import check_target
from trainer.reopen import next_version, reopen, write_enriched
from trainer.report.pictures import with_section
from trainer.report.write import REPORT


@dataclass(frozen=True)
class Written:
    """The bundle that was written, and what was measured."""

    directory: Path
    version: str
    digest: str
    evaluation: Evaluation


def enrich(source: Path, out: Path | None, data: Path, settings: Settings) -> Written:
    """Measure and write; raises LeafpathError.

    Parameters
    ----------
    source : a bundle's directory. out : where to; ``source`` itself by default.
    data : the directory that a data file is looked for in.
    """
    target = out or source
    check_target(target)
    opened = reopen(source, data)
    bundle = opened.bundle
    found = evaluate(opened.trained, load_model(bundle), settings)
    files = {PATH: encode_evaluation(found)}
    if REPORT in bundle.files:
        section = write_section(found)
        files[REPORT] = with_section(bundle.files[REPORT], KEY, section)
    version = next_version(bundle.manifest.version)
    digest = write_enriched(bundle, target, files, version=version)
    return Written(target, version, digest, found)
