"""Which computer of the host a vendor's device is: by serial, then MAC, then name, or a doubt.

Serial numbers that makers leave unfilled and addresses that many machines share prove nothing. A
match is taken only where both sides have exactly one such machine and nothing speaks against it;
everything else is a doubt for a person, never a guess.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

SERIAL, MAC, NAME = "serial", "mac", "name"
_UNFILLED = re.compile(
    r"(to ?be ?filled.*|default ?string|system ?serial.*|none|n/?a|unknown|not ?(specified|"
    r"applicable|available)|oem|o\.e\.m\.|(.)\3*|0?123456789.*|empty|invalid|chassis.*)",
    re.IGNORECASE,
)
_SHARED_MACS = frozenset({"000000000000", "ffffffffffff", "020054554e01", "005056c00001"})
"""Nothing, everybody, and the addresses that two common network drivers give every machine."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A device or a computer, as far as it can be told from others."""

    id: str
    name: str
    serial: str = ""
    macs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A computer that a device may be, and why."""

    id: str
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Match:
    """What was decided for a device: one computer, or the candidates of a doubt."""

    device_id: str
    computer_id: str
    how: str
    candidates: tuple[Candidate, ...]


def match(
    devices: Sequence[Machine],
    computers: Sequence[Machine],
    settled: Mapping[str, str],
    refused: Mapping[str, Collection[str]],
) -> list[Match]:
    """Decide for every device of a workspace that shares something with the company's computers.

    ``settled`` is what persons confirmed, device id to computer id; ``refused`` are the computers
    that they ruled out for a device. A device that resembles none is in no answer.
    """
    taken = set(settled.values())
    open_devices = [each for each in devices if each.id not in settled]
    free = [each for each in computers if each.id not in taken]
    board = _Board(open_devices, free, refused)
    found = [decided for device in open_devices if (decided := board.decide(device))]
    return _without_rivals(found)


def serial_key(serial: str) -> str:
    """Return what two serial numbers are compared by; empty for one that proves nothing.

    >>> serial_key(" 5cg-12345 "), serial_key("To be filled by O.E.M."), serial_key("0000000")
    ('5CG12345', '', '')
    """
    text = serial.strip()
    plain = re.sub(r"[^0-9A-Z]", "", text.upper())
    return "" if len(plain) < 4 or _UNFILLED.fullmatch(text) or len(set(plain)) == 1 else plain


def mac_key(mac: str) -> str:
    """Return a MAC address as twelve digits; empty for one that proves nothing.

    >>> mac_key("02-FF-00-00-00-0A"), mac_key("00:00:00:00:00:00")
    ('02ff0000000a', '')
    """
    digits = re.sub(r"[^0-9a-f]", "", mac.casefold())
    return digits if len(digits) == 12 and digits not in _SHARED_MACS else ""


def name_key(name: str) -> str:
    """Return a computer's own name without its domain.

    >>> name_key("PC-7.corp.example")
    'pc-7'
    """
    return name.strip().casefold().partition(".")[0]


def _keys(machine: Machine) -> Mapping[str, frozenset[str]]:
    """Return what speaks for a machine, the strongest first."""
    macs = (mac_key(each) for each in machine.macs)
    return {
        SERIAL: frozenset({serial_key(machine.serial)} - {""}),
        MAC: frozenset(set(macs) - {""}),
        NAME: frozenset({name_key(machine.name)} - {""}),
    }


class _Board:
    """Both sides, prepared for looking up."""

    def __init__(
        self,
        devices: Sequence[Machine],
        computers: Sequence[Machine],
        refused: Mapping[str, Collection[str]],
    ) -> None:
        self.refused = refused
        self.keys = {each.id: _keys(each) for each in computers}
        self.here = Counter(pair for each in devices for pair in _pairs(_keys(each)))
        self.by_key: dict[tuple[str, str], list[Machine]] = defaultdict(list)
        for computer in computers:
            for pair in _pairs(self.keys[computer.id]):
                self.by_key[pair].append(computer)

    def decide(self, device: Machine) -> Match | None:
        """Take the strongest sign that leads anywhere; None when none does."""
        keys, ruled_out = _keys(device), self.refused.get(device.id, ())
        for how in (SERIAL, MAC, NAME):
            shared = [(how, key) for key in sorted(keys[how])]
            found = {each.id: each for pair in shared for each in self.by_key.get(pair, ())}
            left = [each for each in found.values() if each.id not in ruled_out]
            if left:
                return self._judge(device, how, shared, left)
        return None

    def _judge(
        self, device: Machine, how: str, shared: list[tuple[str, str]], left: list[Machine]
    ) -> Match:
        whys = {each.id: self._against(device, how, each) for each in left}
        alone = all(self.here[pair] < 2 for pair in shared if pair in self.by_key)
        several = len(left) > 1 or not alone
        sure = not several and not whys[left[0].id]
        same = f"same {_WORDS[how]}"
        but = ", but several have it" if several else ""
        candidates = tuple(
            Candidate(each.id, each.name, same + but + whys[each.id]) for each in left
        )
        return Match(device.id, left[0].id if sure else "", how, candidates)

    def _against(self, device: Machine, how: str, computer: Machine) -> str:
        """Return which stronger sign says that these two are different machines."""
        mine, theirs = _keys(device), self.keys[computer.id]
        for sign in (SERIAL, MAC):
            if sign == how:
                break
            if mine[sign] and theirs[sign] and not mine[sign] & theirs[sign]:
                return f", but another {_WORDS[sign]}"
        return ""


_WORDS = {SERIAL: "serial number", MAC: "MAC address", NAME: "name"}


def _pairs(keys: Mapping[str, frozenset[str]]) -> Iterator[tuple[str, str]]:
    return ((how, key) for how, found in keys.items() for key in found)


def _without_rivals(found: list[Match]) -> list[Match]:
    """Make a doubt of every match whose computer another device was given too."""
    wanted = Counter(each.computer_id for each in found if each.computer_id)
    return [
        Match(each.device_id, "", each.how, _contested(each.candidates))
        if wanted[each.computer_id] > 1
        else each
        for each in found
    ]


def _contested(candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(each.id, each.name, f"{each.why}, but another device fits it too")
        for each in candidates
    )
