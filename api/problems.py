"""The problems that clients can meet, as data: status, title and what each means.

A problem's type URI is ``/problems/{slug}`` (RFC 9457); ``/docs`` lists them all.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of problem: the last part of its type URI, its status and meaning."""

    slug: str
    status: int
    title: str
    meaning: str

    @property
    def uri(self) -> str:
        """The type of the problem, relative to the server."""
        return self.slug if ":" in self.slug else f"/problems/{self.slug}"


BAD_REQUEST = Kind("bad-request", 400, "Bad request", "The HTTP request is malformed.")
MALFORMED_JSON = Kind(
    "malformed-json",
    400,
    "The body is not JSON",
    "The body is empty, not UTF-8, nested too deeply, or not JSON as RFC 8259 defines "
    "it (NaN and Infinity are not).",
)
UNAUTHENTICATED = Kind(
    "unauthenticated",
    401,
    "An API key is needed",
    "This server asks for an API key: send it as `Authorization: Bearer KEY`.",
)
FORBIDDEN = Kind(
    "forbidden",
    403,
    "The key is not for this",
    "The API key is valid, but its models do not include this one. Metrics tell of "
    "every model: they need a key for all of them (`*`) or for none (`-`).",
)
NOT_EXPOSED = Kind(
    "not-exposed",
    403,
    "The bundle does not expose this",
    "The model's publisher chose to hide its tree (`expose: path`) or every "
    "explanation (`expose: prediction`).",
)
MANAGED_BY_FILES = Kind(
    "managed-by-files",
    403,
    "Models are not managed over HTTP",
    "No request loads, unloads or replaces a model: that takes new bundles and a "
    "signal.",
)
UNKNOWN_PATH = Kind(
    "unknown-path", 404, "No such path", "The server has nothing at this path."
)
UNKNOWN_MODEL = Kind(
    "unknown-model",
    404,
    "No such model",
    "No bundle of that name is served; `GET /v1/models` lists those that are.",
)
NOT_IN_BUNDLE = Kind(
    "not-in-bundle",
    404,
    "The bundle has none",
    "The model's bundle does not hold this node or document.",
)
UNKNOWN_JOB = Kind(
    "unknown-job",
    404,
    "No such job",
    "There is no job of that id, it has expired, or another API key submitted it.",
)
METHOD_NOT_ALLOWED = Kind(
    "method-not-allowed",
    405,
    "Method not allowed",
    "The path exists, but not for this HTTP method; `Allow` names those that work.",
)
NOT_ACCEPTABLE = Kind(
    "not-acceptable",
    406,
    "Not acceptable",
    "None of the media types in `Accept` can be produced.",
)
LENGTH_REQUIRED = Kind(
    "length-required",
    411,
    "Content-Length is needed",
    "Chunked bodies are refused: send Content-Length.",
)
TOO_LARGE = Kind(
    "too-large",
    413,
    "The body is too large",
    "The body is longer than LEAFPATH_MAX_BODY_BYTES allows.",
)
UNSUPPORTED_MEDIA = Kind(
    "unsupported-media-type",
    415,
    "Unsupported media type",
    "Bodies are JSON in UTF-8 (`Content-Type: application/json`), not compressed.",
)
MISDIRECTED = Kind(
    "misdirected",
    421,
    "Not this server's name",
    "A server that listens on loopback, without keys, answers requests for localhost "
    "and 127.0.0.1 alone: other names may be a web page's, pointed here.",
)
INVALID_REQUEST = Kind(
    "invalid-request",
    422,
    "The request does not have the documented shape",
    "The body is JSON, but a field is missing, unknown or of the wrong type; `errors` "
    "says where.",
)
INVALID_INSTANCE = Kind(
    "invalid-instance",
    422,
    "An instance does not fit the model",
    "A wrong number of values, an unknown feature or category, a value out of range "
    "or null where the model takes none; `errors` says where and what is allowed.",
)
INVALID_PARAMETER = Kind(
    "invalid-parameter",
    422,
    "A parameter is not allowed",
    "A parameter of an explanation method is unknown or out of bounds.",
)
UNKNOWN_METHOD = Kind(
    "unknown-method",
    422,
    "No such explanation method",
    "`GET /v1/models/{model}/methods` lists the methods.",
)
UNSUPPORTED_METHOD = Kind(
    "unsupported-method",
    422,
    "The bundle cannot answer this method",
    "The method exists, but the model's bundle lacks a graph that it needs.",
)
TOO_EXPENSIVE = Kind(
    "too-expensive",
    422,
    "The request costs too much",
    "The price of a request is the number of rows that it may send through the "
    "network, summed over explanations and instances; `errors` says price and limit. "
    "Of large pictures and long sequences fewer rows are allowed.",
)
QUOTA_EXCEEDED = Kind(
    "quota-exceeded",
    429,
    "The API key's quota is spent",
    "The key may send so many rows through the network in a minute; `RateLimit` says "
    "how many are left, `Retry-After` in how many seconds there are more.",
)
TOO_MANY_JOBS = Kind(
    "too-many-jobs",
    429,
    "The API key has too many jobs",
    "The key has as many jobs that have not ended as LEAFPATH_JOBS_PER_KEY allows: "
    "wait until one is done, or cancel one. A job that is there already may be "
    "submitted again at any time.",
)
INTERNAL = Kind(
    "internal",
    500,
    "Internal error",
    "A fault of the server; its log has the details under the request id.",
)
NO_FINITE_ANSWER = Kind(
    "no-finite-answer",
    500,
    "The model has no finite answer",
    "The network answered NaN or infinity for inputs within its training range.",
)
NOT_READY = Kind(
    "not-ready", 503, "Not ready", "No model can be served; `models` says why."
)
OVERLOADED = Kind(
    "overloaded",
    503,
    "Too much costly work at once",
    "This worker computes as many costly explanations as it may; try again after "
    "`Retry-After` seconds, or ask for a job (`Prefer: respond-async`).",
)
JOBS_UNAVAILABLE = Kind(
    "jobs-unavailable",
    503,
    "Jobs cannot be kept",
    "The file or the Redis of LEAFPATH_JOBS_URL cannot be used at present.",
)
DEADLINE_EXCEEDED = Kind(
    "deadline-exceeded",
    504,
    "The deadline has passed",
    "The answer took longer than `Request-Timeout` or LEAFPATH_MAX_TIMEOUT_S allows. "
    "What was finished is kept: asking again goes on from there.",
)

KINDS = (
    BAD_REQUEST,
    MALFORMED_JSON,
    UNAUTHENTICATED,
    FORBIDDEN,
    NOT_EXPOSED,
    MANAGED_BY_FILES,
    UNKNOWN_PATH,
    UNKNOWN_MODEL,
    NOT_IN_BUNDLE,
    UNKNOWN_JOB,
    METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE,
    LENGTH_REQUIRED,
    TOO_LARGE,
    UNSUPPORTED_MEDIA,
    MISDIRECTED,
    INVALID_REQUEST,
    INVALID_INSTANCE,
    INVALID_PARAMETER,
    UNKNOWN_METHOD,
    UNSUPPORTED_METHOD,
    TOO_EXPENSIVE,
    QUOTA_EXCEEDED,
    TOO_MANY_JOBS,
    INTERNAL,
    NO_FINITE_ANSWER,
    NOT_READY,
    OVERLOADED,
    JOBS_UNAVAILABLE,
    DEADLINE_EXCEEDED,
)
"""Every kind of problem, in order of status: the documentation lists them."""
