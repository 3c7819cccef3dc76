"""Which bridge does the talking for which workspace, and for which integration.

Everything here is deterministic: the same input gives the same plan on every machine. A settled
map stays as it is, a lost bridge moves only its own workspaces, and a bridge that comes back takes
only what lowers the heaviest load.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_TOLERANCE = 1e-9

WORTH = 0.02
"""A workspace changes hands only for so much of the mean load: measured costs waver, and a map that
follows them is never settled. Where nothing was settled yet, every gain counts."""


@dataclass(frozen=True, slots=True)
class Move:
    """One workspace that changes hands; ``before`` is empty when nobody had it."""

    workspace: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A proposed map, with what it changes and what each bridge carries before and after."""

    assigned: Mapping[str, str]
    moves: tuple[Move, ...]
    load_before: Mapping[str, float]
    load_after: Mapping[str, float]

    @property
    def heaviest(self) -> float:
        """The largest load after the plan."""
        return max(self.load_after.values(), default=0.0)


def balance(
    weights: Mapping[str, float],
    bridges: Iterable[str],
    current: Mapping[str, str],
    *,
    pins: Mapping[str, str] | None = None,
    capacity: Mapping[str, float] | None = None,
    level: bool = False,
) -> Plan:
    """Spread workspaces over the bridges that are online, moving as few as possible.

    ``pins`` are a person's choices and hold while their bridge is online. ``capacity`` is the load
    a bridge should not exceed (missing: none); it is exceeded only when no bridge has room.
    ``level`` also evens out loads between bridges that are busy already; without it only a bridge
    that holds nothing is given work of others. Either way a move has to gain something (``WORTH``).

    >>> balance({"north": 90, "south": 10, "west": 40}, ["pc1", "pc2"], {"north": "pc1"}).assigned
    {'north': 'pc1', 'south': 'pc2', 'west': 'pc2'}
    """
    online = sorted(set(bridges))
    board = _Board(weights, online, current, pins or {}, capacity or {})
    if online:
        board.place_homeless()
        # Where nothing was settled, trading costs no movement.
        trade = level or board.started_empty
        board.level(set(online) if trade else board.idle, trade=trade)
    return board.plan()


class _Board:
    """The map while it is being made."""

    def __init__(
        self,
        weights: Mapping[str, float],
        online: Sequence[str],
        current: Mapping[str, str],
        pins: Mapping[str, str],
        capacity: Mapping[str, float],
    ) -> None:
        self.weights, self.online, self.current, self.capacity = weights, online, current, capacity
        present = set(online)
        self.pinned = {name for name, bridge in pins.items() if bridge in present}
        wanted = {**current, **{name: pins[name] for name in self.pinned}}
        self.held: dict[str, set[str]] = {bridge: set() for bridge in online}
        self.load = dict.fromkeys(online, 0.0)
        self.homeless = []
        for name in sorted(weights):  # one order: sums of fractions differ in their last digit
            bridge = wanted.get(name, "")
            if bridge in present:
                self._give(name, bridge)
            else:
                self.homeless.append(name)
        self.started_empty = len(self.homeless) == len(weights)
        before = {current.get(name) for name in weights}
        self.idle = {bridge for bridge in online if bridge not in before}
        self.load_before = self._loads_of(current)
        mean = sum(weights.values()) / max(len(online), 1)
        self.least_gain = _TOLERANCE + (0.0 if self.started_empty else WORTH * mean)

    def place_homeless(self) -> None:
        """Give each workspace without a bridge, the heaviest first, to the least loaded one."""
        heap = [(self.load[bridge], bridge) for bridge in self.online]
        heapq.heapify(heap)
        for name in sorted(self.homeless, key=lambda name: (-self.weights[name], name)):
            bridge = self._roomiest(heap, self.weights[name])
            self._give(name, bridge)
            heapq.heappush(heap, (self.load[bridge], bridge))

    def _roomiest(self, heap: list[tuple[float, str]], weight: float) -> str:
        """Take the least loaded bridge with room from the heap (or the least loaded of all)."""
        full = []
        while heap:
            load, bridge = heapq.heappop(heap)
            if load + weight <= self.capacity.get(bridge, float("inf")) + _TOLERANCE:
                break
            full.append((load, bridge))
        else:
            bridge = min(full, key=lambda each: (self._overload(each[1], weight), each[1]))[1]
            full.remove((self.load[bridge], bridge))
        for each in full:
            heapq.heappush(heap, each)
        return bridge

    def _overload(self, bridge: str, weight: float) -> float:
        return (self.load[bridge] + weight) / max(self.capacity.get(bridge, 1.0), _TOLERANCE)

    def level(self, takers: set[str], *, trade: bool) -> None:
        """Let ``takers`` relieve the heaviest bridges while that lowers the heaviest load.

        With ``trade`` a taker may give something lighter in return.
        """
        heaviest = [(-load, bridge) for bridge, load in self.load.items()]
        heapq.heapify(heaviest)
        lightest = [(self.load[bridge], bridge) for bridge in takers]
        heapq.heapify(lightest)
        while heaviest and lightest:
            load, giver = heaviest[0]
            if -load != self.load[giver]:
                heapq.heapreplace(heaviest, (-self.load[giver], giver))
                continue
            taker = self._freshest(lightest)
            moved = self._relieve(giver, taker, trade=trade)
            if not moved:
                return
            heapq.heapreplace(heaviest, (-self.load[giver], giver))
            heapq.heapreplace(lightest, (self.load[taker], taker))
            heapq.heappush(heaviest, (-self.load[taker], taker))

    def _freshest(self, lightest: list[tuple[float, str]]) -> str:
        while lightest[0][0] != self.load[lightest[0][1]]:
            bridge = lightest[0][1]
            heapq.heapreplace(lightest, (self.load[bridge], bridge))
        return lightest[0][1]

    def _relieve(self, giver: str, taker: str, *, trade: bool) -> bool:
        """Move the workspace that evens the two out best, or trade; False when nothing helps."""
        gap = self.load[giver] - self.load[taker]
        room = self.capacity.get(taker, float("inf")) - self.load[taker]
        fitting = [
            (abs(gap / 2 - self.weights[name]), name)
            for name in self._movable(giver)
            if self._gains(self.weights[name], gap) and self.weights[name] <= room + _TOLERANCE
        ]
        if fitting:
            self._take(min(fitting)[1], giver, taker)
            return True
        return trade and self._trade(giver, taker, gap, room)

    def _gains(self, weight: float, gap: float) -> bool:
        """Tell whether the heavier of two gets light enough by it when so much changes hands."""
        return min(weight, gap - weight) > self.least_gain

    def _trade(self, giver: str, taker: str, gap: float, room: float) -> bool:
        """Move one heavy workspace over and lighter ones back; False when no trade helps."""
        mine = {self.weights[name]: name for name in self._movable(giver)}
        theirs = sorted(self._movable(taker), key=lambda name: (-self.weights[name], name))
        best: tuple[float, str, list[str]] | None = None
        for weight, name in sorted(mine.items()):
            back, returned = [], 0.0
            for other in theirs:
                if returned + self.weights[other] <= weight - gap / 2 + _TOLERANCE:
                    back.append(other)
                    returned += self.weights[other]
            net = weight - returned
            if self._gains(net, gap) and net <= room + _TOLERANCE:
                found = (abs(gap / 2 - net), name, back)
                best = found if best is None else min(best, found)
        if best is None:
            return False
        self._take(best[1], giver, taker)
        for other in best[2]:
            self._take(other, taker, giver)
        return True

    def _movable(self, bridge: str) -> list[str]:
        return sorted(name for name in self.held[bridge] if name not in self.pinned)

    def _give(self, name: str, bridge: str) -> None:
        self.held[bridge].add(name)
        self.load[bridge] += self.weights[name]

    def _take(self, name: str, giver: str, taker: str) -> None:
        self.held[giver].discard(name)
        self.load[giver] -= self.weights[name]
        self._give(name, taker)

    def _loads_of(self, assigned: Mapping[str, str]) -> dict[str, float]:
        loads = dict.fromkeys(self.online, 0.0)
        for name, bridge in assigned.items():
            if name in self.weights:
                loads[bridge] = loads.get(bridge, 0.0) + self.weights[name]
        return loads

    def plan(self) -> Plan:
        assigned = {name: bridge for bridge, held in self.held.items() for name in sorted(held)}
        ordered = {name: assigned[name] for name in self.weights if name in assigned}
        moves = tuple(
            Move(name, self.current.get(name, ""), bridge)
            for name, bridge in ordered.items()
            if self.current.get(name, "") != bridge
        )
        return Plan(ordered, moves, self.load_before, dict(self.load))


def lower_bound(weights: Iterable[float], bridges: int) -> float:
    """Return a load below which no spread can keep its heaviest bridge.

    The largest of: the mean, the heaviest workspace, and what the pigeonhole puts together (of the
    k·m + 1 heaviest, k + 1 must share a bridge).
    """
    ordered = sorted(weights, reverse=True)
    if not ordered or bridges < 1:
        return 0.0
    bound = max(sum(ordered) / bridges, ordered[0])
    for count in range(1, (len(ordered) - 1) // bridges + 1):
        together = ordered[count * bridges - count : count * bridges + 1]
        bound = max(bound, sum(together))
    return bound


@dataclass(frozen=True, slots=True)
class Pools:
    """Which bridges serve which integration; ``lent`` are those away from their own one."""

    assigned: Mapping[str, str]
    lent: tuple[str, ...] = ()
    unserved: tuple[str, ...] = field(default=())


def share_out(
    loads: Mapping[str, float],
    bridges: Iterable[str],
    current: Mapping[str, str],
    pins: Mapping[str, str] | None = None,
) -> Pools:
    """Map bridges onto integrations by their load, one each first, moving as few as possible.

    An integration that lost its only bridge is lent one: the idle bridge, or one of the integration
    whose remaining bridges would then carry the least. ``pins`` hold while both sides exist.

    >>> share_out({"a": 10, "b": 1}, ["pc1", "pc2", "pc3"], {"pc1": "b"}).assigned
    {'pc1': 'b', 'pc2': 'a', 'pc3': 'a'}
    """
    pinned = {pc: name for pc, name in (pins or {}).items() if name in loads}
    online = sorted(set(bridges))
    assigned = {pc: current[pc] for pc in online if current.get(pc) in loads}
    assigned |= {pc: pinned[pc] for pc in online if pc in pinned}
    for pc in [each for each in online if each not in assigned]:
        needy = _neediest(loads, assigned)
        if needy is not None:
            assigned[pc] = needy
    lent = []
    for name in sorted(loads, key=lambda name: (-loads[name], name)):
        spare = _spare(loads, assigned, pinned) if name not in assigned.values() else None
        if spare is not None:
            assigned[spare] = name
            lent.append(spare)
    unserved = tuple(name for name in sorted(loads) if name not in assigned.values())
    return Pools(dict(sorted(assigned.items())), tuple(lent), unserved)


def _neediest(loads: Mapping[str, float], assigned: Mapping[str, str]) -> str | None:
    counts = dict.fromkeys(loads, 0)
    for name in assigned.values():
        counts[name] += 1
    if not counts:
        return None
    return min(
        counts, key=lambda name: (counts[name] > 0, -loads[name] / max(counts[name], 1), name)
    )


def _spare(
    loads: Mapping[str, float], assigned: Mapping[str, str], pinned: Mapping[str, str]
) -> str | None:
    pools: dict[str, list[str]] = {}
    for pc, name in assigned.items():
        if pc not in pinned:
            pools.setdefault(name, []).append(pc)
    full = {name: sum(1 for each in assigned.values() if each == name) for name in pools}
    rich = [name for name in pools if full[name] > 1]
    if not rich:
        return None
    name = min(rich, key=lambda name: (loads[name] / (full[name] - 1), name))
    return max(pools[name])
