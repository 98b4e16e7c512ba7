"""While the far side is broken, one caller a pause pays for the trial."""

from api.cache.breaker import Breaker


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_breaker_lets_one_trial_a_pause_through():
    clock = Clock()
    breaker = Breaker(pause_s=5, clock=clock)
    assert breaker.allows()
    breaker.failed()
    assert not breaker.allows()
    clock.now += 4.9
    assert not breaker.allows()
    clock.now += 0.2
    assert [breaker.allows() for _ in range(5)] == [True] + [False] * 4
    clock.now += 5
    assert [breaker.allows() for _ in range(3)] == [True, False, False]


def test_success_closes_it():
    clock = Clock()
    breaker = Breaker(pause_s=5, clock=clock)
    breaker.failed()
    clock.now += 5
    assert breaker.allows()
    breaker.succeeded()
    assert all(breaker.allows() for _ in range(5))
