"""From a bundle or a configuration to a bundle with its landscape."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from trainer.config import Config
from trainer.enriching import open_source
from trainer.errors import ConfigError
from trainer.landscape.document import LandscapeDocument
from trainer.landscape.files import landscape_files
from trainer.landscape.recorder import Recorder
from trainer.landscape.subject import subject_of
from trainer.landscape.survey import Settings, survey
from trainer.pipeline import Trained, train
from trainer.reopen import Shown


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
    recorder = None if request.source.is_dir() else Recorder()
    opened = open_source(
        request.source,
        request.out,
        request.data,
        progress=request.settings.progress,
        record=recorder,
    )
    document = measure(opened.trained, recorder, request, opened.base)
    files = landscape_files(document, opened.trained.prepared.config.name)
    version, digest = opened.write(files, shown_in_report(files))
    shutil.rmtree(request.settings.scratch, ignore_errors=True)
    return Written(opened.target, version, digest, document)


IN_REPORT = ("line.svg", "trajectory.png", "surface.png", "strengths.png")


def shown_in_report(files: Mapping[str, bytes]) -> Shown:
    """Return what the report shows of the landscape."""
    paths = ("landscape.png", *(f"landscape/{name}" for name in IN_REPORT))
    there = tuple(path for path in paths if path in files)
    return Shown("landscape", "Loss landscape", there)


def measure(
    trained: Trained, recorder: Recorder | None, request: Request, base: Path
) -> LandscapeDocument:
    """Survey a model, beside the same one trained with other weights."""
    config = trained.prepared.config
    name = label(config) if request.compare else config.name
    subjects = [subject_of(trained, name)]
    for rival in weigh(config, request.compare):
        other = train(rival, base, controls=False, progress=request.settings.progress)
        subjects.append(subject_of(other, label(rival)))
    return survey(subjects, recorder, request.settings)


def weigh(config: Config, weights: Sequence[float]) -> list[Config]:
    """Return the configuration with each weight of its regularizer, each once.

    Raises
    ------
    ConfigError
        There is nothing to weigh.
    """
    regularizer = config.regularizer
    if weights and regularizer.name == "none":
        raise ConfigError(
            "--compare sets the weight of the regularizer, and [regularizer] name is "
            "'none'"
        )
    replace = msgspec.structs.replace
    return [
        replace(config, regularizer=replace(regularizer, weight=weight))
        for weight in dict.fromkeys(weights)
    ]


def label(config: Config) -> str:
    """Return what tells strengths apart: the regularizer and its factor."""
    weight = config.regularizer.weight
    name = config.regularizer.name
    return name if weight is None else f"{name} x {weight:g}"
