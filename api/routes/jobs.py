"""Jobs: explanations that are asked for now and fetched later."""

from typing import Any

import orjson
from flask import Blueprint, Response, g, request

from api.encoding import encode
from api.errors import RequestError
from api.jobs import Job, submit
from api.problems import UNKNOWN_JOB
from api.responses import json_response
from api.schemas import ExplainRequest, JobPage, JobProgress, ModelReference
from api.served_model import ServedModel
from api.service import service

routes = Blueprint("jobs", __name__)

ASYNC = "respond-async"


def wants_job() -> bool:
    """Whether the client prefers a job to waiting (RFC 7240)."""
    wishes = request.environ.get("HTTP_PREFER", "").lower().split(",")
    return ASYNC in [wish.partition(";")[0].strip() for wish in wishes]


def accept(served: ServedModel, body: ExplainRequest[Any]) -> Response:
    """Queue a request and say where its answer will be."""
    server = service()
    job = submit(
        server.jobs,
        served,
        body,
        owner=_owner(),
        request_id=g.request_id,
        kept_s=server.settings.jobs_kept_s,
    )
    response = _page(job)
    response.status_code = 202
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    response.headers["Preference-Applied"] = ASYNC
    return response


@routes.get("/v1/jobs/<job>")
def show_job(job: str) -> Response:
    """Say how far a job is; with its answer once there is one."""
    return _page(_find(job))


@routes.delete("/v1/jobs/<job>")
def cancel_job(job: str) -> Response:
    """Cancel a job; one that has ended is forgotten with its answer."""
    service().jobs.cancel(_find(job))
    return Response(status=204)


def _owner() -> str:
    return g.key.name if g.key is not None else ""


def _find(job: str) -> Job:
    found = service().jobs.find(job, _owner())
    if found is None:
        raise RequestError(
            UNKNOWN_JOB, f"no job {job[:64]!r} of yours; it may have expired"
        )
    return found


def _page(job: Job) -> Response:
    asked, state = job.request, job.state
    body = None if job.outcome is None else orjson.Fragment(bytes(job.outcome.body))
    done = asked.total if state == "done" else job.progress.done
    page = JobPage(
        id=job.id,
        state=state,
        progress=JobProgress(done, asked.total),
        model=ModelReference(asked.model, asked.version, asked.digest),
        created_at=asked.created_at,
        expires_at=asked.expires_at,
        result=body if state == "done" else None,
        problem=body if state == "failed" else None,
    )
    response = json_response(encode(page))
    response.headers["Cache-Control"] = "no-store"
    if job.outcome is None:
        response.headers["Retry-After"] = "1"
    return response
