"""From a bundle or a configuration to a bundle with its landscape."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from explainers.bundle import read_bundle
from trainer.config import Config, load_config
from trainer.errors import ConfigError
from trainer.export.write import check_target, write_model
from trainer.landscape.document import LandscapeDocument
from trainer.landscape.files import landscape_files
from trainer.landscape.recorder import Recorder
from trainer.landscape.subject import subject_of
from trainer.landscape.survey import Settings, survey
from trainer.pipeline import Trained, train
from trainer.reopen import Shown, next_version, reopen, write_enriched


@dataclass(frozen=True)
class Request:
    """What the command was asked for; see cli.py."""

    source: Path
    out: Path | None
    data: Path
    compare: Sequence[float]
    settings: Settings


@dataclass(frozen=True)
class Written:
    """The bundle that was written, and what it now holds."""

    directory: Path
    version: str
    digest: str
    document: LandscapeDocument


def enrich(request: Request) -> Written:
    """Measure, draw and write; raises LeafpathError."""
    if request.source.is_dir():
        return _enrich_bundle(request)
    return _enrich_new(request)


def _enrich_bundle(request: Request) -> Written:
    opened = reopen(request.source, request.data)
    out = request.out or request.source
    check_target(out)
    document = measure(opened.trained, None, request, request.data)
    files = landscape_files(document, opened.bundle.manifest.name)
    version = next_version(opened.bundle.manifest.version)
    digest = write_enriched(
        opened.bundle, out, files, version=version, shown=shown_in_report(files)
    )
    shutil.rmtree(request.settings.scratch, ignore_errors=True)
    return Written(out, version, digest, document)


def _enrich_new(request: Request) -> Written:
    if request.out is None:
        raise ConfigError("a configuration needs --out: where its bundle is written")
    check_target(request.out)
    config, base = load_config(request.source), request.source.parent
    recorder = Recorder()
    trained = train(config, base, progress=request.settings.progress, record=recorder)
    document = measure(trained, recorder, request, base)
    files = landscape_files(document, config.name)
    write_model(trained, request.out)
    written = read_bundle(request.out)
    digest = write_enriched(
        written,
        request.out,
        files,
        version=config.version,
        shown=shown_in_report(files),
    )
    shutil.rmtree(request.settings.scratch, ignore_errors=True)
    return Written(request.out, config.version, digest, document)


def shown_in_report(files: Mapping[str, bytes]) -> Shown:
    """Return what the report shows of the landscape."""
    paths = ("landscape.svg", "landscape/trajectory.svg", "landscape/surface.png")
    there = tuple(path for path in paths if path in files)
    return Shown("landscape", "Loss landscape", there)


def measure(
    trained: Trained, recorder: Recorder | None, request: Request, base: Path
) -> LandscapeDocument:
    """Survey a model, beside the same one trained with other weights."""
    config = trained.prepared.config
    name = label(config) if request.compare else config.name
    subjects = [subject_of(trained, name)]
    for weight in request.compare:
        replace = msgspec.structs.replace
        changed = replace(config.regularizer, weight=weight)
        rival = replace(config, regularizer=changed)
        other = train(rival, base, controls=False, progress=request.settings.progress)
        subjects.append(subject_of(other, label(rival)))
    return survey(subjects, recorder, request.settings)


def label(config: Config) -> str:
    """Return what tells strengths apart: the regularizer and its factor."""
    weight = config.regularizer.weight
    name = config.regularizer.name
    return name if weight is None else f"{name} x {weight:g}"
