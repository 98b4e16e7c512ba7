"""Every error that training raises on purpose; the command line prints one line.

explainers.errors.LeafpathError
└── TrainingError
    ├── ConfigError          the configuration names something unknown or out of bounds
    ├── DataError            the table cannot be learned from as it is
    ├── DeadRunError         the network learned nothing, after every restart
    ├── SweepError           other runs, rows or versions than this sweep's, or no run
    ├── SurrogateError       the 2018 surrogate foretells nothing; see surrogate.py
    ├── LandscapeError       there is nothing to draw a landscape from
    ├── VisualizationError   a layer or a unit that is not there, an objective of none
    ├── WeightsError         a bundle's weights are missing, or are not its network's
    └── ExportError          a graph cannot be written, or answers otherwise than torch
        └── GradientExportError   the gradient alone; the bundle is written without it
"""

from explainers.errors import LeafpathError


class TrainingError(LeafpathError):
    """Base of every error of the trainer."""


class ConfigError(TrainingError):
    """The configuration names something unknown, or a value is out of bounds."""


class DataError(TrainingError):
    """The table cannot be learned from as it is; the message names the column."""


class DeadRunError(TrainingError):
    """The network answers one class only, or ranks no better than chance."""


class LandscapeError(TrainingError):
    """The landscape cannot be drawn: no plane, or no rows."""


class VisualizationError(TrainingError):
    """The network has no such layer or unit, or the objective cannot be optimised."""


class WeightsError(TrainingError):
    """A bundle holds no weights, or weights that do not answer as its graph does."""


class SweepError(TrainingError):
    """The directory or a worker of a sweep is of another one, or no run finished."""


class SurrogateError(TrainingError):
    """The weight-space surrogate cannot foretell path lengths, so it steers blindly."""


class ExportError(TrainingError):
    """A graph cannot be exported, or does not answer as the torch module does."""


class GradientExportError(ExportError):
    """The gradient cannot be exported; prediction and tree do not depend on it."""


class TrainingWarning(UserWarning):
    """Something that the user should know, but that does not stop the training."""
