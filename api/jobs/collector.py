"""What Prometheus reads of the jobs: asked of the queue that all processes share."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from api.jobs.jobs import Jobs


class JobCollector(Collector):
    """Asks the queue at every scrape, whichever process computes its jobs."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Return the metrics; where the queue cannot be reached, only that."""
        census = self._jobs.census()
        yield GaugeMetricFamily(
            "leafpath_jobs_reachable",
            "1 where the queue of jobs answers, or else 0.",
            value=float(census is not None),
        )
        if census is None:
            return
        events = CounterMetricFamily(
            "leafpath_job_events", "What became of jobs.", labels=["event"]
        )
        for event, count in census.counted.items():
            events.add_metric([event], count)
        yield events
        unfinished = GaugeMetricFamily(
            "leafpath_jobs", "Jobs that have not ended.", labels=["state"]
        )
        unfinished.add_metric(["queued"], census.queued)
        unfinished.add_metric(["running"], census.running)
        yield unfinished
        yield GaugeMetricFamily(
            "leafpath_oldest_job_seconds",
            "How long the first job in the queue has waited.",
            value=census.oldest_s,
        )
