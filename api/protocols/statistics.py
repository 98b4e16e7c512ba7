"""Triton's statistics extension: how often each model answered, and how long it took.

The figures come from the metrics, so they cover every worker of the server. What is not
measured apart (queueing, the steps of a computation) has count 0.
"""

from typing import Any

from api.model_use import ModelUse
from api.schemas import ModelReference

_NOT_MEASURED = ("queue", "compute_input", "compute_infer", "compute_output")


def statistics(reference: ModelReference, use: ModelUse) -> dict[str, Any]:
    """Return one member of ``model_stats``."""
    stats = {
        "success": {"count": use.answered, "ns": int(use.answered_s * 1e9)},
        "fail": {"count": use.failed, "ns": int(use.failed_s * 1e9)},
    }
    stats |= {name: {"count": 0, "ns": 0} for name in _NOT_MEASURED}
    return {
        "name": reference.name,
        "version": reference.version,
        "last_inference": int(use.last_s * 1000),
        "inference_count": use.rows,
        "execution_count": use.answered,
        "inference_stats": stats,
        "batch_stats": [],
    }
