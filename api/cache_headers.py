"""What a client wishes of the cache, and what it is told about it."""

from flask import Request, Response

from api.explaining import CachePolicy, Explained


def cache_policy(request: Request) -> CachePolicy:
    """Read ``Cache-Control``: ``no-cache`` computes, ``no-store`` keeps nothing."""
    wish = request.environ.get("HTTP_CACHE_CONTROL", "").lower()
    if "no-store" in wish:
        return "avoid"
    return "refresh" if "no-cache" in wish else "use"


def report_cache(response: Response, explained: Explained | None) -> None:
    """Say in ``X-Cache`` and ``Age`` how the cache took part in an answer."""
    if explained is None:
        return
    response.headers["X-Cache"] = explained.cache
    if explained.cache == "hit":
        response.headers["Age"] = str(explained.age_s)
