"""What each route takes and answers, beyond what its path and docstring say."""

from collections.abc import Mapping
from dataclasses import dataclass

from api import problems
from api.problems import Kind

JSON = "application/json"

MODEL = (problems.FORBIDDEN, problems.UNKNOWN_MODEL)
BODY = (
    problems.MALFORMED_JSON,
    problems.LENGTH_REQUIRED,
    problems.TOO_LARGE,
    problems.UNSUPPORTED_MEDIA,
    problems.INVALID_REQUEST,
    problems.INVALID_INSTANCE,
    problems.TOO_EXPENSIVE,
    problems.QUOTA_EXCEEDED,
    problems.NO_FINITE_ANSWER,
    problems.DEADLINE_EXCEEDED,
)
EXPLAIN = (
    problems.NOT_EXPOSED,
    problems.UNKNOWN_METHOD,
    problems.UNSUPPORTED_METHOD,
    problems.INVALID_PARAMETER,
    problems.OVERLOADED,
)
RATE_LIMIT = ("RateLimitPolicy", "RateLimit")
PROBLEM_HEADERS: Mapping[Kind, tuple[str, ...]] = {
    problems.TOO_EXPENSIVE: RATE_LIMIT,
    problems.QUOTA_EXCEEDED: (*RATE_LIMIT, "RetryAfter"),
    problems.NO_FINITE_ANSWER: RATE_LIMIT,
    problems.TOO_MANY_JOBS: ("RetryAfter",),
    problems.OVERLOADED: (*RATE_LIMIT, "RetryAfter"),
    problems.JOBS_UNAVAILABLE: ("RetryAfter",),
    problems.DEADLINE_EXCEEDED: RATE_LIMIT,
}
"""Names of shared headers of problems: of those after which a quota's key has paid, or
may ask again.
"""
JOB = (problems.UNKNOWN_JOB, problems.JOBS_UNAVAILABLE)
DOCUMENT = (*MODEL, problems.NOT_IN_BUNDLE)
TREE = (*DOCUMENT, problems.NOT_EXPOSED)


@dataclass(frozen=True)
class Operation:
    """One route.

    Parameters
    ----------
    tag : the section of the documentation.
    answers : media type -> name of the schema; None for what has no JSON Schema.
    body : name of the request's schema. problems : what can go wrong here.
    parameters : names of shared parameters (see ``parameters.py``) beside the path's.
    headers : names of shared headers of a good answer. status : of a good answer.
    accepted : name of the schema of a 202, where there may be one.
    """

    tag: str
    answers: Mapping[str, str | None]
    body: str | None = None
    problems: tuple[Kind, ...] = ()
    parameters: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    status: int = 200
    accepted: str | None = None
    is_open: bool = False


_ETAG = ("ETag",)
_CONDITION = ("IfNoneMatch",)
_HTML = {"text/html": None}


def _document(answers: Mapping[str, str | None], *more: Kind) -> Operation:
    return Operation(
        "documents",
        answers,
        problems=(*DOCUMENT, *more),
        parameters=("IfNoneMatch", "Digest"),
        headers=_ETAG,
    )


_PICTURES: dict[str, str | None] = {"image/svg+xml": None, "image/png": None}


OPERATIONS: dict[str, Operation] = {
    "models.list_models": Operation("models", {JSON: "ModelList"}),
    "models.show_model": Operation("models", {JSON: "ModelPage"}, problems=MODEL),
    "models.list_methods": Operation("models", {JSON: "MethodList"}, problems=MODEL),
    "examples.list_examples": Operation(
        "models",
        {JSON: "ExampleList"},
        problems=(*MODEL, problems.NOT_EXPOSED),
        parameters=_CONDITION,
        headers=_ETAG,
    ),
    "examples.show_example": Operation(
        "models",
        {JSON: "ExamplePage"},
        problems=(*DOCUMENT, problems.NOT_EXPOSED),
        parameters=_CONDITION,
        headers=_ETAG,
    ),
    "answers.predict": Operation(
        "answers",
        {JSON: "PredictReply"},
        "PredictRequest",
        (*MODEL, *BODY),
        parameters=("RequestTimeout",),
    ),
    "answers.explain": Operation(
        "answers",
        {JSON: "ExplainReply"},
        "ExplainRequest",
        (*MODEL, *BODY, *EXPLAIN, problems.TOO_MANY_JOBS, problems.JOBS_UNAVAILABLE),
        parameters=("CacheControl", "RequestTimeout", "Prefer"),
        headers=("XCache", "Age"),
        accepted="JobPage",
    ),
    "jobs.show_job": Operation(
        "jobs", {JSON: "JobPage"}, problems=JOB, headers=("RetryAfter",)
    ),
    "jobs.cancel_job": Operation("jobs", {}, problems=JOB, status=204),
    "tree.show_tree": Operation(
        "tree",
        {
            JSON: "TreeReply",
            "text/plain": None,
            "text/vnd.graphviz": None,
            "image/svg+xml": None,
        },
        problems=(*TREE, problems.NOT_ACCEPTABLE),
        parameters=("IfNoneMatch", "Region"),
        headers=_ETAG,
    ),
    "tree.show_node": Operation(
        "tree",
        {JSON: "NodePage"},
        problems=TREE,
        parameters=("IfNoneMatch", "Region"),
        headers=_ETAG,
    ),
    "documents.show_evaluation": _document({JSON: "Anything"}),
    "documents.show_gallery": _document({JSON: "Anything"}),
    "documents.show_picture": _document(_PICTURES),
    "documents.show_landscape": _document(
        {JSON: "Anything", **_PICTURES}, problems.NOT_ACCEPTABLE
    ),
    "documents.show_landscape_picture": _document(_PICTURES),
    "documents.show_report": _document(_HTML, problems.NOT_EXPOSED),
    "health.live": Operation("operations", {JSON: "Live"}, is_open=True),
    "health.ready": Operation(
        "operations", {JSON: "Ready"}, problems=(problems.NOT_READY,), is_open=True
    ),
    "operations.metrics": Operation("operations", {"text/plain": None}),
    "docs.show_openapi": Operation("documentation", {JSON: "Anything"}),
    "docs.show_docs": Operation("documentation", _HTML),
    "index.index": Operation("documentation", {JSON: "Alive", **_HTML}, is_open=True),
    "inspector.show_file": Operation(
        "documentation",
        {"text/javascript": None, "text/css": None, "image/svg+xml": None},
        problems=(problems.UNKNOWN_PATH,),
        parameters=_CONDITION,
        headers=_ETAG,
        is_open=True,
    ),
    "index.explain_problem": Operation(
        "documentation", _HTML, problems=(problems.UNKNOWN_PATH,), status=302
    ),
}
"""By endpoint. A route without an entry fails the build of the document."""


TAGS = {
    "models": "Which models are served, and what each is.",
    "answers": "Predictions and explanations.",
    "jobs": "Explanations that are asked for now and fetched later.",
    "tree": "The distilled tree: the same for every input of a model.",
    "documents": "What the trainer put into the bundle for people.",
    "operations": "For those who run the server.",
    "documentation": "For those who read.",
}
"""The sections of the documentation, in reading order."""
