"""PF10: spreading workspaces over bridges, beside rendezvous hashing and the exact optimum.

Rendezvous hashing is that of the library clandestined (murmur3); it knows no weights. It is asked
for 500 workspaces on 50 bridges, because ten million hashes in plain Python take minutes.
"""

import itertools
import random
import time
from collections.abc import Callable

from clandestined import RendezvousHash

from bench.table import Row
from plugin.domain.bridges import balance, lower_bound

Weights = dict[str, float]


def run() -> list[Row]:
    """Measure quality, movement and time on random and hostile weights, and small exact cases."""
    rows = [_large(name, make) for name, make in KINDS.items()]
    rows += [_movement(name, make) for name, make in KINDS.items()]
    rows.append(_exact())
    return rows


def _random(dice: random.Random, count: int) -> Weights:
    return {f"w{number}": dice.uniform(1, 100) for number in range(count)}


def _few_sizes(dice: random.Random, count: int) -> Weights:
    return {f"w{number}": float(dice.choice((1, 7, 13))) for number in range(count)}


def _long_tail(dice: random.Random, count: int) -> Weights:
    return {f"w{number}": dice.paretovariate(1.2) for number in range(count)}


def _equal(dice: random.Random, count: int) -> Weights:
    return {f"w{number}": 10.0 for number in range(count)}


def _giant(dice: random.Random, count: int) -> Weights:
    """One client as large as all others together."""
    return {**_equal(dice, count), "w0": 10.0 * count}


def _just_over_half(dice: random.Random, count: int) -> Weights:
    """Nearly all weight in pieces of which no two go together, one more of them than bridges."""
    return {f"w{each}": 51.0 if each <= count // 10 else 0.01 for each in range(count)}


def _pairs(dice: random.Random, count: int) -> Weights:
    """The worst case of "the heaviest first": two each of 2m-1 to m+1, and three of m."""
    bridges = count // 10
    sizes = [size for size in range(2 * bridges - 1, bridges, -1) for _ in range(2)]
    return {f"w{each}": float(size) for each, size in enumerate([*sizes, *[bridges] * 3])}


KINDS: dict[str, Callable[[random.Random, int], Weights]] = {
    "random": _random,
    "few sizes": _few_sizes,
    "long tail": _long_tail,
    "equal": _equal,
    "one giant": _giant,
    "just over half": _just_over_half,
    "the heaviest first misled": _pairs,
}


def _rendezvous(weights: Weights, bridges: list[str]) -> float:
    """Return the heaviest load when each workspace goes where the hash is highest."""
    load, hashing = dict.fromkeys(bridges, 0.0), RendezvousHash(bridges)
    for name, weight in weights.items():
        load[hashing.find_node(name)] += weight
    return max(load.values())


def _large(name: str, make: Callable[[random.Random, int], Weights]) -> Row:
    weights = make(random.Random(1), 10_000)
    bridges = [f"b{number}" for number in range(1_000)]
    started = time.perf_counter()
    plan = balance(weights, bridges, {})
    seconds = time.perf_counter() - started
    mean = sum(weights.values()) / len(bridges)
    easy = max(weights.values()) <= mean and len(weights) >= 10 * len(bridges)
    # Above the mean only where no spread can reach it ("just over half": two must share a bridge).
    bound = lower_bound(weights.values(), len(bridges))
    limit = 1.03 if easy else 4 / 3
    few = make(random.Random(1), 500)
    hashed = _rendezvous(few, bridges[:50]) / lower_bound(few.values(), 50)
    quality = plan.heaviest / bound
    return Row(
        "PF10",
        f"{len(weights):,} × 1,000, {name}",
        f"heaviest {quality:.3f} × bound, {seconds:.2f} s",
        f"rendezvous {hashed:.2f} × (500 × 50)",
        f"{quality / hashed:.2f}",
        f"≤ {limit:.2f} ×, ≤ 1 s",
        quality <= limit and seconds <= 1,
    )


def _movement(name: str, make: Callable[[random.Random, int], Weights]) -> Row:
    weights = make(random.Random(2), 10_000)
    bridges = [f"b{number}" for number in range(1_000)]
    settled = balance(weights, bridges, {})
    lost = balance(weights, bridges[1:], settled.assigned)
    own = sum(bridge == "b0" for bridge in settled.assigned.values())
    back = balance(weights, bridges, lost.assigned)
    needless = sum(move.after != "b0" for move in back.moves)
    still = len(balance(weights, bridges, back.assigned).moves)
    lowered = back.heaviest <= lost.heaviest
    return Row(
        "PF10",
        f"one bridge lost and back, {name}",
        f"{len(lost.moves)} moved, {len(back.moves)} moved back",
        f"{own} were the lost one's",
        f"{len(lost.moves) / max(own, 1):.2f}",
        "only its own; then none that does not help",
        len(lost.moves) == own and not needless and not still and lowered,
    )


def _exact() -> Row:
    dice = random.Random(3)
    worst = 0.0
    for _ in range(30):
        weights = {f"w{number}": float(dice.randint(1, 30)) for number in range(7)}
        bridges = ["a", "b", "c"]
        ours = balance(weights, bridges, {}).heaviest
        best = min(
            max(_loads(weights, choice, 3)) for choice in itertools.product(range(3), repeat=7)
        )
        worst = max(worst, ours / best)
    return Row(
        "PF10",
        "30 small cases (7 × 3) beside the exact optimum",
        f"worst {worst:.3f} ×",
        "1",
        f"{worst:.3f}",
        "≤ 1.33 ×",
        worst <= 4 / 3,
    )


def _loads(weights: Weights, choice: tuple[int, ...], bridges: int) -> list[float]:
    loads = [0.0] * bridges
    for weight, bridge in zip(weights.values(), choice, strict=True):
        loads[bridge] += weight
    return loads
