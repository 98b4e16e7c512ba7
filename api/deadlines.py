"""`Request-Timeout`: how long a client waits for its answer, in seconds."""

import re
from functools import partial

from flask import Flask, g, request

from api.errors import Fault, RequestError
from api.problems import BAD_REQUEST
from api.settings import Settings
from explainers.deadlines import Deadline, begin, end

HEADER = "Request-Timeout"
_SECONDS = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?\Z")


def register(app: Flask, settings: Settings) -> None:
    """Give every request that computes a deadline, from before its body is read."""
    app.before_request(partial(_begin, settings.max_timeout_s))
    app.teardown_request(_end)


def _begin(most_s: float) -> None:
    if request.method == "POST":
        g.deadline = begin(Deadline(read_timeout_s(most_s)))


def _end(error: BaseException | None) -> None:
    if (begun := g.pop("deadline", None)) is not None:
        end(begun)


def read_timeout_s(most_s: float) -> float:
    """Return the seconds that this request may take, ``most_s`` if it asks for none.

    Raises
    ------
    RequestError
        The header is not a positive number.
    """
    given = request.environ.get("HTTP_REQUEST_TIMEOUT")
    if given is None:
        return most_s
    seconds = float(given) if _SECONDS.match(given) else 0.0
    if seconds <= 0:
        problem = f"{given[:40]!r} is not a positive number of seconds"
        raise RequestError(
            BAD_REQUEST,
            f"{HEADER}: {problem}",
            [Fault(HEADER, problem, f"such as 2.5; more than {most_s:g} means that")],
        )
    return min(seconds, most_s)
