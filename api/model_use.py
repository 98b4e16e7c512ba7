"""How much each model was used, read back from the metrics."""

from collections.abc import Mapping
from dataclasses import dataclass


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
    """Samples of the metrics, by name and label values in alphabetical order."""

    samples: Mapping[tuple[str, ...], float]

    def of(self, model: str) -> ModelUse:
        """Return one model's use."""

        def read(name: str, *labels: str) -> float:
            return self.samples.get((name, *sorted([model, *labels])), 0.0)

        agreed = [read("leafpath_tree_agreement_total", a) for a in ("true", "false")]
        count, total = (
            "leafpath_inference_seconds_count",
            "leafpath_inference_seconds_sum",
        )
        return ModelUse(
            rows=int(sum(agreed)),
            answered=int(read(count, "true")),
            answered_s=read(total, "true"),
            failed=int(read(count, "false")),
            failed_s=read(total, "false"),
            last_s=read("leafpath_last_inference_timestamp_seconds"),
        )
