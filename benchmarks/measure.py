"""How everything here is measured: contestants take turns, and each keeps all its times."""

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

MICRO = 1e6


@dataclass(frozen=True)
class Scale:
    """How much to measure. `quick` shows that a benchmark works; its figures are worth little."""

    quick: bool = False

    def __call__(self, count: int) -> int:
        return max(count // 20, 100) if self.quick else count

    def rounds(self, count: int) -> int:
        return 2 if self.quick else count


@dataclass(frozen=True)
class Target:
    """What a row is held to, in words, and whether it is met."""

    text: str
    met: bool


@dataclass(frozen=True)
class Row:
    """One line of the table: our figures and a peer's, one a round, in `unit` (less is better)."""

    work: str
    ours: list[float]
    peer_name: str
    peer: list[float]
    target: Target | None = None
    unit: str = "us/event"
    note: str = ""
    speed: float = field(init=False)
    """Best of the peer over best of ours: 2.0 is twice as fast, or half the memory."""
    median_speed: float = field(init=False)
    goal: float | None = None
    """The speed that the target asks for, if it is about the peer."""
    rate: bool = False
    """What counts is how many events a second we do, not the peer."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "speed", min(self.peer) / min(self.ours))
        object.__setattr__(self, "median_speed", statistics.median(self.peer) / statistics.median(self.ours))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def compare(work: str, ours: list[float], peer_name: str, peer: list[float], **more: Any) -> Row:
    """A row without a target: shown so that the reader knows where we stand."""
    return Row(work, ours, peer_name, peer, **more)


def faster(work: str, ours: list[float], peer_name: str, peer: list[float], times: float, **more: Any) -> Row:
    """A row that has to be `times` as fast as its peer, best against best."""
    met = min(peer) / min(ours) >= times
    wanted = "faster" if times == 1 else f"{times:g}x faster"
    return Row(work, ours, peer_name, peer, Target(wanted, met), goal=times, **more)


def within(work: str, ours: list[float], peer_name: str, peer: list[float], times: float, **more: Any) -> Row:
    """A row that may take at most `times` the time of its peer."""
    met = min(ours) / min(peer) <= times
    return Row(work, ours, peer_name, peer, Target(f"at most {times:g}x the time", met), goal=1 / times, **more)


def at_rate(work: str, ours: list[float], peer_name: str, peer: list[float], per_second: float, **more: Any) -> Row:
    """A row that has to reach so many events a second."""
    target = Target(f"{per_second / 1e6:g} M events/s", MICRO / min(ours) >= per_second)
    return Row(work, ours, peer_name, peer, target, rate=True, **more)


def at_most(work: str, ours: list[float], peer_name: str, peer: list[float], most: float, **more: Any) -> Row:
    """A row that has a limit of its own, whatever the peer does."""
    unit = more.get("unit", Row.unit)
    return Row(work, ours, peer_name, peer, Target(f"at most {most:g} {unit}", min(ours) <= most), **more)


def at_most_more(work: str, ours: list[float], peer_name: str, peer: list[float], most: float, **more: Any) -> Row:
    """A row that may take so much more than its peer, best against best."""
    found = min(ours) - min(peer)
    target = Target(f"at most {most:g} {more.get('unit', Row.unit)} more ({found:.3g})", found <= most)
    return Row(work, ours, peer_name, peer, target, **more)


def timed(run: Callable[[], object], events: int) -> float:
    """Microseconds an event that `run` takes. The garbage collector stays on, as it is for whoever uses this."""
    gc.collect()
    started = time.perf_counter()
    run()
    return (time.perf_counter() - started) * MICRO / events


def race(rounds: int, *contestants: Callable[[], float]) -> list[list[float]]:
    """Let each contestant run once a round, in turns: A B A B. Each returns its own figure, preparations left out."""
    figures: list[list[float]] = [[] for _ in contestants]
    for _ in range(rounds):
        for contestant, own in zip(contestants, figures, strict=True):
            own.append(contestant())
    return figures
