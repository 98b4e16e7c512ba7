"""Interleaved rounds: every target in each, so that noise disturbs all alike."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.service.load import Request, run_load
from benchmarks.service.processes import Server
from benchmarks.service.targets import Site, Target

CONNECTIONS = (1, 8, 32)
SECONDS = 0.2
"""How long a target is loaded at one number of connections in one round, about."""

FEWEST, MOST = 32, 2000


@dataclass
class Figures:
    """What the rounds showed for one target; each list has one value a round.

    ``cpu_ms`` is the server's processor time a request, ``latencies_ms`` all answers.
    """

    cpu_ms: list[float] = field(default_factory=list)
    rps: dict[int, list[float]] = field(default_factory=dict)
    latencies_ms: dict[int, list[float]] = field(default_factory=dict)

    def lowest_cpu_ms(self) -> float:
        """Return the best round: whatever else the machine does only adds to it."""
        return min(self.cpu_ms)

    def percentile_ms(self, connections: int, share: float) -> float:
        """Return a percentile of the answers at this many connections."""
        values = sorted(self.latencies_ms[connections])
        return values[min(len(values) - 1, int(share * len(values)))]


def measure(site: Site, targets: Sequence[Target], rounds: int) -> dict[str, Figures]:
    """Load every target in every round; the first round warms up and is dropped."""
    results: dict[str, Figures] = {target.name: Figures() for target in targets}
    counts: dict[str, int] = {}
    for turn in range(rounds + 1):
        for target in targets:
            server = site.servers[target.server]
            request = target.request(turn)
            try:
                if turn == 0:
                    counts[target.name] = _count(server, request)
                    continue
                _one_round(server, request, counts[target.name], results[target.name])
            except (RuntimeError, OSError) as error:
                log = (site.folder / f"{target.server}.log").read_text()[-3000:]
                raise SystemExit(f"{target.name}: {error}\n{log}") from error
    return results


def _count(server: Server, request: Request) -> int:
    """Return how many requests take about ``SECONDS``."""
    run_load(server.port, request, 4, 64)
    run = run_load(server.port, request, 4, 64)
    return max(FEWEST, min(MOST, int(64 / run.wall_s * SECONDS)))


def _one_round(server: Server, request: Request, count: int, figures: Figures) -> None:
    used, answered = server.cpu_s(), 0
    for connections in CONNECTIONS:
        run = run_load(server.port, request, connections, count)
        answered += count
        figures.rps.setdefault(connections, []).append(count / run.wall_s)
        milliseconds = [1000 * latency for latency in run.latencies_s]
        figures.latencies_ms.setdefault(connections, []).extend(milliseconds)
    figures.cpu_ms.append(1000 * (server.cpu_s() - used) / answered)


def beside_costly_work(
    site: Site, cheap: Request, costly: Request, rounds: int = 5
) -> tuple[float, float]:
    """Return p99 in milliseconds of cheap requests: alone, and beside costly ones."""
    server = site.servers["leafpath"]
    alone: list[float] = []
    beside: list[float] = []
    for _ in range(rounds):
        alone += run_load(server.port, cheap, 4, 500).latencies_s
        beside += run_load(server.port, cheap, 4, 500, beside=costly).latencies_s
    return tuple(1000 * sorted(v)[int(0.99 * len(v))] for v in (alone, beside))  # type: ignore[return-value]
