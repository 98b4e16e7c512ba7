"""Every error that work in bulk raises.

LeafpathError
├── BulkError    a file cannot be explained, or a directory holds other answers
└── TaskError    the processes or the cluster that should do the work are not there
"""

from explainers.errors import LeafpathError


class BulkError(LeafpathError):
    """A file cannot be explained, or the directory holds the answers of another."""


class TaskError(LeafpathError):
    """Whoever should run the tasks does not, or no longer."""
