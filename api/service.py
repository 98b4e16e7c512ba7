"""What a request handler needs, in one place; made once by ``create_app``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from flask import current_app

from api.explaining import ExplanationService
from api.jobs.jobs import Jobs
from api.keys import KeyRing
from api.metrics import Metrics
from api.model_store import ModelStore
from api.settings import Settings
from api.spending import Ledger

EXTENSION = "leafpath"


@dataclass(frozen=True)
class Service:
    """The state of the server: models, cached explanations, jobs, keys and quotas.

    ``refused_files`` are files of keys that are used as they were before, by variable,
    with what is wrong now.
    """

    settings: Settings
    store: ModelStore
    explanations: ExplanationService
    jobs: Jobs
    metrics: Metrics
    keys: KeyRing | None
    ledger: Ledger
    refused_files: Mapping[str, str]


def service() -> Service:
    """Return the service of the application that handles this request."""
    return cast(Service, current_app.extensions[EXTENSION])
