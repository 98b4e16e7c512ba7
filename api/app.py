"""The application: what it is made of, in the order in which a request meets it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Flask

from api import (
    access,
    deadlines,
    documentation,
    error_handlers,
    host_header,
    logs,
    quotas,
    request_log,
    security_headers,
)
from api.admission import CostlyWork
from api.cache import open_cache
from api.caps import put_on
from api.converters import ModelName
from api.disk_space import DiskCollector, where_written
from api.explaining import ExplanationService
from api.inspector import pages
from api.jobs.collector import JobCollector
from api.jobs.jobs import Jobs
from api.jobs.submission import answer_job
from api.key_files import good_files
from api.keys import read_keys
from api.metrics import Metrics
from api.model_store import open_store
from api.routes import BLUEPRINTS
from api.service import EXTENSION, Service
from api.settings import Settings, process_settings
from api.spending import Ledger


class Application(Flask):
    """Flask, told that no handler is a coroutine."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the handler as it is; asking each time costs 20 us a request."""
        return func


def create_app(settings: Settings | None = None) -> Flask:
    """Build the server. Call it after fork: it loads the models.

    Parameters
    ----------
    settings : read from the environment when not given.

    Raises
    ------
    SettingsError
        The server cannot start; the message says what to change.
    """
    logs.configure()
    settings = settings or process_settings()
    metrics = Metrics()
    app = Application(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # a double slash is another path, not a redirect
    app.url_map.converters["model"] = ModelName
    app.extensions[EXTENSION] = _build_service(settings, metrics)
    request_log.register(app, metrics)
    host_header.register(app, settings)
    access.register(app)
    quotas.register(app)
    deadlines.register(app, settings)
    security_headers.register(app)
    error_handlers.register(app)
    pages.register(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    _describe(app)
    return app


def _build_service(settings: Settings, metrics: Metrics) -> Service:
    settings, refused_files = good_files(settings)
    store = put_on(open_store(settings), settings.caps)
    metrics.models(store)
    metrics.refused_files(refused_files)
    # One thread is always left for predictions, probes and cached answers.
    costly = CostlyWork(max(1, settings.threads - 1))
    cache = open_cache(settings, metrics.cache)
    explanations = ExplanationService(cache, costly)
    jobs = Jobs(settings, partial(answer_job, store.models, explanations, metrics))
    metrics.add(JobCollector(jobs))
    metrics.add(DiskCollector(where_written(settings)))
    return Service(
        settings=settings,
        store=store,
        explanations=explanations,
        jobs=jobs,
        metrics=metrics,
        keys=read_keys(settings.api_keys_file) if settings.api_keys_file else None,
        ledger=Ledger(cache),
        refused_files=refused_files,
    )


def _describe(app: Flask) -> None:
    service: Service = app.extensions[EXTENSION]
    models = {name: served.model for name, served in service.store.models.items()}
    documentation.register(app, models, keyed=service.keys is not None)
