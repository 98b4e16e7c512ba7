"""Every error of the HTTP layer, and which problem each error becomes. Knows no Flask.

ApiError (a LeafpathError)
├── SettingsError           a setting is unknown, malformed or refused: stops the start
└── RequestError            a request that is refused; its ``kind`` says which problem
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from api.problems import (
    DEADLINE_EXCEEDED,
    INTERNAL,
    INVALID_INSTANCE,
    INVALID_PARAMETER,
    NO_FINITE_ANSWER,
    UNKNOWN_METHOD,
    UNSUPPORTED_METHOD,
    Kind,
)
from explainers.errors import (
    DeadlineError,
    InputError,
    InstanceError,
    LeafpathError,
    NonFiniteError,
    ParameterError,
    UnknownMethodError,
    UnsupportedMethodError,
)


@dataclass(frozen=True)
class Fault:
    """One offending value: where it is, what is wrong, what would have been right."""

    path: str
    problem: str
    allowed: str | None = None


class ApiError(LeafpathError):
    """Base of the errors of the HTTP layer."""


class SettingsError(ApiError):
    """A setting is unknown, malformed or refused; the server does not start."""


class RequestError(ApiError):
    """A request that cannot be answered as it was hoped.

    Parameters
    ----------
    kind : which problem it is. detail : what is wrong with this request, for people.
    errors : the offending values. headers : to add to the answer.
    """

    def __init__(
        self,
        kind: Kind,
        detail: str,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.kind = kind
        self.errors = errors
        self.headers = headers
        super().__init__(detail)


def kind_of(error: LeafpathError) -> Kind:
    """Return the problem that an error of the explainers becomes."""
    if isinstance(error, RequestError):
        return error.kind
    return next(
        (kind for family, kind in _KINDS_OF_ERRORS if isinstance(error, family)),
        INTERNAL,
    )


def faults_of(error: LeafpathError) -> list[Fault]:
    """Return the offending values that an error names."""
    if isinstance(error, InputError):
        return [Fault(error.path, error.problem, error.allowed)]
    return list(error.errors) if isinstance(error, RequestError) else []


_KINDS_OF_ERRORS: tuple[tuple[type[LeafpathError], Kind], ...] = (
    (InstanceError, INVALID_INSTANCE),
    (ParameterError, INVALID_PARAMETER),
    (UnknownMethodError, UNKNOWN_METHOD),
    (UnsupportedMethodError, UNSUPPORTED_METHOD),
    (NonFiniteError, NO_FINITE_ANSWER),
    (DeadlineError, DEADLINE_EXCEEDED),
)
