"""Which bridges stand in for lost ones, what a workspace weighs, and which bridge is slow."""

from collections.abc import Collection, Mapping
from statistics import median

FULLEST, LEAST = 32.0, 1 / 32
"""How far measured cost may bend the weight that the device count gives: far, because a walk over a
client of three computers can cost as many calls as one over three hundred."""

SLOW = 4.0
PROVEN = 10
"""How many times slower is slow, and how many walks prove it."""

QUICK = 0.1
"""Seconds for a call that nobody needs to beat: below it the differences are chance."""


def lend(
    loads: Mapping[str, float],
    homes: Mapping[str, str],
    online: Collection[str],
    lent: Mapping[str, str],
) -> dict[str, str]:
    """Return which bridge helps out at each integration whose own bridges are all lost.

    ``homes`` maps bridges onto integrations. A loan of before (``lent``) stays while its bridge
    lives. A bridge that belongs nowhere comes first, then the one that would carry the least.

    >>> lend({"a": 5, "b": 9}, {"pc1": "a", "pc2": "b"}, ["pc2"], {})
    {'a': 'pc2'}
    """
    served = {homes[bridge] for bridge in online if bridge in homes}
    orphans = sorted(set(homes.values()) - served, key=lambda name: (-loads.get(name, 0.0), name))
    carried = _carried(loads, homes, online)
    found = {}
    for name in orphans:
        bridge = lent.get(name, "")
        if bridge not in carried:
            if not carried:
                return {}
            bridge = min(carried, key=lambda each: (each in homes, carried[each], each))
        carried[bridge] += loads.get(name, 0.0)
        found[name] = bridge
    return found


def _carried(
    loads: Mapping[str, float], homes: Mapping[str, str], online: Collection[str]
) -> dict[str, float]:
    pools: dict[str, int] = {}
    for bridge in online:
        pools[homes.get(bridge, "")] = pools.get(homes.get(bridge, ""), 0) + 1
    return {
        bridge: loads.get(homes.get(bridge, ""), 0.0) / pools[homes.get(bridge, "")]
        for bridge in sorted(online)
    }


def weigh(devices: Mapping[str, int], seconds: Mapping[str, float]) -> dict[str, float]:
    """Return the weight of each workspace: its devices, bent by what walks over it really took.

    A walk costs something without any device too. Without a measurement the count alone decides.

    >>> weigh({"a": 9, "b": 9}, {})
    {'a': 10.0, 'b': 10.0}
    >>> weigh({"a": 9, "b": 9}, {"a": 30.0, "b": 10.0})
    {'a': 15.0, 'b': 5.0}
    """
    measured = {name: took for name, took in seconds.items() if took > 0 and name in devices}
    units = sum(devices[name] + 1 for name in measured)
    usual = sum(measured.values()) / units if units else 0.0
    weights = {}
    for name, count in devices.items():
        factor = measured[name] / (count + 1) / usual if name in measured else 1.0
        weights[name] = round((count + 1) * min(FULLEST, max(LEAST, factor)), 3)
    return weights


def slow(paces: Mapping[str, float], done: Mapping[str, int]) -> set[str]:
    """Return the bridges that need several times as long for a call as the others.

    One that was not measured (0) proves nothing.

    >>> slow({"a": 1.0, "b": 1.1, "c": 9.0}, {"a": 10, "b": 10, "c": 10})
    {'c'}
    """
    proven = {name: pace for name, pace in paces.items() if pace and done.get(name, 0) >= PROVEN}
    found = set()
    for name, pace in proven.items():
        others = [each for other, each in proven.items() if other != name]
        if others and pace > SLOW * max(median(others), QUICK):
            found.add(name)
    return found
