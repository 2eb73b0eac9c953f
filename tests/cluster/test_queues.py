"""Hold the simulated queues to what is proved of them."""

import random
from collections.abc import Callable

import pytest

from votebox.cluster.capacity import erlang_c
from votebox.cluster.queues import Clock, Places, Servers, Sharing

STEPS = 10**7


def responses(
    queue: Servers | Sharing, clock: Clock, rate: float, work: Callable[[], float], count: int
) -> list[float]:
    """Return how long each of `count` Poisson arrivals stayed; the first tenth is left out."""
    source = random.Random(7)  # noqa: S311 - arrivals, no secrets
    found: list[float] = []

    def arrive() -> None:
        began = clock.now
        queue.submit(work(), lambda: found.append(clock.now - began))
        clock.after(source.expovariate(rate), arrive)

    arrive()
    assert clock.run(count / rate, STEPS)
    return found[len(found) // 10 :]


def exponential(seed: int) -> Callable[[], float]:
    source = random.Random(seed)  # noqa: S311 - as above
    return lambda: source.expovariate(1.0)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


@pytest.mark.parametrize("busy", [0.5, 0.8])
def test_one_server_answers_as_m_m_1(busy: float) -> None:
    clock = Clock()
    found = responses(Servers(clock, 1), clock, busy, exponential(1), 30_000)
    assert mean(found) == pytest.approx(1 / (1 - busy), rel=0.08)


@pytest.mark.parametrize(("servers", "busy"), [(2, 0.8), (20, 0.9)])
def test_many_servers_answer_as_m_m_c(servers: int, busy: float) -> None:
    clock, load = Clock(), servers * busy
    found = responses(Servers(clock, servers), clock, load, exponential(2), 40_000)
    waits = erlang_c(servers, load) / (servers - load)
    assert mean(found) == pytest.approx(1 + waits, rel=0.06)


@pytest.mark.parametrize("name", ["constant", "exponential", "two kinds"])
def test_sharing_depends_on_the_mean_of_work_alone(name: str) -> None:
    source = random.Random(3)  # noqa: S311 - as above
    work: dict[str, Callable[[], float]] = {
        "constant": lambda: 1.0,
        "exponential": exponential(3),
        "two kinds": lambda: 5.5 if source.random() < 0.1 else 0.5,
    }
    clock, busy = Clock(), 0.7
    shared = Sharing(clock, [0.0] + [1 / n for n in range(1, 400)])
    found = responses(shared, clock, busy, work[name], 40_000)
    assert mean(found) == pytest.approx(1 / (1 - busy), rel=0.08)  # M/G/1-PS, any G


def test_sharing_takes_no_more_than_its_limit_and_the_others_wait() -> None:
    clock, ended = Clock(), list[float]()
    shared = Sharing(clock, [0.0, 1.0, 0.8])
    for _ in range(3):
        shared.submit(8.0, lambda: ended.append(clock.now))
    assert (shared.active, shared.lined_up) == (2, 1)
    clock.run(100, STEPS)
    assert ended == [10.0, 10.0, 18.0]
    assert shared.work_done == pytest.approx(24.0)


def test_a_shared_job_that_leaves_says_what_it_got_and_the_others_go_faster() -> None:
    clock, ended = Clock(), list[float]()
    shared = Sharing(clock, [0.0, 1.0, 0.5])
    first = shared.submit(10.0, lambda: ended.append(-1.0))
    shared.submit(10.0, lambda: ended.append(clock.now))
    got: list[float] = []
    clock.after(4.0, lambda: got.append(shared.cancel(first)))
    clock.run(100, STEPS)
    assert got == [2.0]
    assert ended == [12.0]
    assert shared.cancel(first) == 0.0


def test_a_cancelled_job_frees_its_server_and_is_never_done() -> None:
    clock, ended = Clock(), list[str]()
    servers = Servers(clock, 1)
    first = servers.submit(10.0, lambda: ended.append("first"))
    second = servers.submit(10.0, lambda: ended.append("second"))
    servers.submit(1.0, lambda: ended.append("third"))
    clock.after(2.0, servers.cancel, second)
    clock.after(3.0, servers.cancel, first)
    clock.run(3.5, STEPS)
    assert (servers.busy, servers.lined_up) == (1, 0)
    clock.run(100, STEPS)
    assert ended == ["third"]
    servers.settle()
    assert servers.busy_s == pytest.approx(4.0)


def test_more_servers_take_what_waits_at_once() -> None:
    clock, ended = Clock(), list[float]()
    servers = Servers(clock, 1)
    for _ in range(3):
        servers.submit(10.0, lambda: ended.append(clock.now))
    clock.after(1.0, servers.resize, 3)
    clock.run(100, STEPS)
    assert ended == [10.0, 11.0, 11.0]


def test_places_are_given_in_the_order_they_were_asked_for() -> None:
    clock, begun = Clock(), list[tuple[float, str]]()
    places = Places(clock, 1)

    def come(name: str) -> None:
        places.ask(lambda: begun.append((clock.now, name)))

    for number, name in enumerate("abc"):
        clock.after(float(number), come, name)
    clock.after(10.0, places.leave)
    clock.after(20.0, places.leave)
    clock.after(30.0, places.leave)
    clock.run(40.0, STEPS)
    assert begun == [(0.0, "a"), (10.0, "b"), (20.0, "c")]
    places.settle()
    assert (places.taken, places.taken_s, places.waiting_s) == (0, 30.0, 9.0 + 18.0)


def test_jobs_inside_are_rate_times_time_inside() -> None:
    clock, rate = Clock(), 1.6
    servers = Servers(clock, 2)
    found = responses(servers, clock, rate, exponential(5), 30_000)
    servers.settle()
    inside = (servers.busy_s + servers.waiting_s) / clock.now
    assert inside == pytest.approx(rate * mean(found), rel=0.03)  # Little's law


def test_a_clock_that_is_given_too_few_steps_says_so() -> None:
    clock = Clock()

    def again() -> None:
        clock.after(0.0, again)

    again()
    assert not clock.run(1.0, 1000)
