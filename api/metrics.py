"""What Prometheus reads. Every label takes a bounded set of values."""

import functools
import os
import time
from collections.abc import Collection
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Summary,
    generate_latest,
)
from prometheus_client.registry import Collector

from api.cache import CacheEvent
from api.metric_files import AllWorkers
from api.model_store import ModelStore
from api.model_use import Use
from api.training_range import Unusual
from explainers.masks import count_true
from explainers.model import Model, Prediction

CONTENT_TYPE = CONTENT_TYPE_LATEST

MULTIPROCESS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus-client's own variable: where the workers of one server meet."""

METHODS = frozenset(["GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"])

_LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


_BEYOND = {"numeric": "out_of_range", "categorical": "unseen_category"}


class Metrics:
    """The metrics of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "leafpath_requests",
            "Requests answered.",
            ["route", "method", "status"],
            registry=self._registry,
        )
        self._latency = Histogram(
            "leafpath_request_duration_seconds",
            "Time from the first byte in the application to the answer.",
            ["route", "model"],
            buckets=_LATENCY_S,
            registry=self._registry,
        )
        self._cache = Counter(
            "leafpath_cache_events",
            "What the cache of explanations did, by tier.",
            ["tier", "event"],
            registry=self._registry,
        )
        self._agreement = Counter(
            "leafpath_tree_agreement",
            "Instances answered, by whether the tree agreed with its network.",
            ["model", "agrees"],
            registry=self._registry,
        )
        self._unusual = Counter(
            "leafpath_unusual_inputs",
            "Instances sent with a value that training never saw, or with none.",
            ["model", "feature", "kind"],
            registry=self._registry,
        )
        self._failed = Summary(
            "leafpath_failed_inference_seconds",
            "Time of requests to a model that were refused or failed.",
            ["model"],
            registry=self._registry,
        )
        self._last = Gauge(
            "leafpath_last_inference_timestamp_seconds",
            "When each model last answered.",
            ["model"],
            registry=self._registry,
            multiprocess_mode="max",
        )
        self._bundles = Gauge(
            "leafpath_bundle_info",
            "1 for each bundle that is served.",
            ["model", "version", "digest"],
            registry=self._registry,
            multiprocess_mode="livemax",
        )
        self._refused = Gauge(
            "leafpath_bundles_refused",
            "Bundles that cannot be served; the log says why.",
            registry=self._registry,
            multiprocess_mode="livemax",
        )
        self._outdated = Gauge(
            "leafpath_bundles_outdated",
            "Refused bundles whose models are served as they were before.",
            registry=self._registry,
            multiprocess_mode="livemax",
        )
        self._refused_files = Gauge(
            "leafpath_key_files_refused",
            "Files of keys that are used as they were before; the log says why.",
            registry=self._registry,
            multiprocess_mode="livemax",
        )

        # Looking a labelled metric up takes a lock and longer than counting does.
        self._requests_by = functools.cache(self._requests.labels)
        self._latency_by = functools.cache(self._latency.labels)
        self._cache_by = functools.cache(self._cache.labels)
        self._agreement_by = functools.cache(self._agreement.labels)
        self._unusual_by = functools.cache(self._unusual.labels)
        self._failed_by = functools.cache(self._failed.labels)
        self._last_by = functools.cache(self._last.labels)

        self._shared = CollectorRegistry()

    def add(self, collector: Collector) -> None:
        """Also tell what a collector knows, which is the same in all workers."""
        self._shared.register(collector)

    def request(
        self, route: str, method: str, status: int, seconds: float, model: str = ""
    ) -> None:
        """Count one answered request; ``model`` is the one that was asked to infer."""
        method = method if method in METHODS else "OTHER"
        self._requests_by(route, method, str(status)).inc()
        self._latency_by(route, model).observe(seconds)
        if not model:
            return
        if status < 400:
            self._last_by(model).set(time.time())
        else:
            self._failed_by(model).observe(seconds)

    def cache(self, tier: str, event: CacheEvent, count: int) -> None:
        """Count what a tier of the cache did."""
        if count:
            self._cache_by(tier, event).inc(count)

    def agreement(self, model: Model, prediction: Prediction) -> None:
        """Count the instances on which tree and network agree, and the others."""
        agree = count_true(prediction.labels == prediction.tree_labels)
        if agree:
            self._agreement_by(model.name, "true").inc(agree)
        if agree < len(prediction):
            self._agreement_by(model.name, "false").inc(len(prediction) - agree)

    def unusual(self, model: Model, unusual: Unusual) -> None:
        """Count, by feature, the instances with an unusual value."""
        features = model.manifest.input.features
        for mask, is_missing in ((unusual.beyond, False), (unusual.missing, True)):
            counts = [] if mask is None else mask.sum(axis=0).tolist()
            for feature, count in zip(features, counts, strict=False):
                if count:
                    kind = "missing" if is_missing else _BEYOND[feature.kind]
                    self._unusual_by(model.name, feature.name, kind).inc(count)

    def refused_category(self, model: str, feature: str) -> None:
        """Count the instance whose unseen category the bundle refuses."""
        self._unusual_by(model, feature, _BEYOND["categorical"]).inc()

    def models(self, store: ModelStore) -> None:
        """Say which bundles are served."""
        for name, served in store.models.items():
            reference = served.reference
            self._bundles.labels(name, reference.version, reference.digest).set(1)
        self._refused.set(len(store.refused))
        self._outdated.set(len(store.outdated))

    def refused_files(self, refused: Collection[str]) -> None:
        """Say how many files of keys are used as they were before."""
        self._refused_files.set(len(refused))

    def render(self) -> bytes:
        """Return the text that Prometheus scrapes, over all workers of this server."""
        return generate_latest(self._all_workers()) + generate_latest(self._shared)

    def use(self) -> Use:
        """Return how much each model was used, over all workers of this server."""
        collected = self._all_workers().collect()
        samples = [sample for metric in collected for sample in metric.samples]
        return Use([sample for sample in samples if sample.labels.get("model")])

    def _all_workers(self) -> CollectorRegistry:
        directory = os.environ.get(MULTIPROCESS_DIRECTORY)
        if directory is None:
            return self._registry
        registry = CollectorRegistry()
        registry.register(AllWorkers(Path(directory)))
        return registry
