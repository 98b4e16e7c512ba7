"""Equal questions share one answer everywhere; different ones share none."""

import itertools

import numpy as np
import orjson
import redis

from api.cache.key import ExplanationKeys
from api.cache.redis import PREFIX
from explainers.registry import EXPLAINERS, parse_parameters
from tests.api.cache.test_redis import ask_at_once
from tests.api.processes import wait_until
from tests.api.small_bundles import write_cancer
from tests.api.test_server import answers_everywhere
from tests.chaos.figure import Figure, NoFire
from tests.chaos.site import EXPLAIN, Site, counted

METHODS = ("tree_path", "gradient", "integrated_gradients", "smoothgrad", "lime",
           "occlusion", "tree_shap", "counterfactual")  # fmt: skip


def ask_everywhere(site: Site) -> list[Figure]:
    """Ask one question over workers, restarts, caches, alone and among others."""
    body = {"instances": site.instances[:1], "explanations": METHODS, "seed": 3}
    answers, outcomes = answers_everywhere(site.start, site.start_redis(), body)
    if outcomes != {"hit", "miss", "bypass"}:
        raise NoFire(f"the cache was only {outcomes}")
    many = body | {"instances": site.instances[:20]}
    alone, among = site.expected([(EXPLAIN, body), (EXPLAIN, many)])
    (one,), (first, *_) = (orjson.loads(a)["explanations"] for a in (alone, among))
    return [
        Figure("distinct answers over all of that", len({*answers, alone}), 1),
        Figure("differences in a batch of 20", int(first != one), 0),
    ]


def ask_at_once_over_workers(site: Site, *, rounds: int) -> list[Figure]:
    """Send 32 equal cold requests at once, another question each round."""
    redis_server = site.start_redis()
    server = site.start(threads=33, cache_url=redis_server.url)
    most, wrong = 0.0, 0
    for seed in range(rounds):
        before = counted(server, "stored")
        replies = ask_at_once(server, site.instances, seed)
        most = max(most, counted(server, "stored") - before)
        wrong += len({(r.status_code, r.content) for r in replies}) - 1
        wrong += replies[0].status_code != 200
    return [
        Figure("most computations of 32 requests", most, 1),
        Figure("answers that differ or fail", wrong, 0),
    ]


def _variants() -> list[tuple[str, dict[str, object]]]:
    """Explanations that differ from the first in one thing each, and the model."""
    ig, smooth = {"method": "integrated_gradients"}, {"method": "smoothgrad"}
    base = {**ig, "target": 0, "steps": 32, "baseline": "training_mean"}
    return [
        ("breast-cancer", base),
        ("other", base),
        ("breast-cancer", {**base, "target": 1}),
        ("breast-cancer", {**base, "steps": 33}),
        ("breast-cancer", {**base, "baseline": "zero"}),
        ("breast-cancer", {**base, "tolerance": 0.02}),
        ("breast-cancer", {**smooth, "target": 0, "seed": 1}),
        ("breast-cancer", {**smooth, "target": 0, "seed": 2}),
        ("breast-cancer", {**smooth, "target": 0, "seed": 1, "samples": 51}),
        ("breast-cancer", {"method": "lime", "target": 0, "samples": 500}),
        ("breast-cancer", {"method": "occlusion", "target": 0}),
    ]


def ask_what_differs(site: Site, *, rows: int) -> list[Figure]:
    """Ask what differs in one thing through one cache, and once without a cache."""
    write_cancer(site.bundles / "other", name="other", seed=1)
    store = site.start_redis()
    server = site.start(cache_url=store.url, cache_bytes=0)
    instances = [_nudged(site.instances[n // 2], n % 2) for n in range(rows)]
    asked = [
        (f"/v1/models/{model}:explain", {"instances": [row], "explanations": [wish]})
        for row, (model, wish) in itertools.product(instances, _variants())
    ]
    expected = site.expected(asked)
    wrong: list[bool] = []

    def all_are_hits() -> bool:
        replies = [server.post(path, json=body) for path, body in asked]
        pairs = zip(replies, expected, strict=True)
        wrong.extend(reply.content != answer for reply, answer in pairs)
        return {reply.headers.get("X-Cache") for reply in replies} == {"hit"}

    for _ in range(2):
        wait_until(all_are_hits, what="hits of everything")
    with redis.Redis.from_url(store.url, protocol=2) as plain:
        kept = len(plain.keys(PREFIX + b"*"))
    return [
        Figure(f"collisions of {len(asked)} requests", len(asked) - kept, 0),
        Figure(f"answers of {len(wrong)} other than without a cache", sum(wrong), 0),
        Figure("collisions of dtypes and shapes", _collisions_of_arrays(rows), 0),
    ]


def _nudged(row: list[float], steps: int) -> list[float]:
    """The row, with its first value that many float32 further."""
    values = np.float32(row)
    for _ in range(steps):
        values[0] = np.nextafter(values[0], np.float32(np.inf))
    return [float(value) for value in values]


def _collisions_of_arrays(count: int) -> int:
    """Keys of equal bytes read as other types and shapes: every one is another."""
    parameters = parse_parameters(EXPLAINERS["integrated_gradients"], {})
    key_of = ExplanationKeys("sha256:0", "integrated_gradients", parameters)
    random = np.random.default_rng(0)
    keys = []
    for _ in range(count):
        row = random.normal(size=24).astype(np.float32)
        for dtype in (np.float32, np.int32, np.uint32, np.float64, np.int64, np.int8):
            view = row.view(dtype)
            n = view.size
            keys += [
                key_of(view.reshape(s)) for s in ((n,), (1, n), (n, 1), (2, n // 2))
            ]
    return len(keys) - len(set(keys))
