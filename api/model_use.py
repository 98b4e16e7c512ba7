"""How much each model was used, read back from the metrics."""

from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client.samples import Sample


@dataclass(frozen=True)
class ModelUse:
    """How much one model was used: ``rows`` answered, requests answered and failed with
    their total time, and when it last answered (seconds since 1970, 0 for never).
    """

    rows: int
    answered: int
    answered_s: float
    failed: int
    failed_s: float
    last_s: float


@dataclass(frozen=True)
class Use:
    """The samples of all metrics that name a model."""

    samples: Sequence[Sample]

    def of(self, model: str) -> ModelUse:
        """Return one model's use."""

        def total(name: str) -> float:
            return sum(
                sample.value
                for sample in self.samples
                if sample.name == name and sample.labels["model"] == model
            )

        failed = int(total("leafpath_failed_inference_seconds_count"))
        failed_s = total("leafpath_failed_inference_seconds_sum")
        return ModelUse(
            rows=int(total("leafpath_tree_agreement_total")),
            answered=int(total("leafpath_request_duration_seconds_count")) - failed,
            answered_s=total("leafpath_request_duration_seconds_sum") - failed_s,
            failed=failed,
            failed_s=failed_s,
            last_s=total("leafpath_last_inference_timestamp_seconds"),
        )
