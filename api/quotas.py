"""Quotas of API keys: who pays for a request, and what an answer says is left.

The header fields are those of draft-ietf-httpapi-ratelimit-headers (2024).
"""

from functools import partial

from flask import Flask, Response, g

from api.errors import RequestError
from api.keys import ApiKey
from api.service import EXTENSION
from api.spending import WINDOW_S, Ledger, Quota, begin, end

POLICY = "network-rows"
"""Name of the policy: what is counted."""


def register(app: Flask) -> None:
    """Charge requests to their key's quota, and say on the answers what is left."""
    keys = app.extensions[EXTENSION].keys
    if keys is None or all(key.rows_per_minute is None for key in keys.keys):
        return
    ledger = app.extensions[EXTENSION].ledger
    app.before_request(partial(_begin, ledger))
    app.after_request(_describe)
    app.teardown_request(_end)


def _quota() -> Quota | None:
    key: ApiKey | None = g.get("key")
    if key is None or key.rows_per_minute is None:
        return None
    return Quota(key.name, key.rows_per_minute)


def _begin(ledger: Ledger) -> None:
    if (quota := _quota()) is not None:
        g.payer = begin(partial(_spend, ledger, quota))


def _spend(ledger: Ledger, quota: Quota, rows: int) -> None:
    try:
        g.balance = ledger.spend(quota, rows)
    except RequestError:
        g.balance = ledger.balance(quota)
        raise


def _end(error: BaseException | None) -> None:
    if (begun := g.pop("payer", None)) is not None:
        end(begun)


def _describe(response: Response) -> Response:
    quota, balance = _quota(), g.get("balance")
    if quota is not None and balance is not None:
        headers = response.headers
        headers["RateLimit-Policy"] = f'"{POLICY}";q={quota.rows};w={WINDOW_S}'
        headers["RateLimit"] = f'"{POLICY}";r={balance.left};t={balance.reset_s}'
    return response
