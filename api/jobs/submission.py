"""From a request to a job, and from a job to its answer. Knows no HTTP."""

import hashlib
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from api.answering import answer_explain, read_explain
from api.cache.key import software_digest
from api.errors import RequestError
from api.explaining import ExplanationService, Watch
from api.jobs.job import Job, JobRequest
from api.jobs.jobs import Jobs
from api.metrics import Metrics
from api.problems import UNKNOWN_MODEL
from api.schemas import ExplainRequest
from api.served_model import ServedModel


def submit(
    jobs: Jobs,
    served: ServedModel,
    request: ExplainRequest[Any],
    *,
    owner: str,
    request_id: str,
    kept_s: float,
) -> Job:
    """Queue a request, once everything about it is checked, its price included.

    The job's id is a digest of all that the answer depends on and of the owner: the
    same request is the same job, paid for once, and nobody meets another's.
    """
    body = msgspec.json.encode(request, order="deterministic")
    reference = served.reference
    digest = hashlib.sha256()
    for part in (software_digest(), reference.digest.encode(), owner.encode(), body):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    job = digest.hexdigest()[:32]
    known = jobs.known(job)
    if known is not None:
        return known  # checked, priced and paid for when it was submitted
    jobs.check_room(owner)  # before it is paid for
    asked = read_explain(served, request, is_job=True)
    now = time.time()
    return jobs.submit(
        job,
        JobRequest(
            owner=owner,
            model=reference.name,
            version=reference.version,
            digest=reference.digest,
            body=msgspec.Raw(body),
            total=len(asked.inputs) * len(asked.requests),
            request_id=request_id,
            created_at=now,
            expires_at=now + kept_s,
        ),
    )


def answer_job(
    models: Mapping[str, ServedModel],
    explanations: ExplanationService,
    metrics: Metrics,
    request: JobRequest,
    watch: Watch,
) -> bytes:
    """Compute a job as ``:explain`` would, by the bundle that it was asked of.

    Raises
    ------
    RequestError
        Another bundle is served by now.
    """
    served = models.get(request.model)
    if served is None or served.reference.digest != request.digest:
        raise RequestError(
            UNKNOWN_MODEL,
            f"the bundle of {request.model!r} was replaced in the meantime: submit the "
            "job again",
        )
    wish = served.explain_decoder.decode(request.body)
    answer = answer_explain(served, wish, explanations, "use", watch)
    metrics.agreement(served.model, answer.prediction)
    metrics.unusual(served.model, answer.unusual)
    return answer.body
