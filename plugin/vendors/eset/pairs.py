"""Pairs: which of PROTECT's groups and which of MSP Administrator's customers are one client.

Neither interface tells: a group names no company id, and the service that would has no call to
read it. So pairs are proposed by name and confirmed by a person; a confirmed pair holds by ids,
whatever the names become.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from plugin.domain.model import CustomerPair

LEAST_LIKENESS = 80
COMMON_WORD = 20
"""A word in more customers' names than this (a legal form) makes nobody alike."""

_NO_LETTER = re.compile(r"[\W_]+")
_LINE = re.compile(r"\s*([^\s=,;]{1,190})\s*=\s*([^\s=,;]{1,190})\s*")


Key = Callable[["Named"], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Named:
    """A group or a customer: its id and the names from right below the MSP down to it."""

    id: str
    path: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its own name."""
        return self.path[-1] if self.path else ""


def propose_pairs(groups: Sequence[Named], customers: Sequence[Named]) -> tuple[CustomerPair, ...]:
    """Return at most one proposal for each group and customer, the surest first.

    100 for the same path of names, 95 for the same name, less for likeness down to 80. A name
    that stands for several on one side is no proof and proposes nothing.
    """
    found: list[CustomerPair] = []
    for score, reason, key in _TIERS:
        left = [each for each in groups if each.id not in {pair.workspace_id for pair in found}]
        right = [each for each in customers if each.id not in {pair.customer_id for pair in found}]
        found += _same(left, right, score, reason, key)
    taken = {pair.workspace_id for pair in found}, {pair.customer_id for pair in found}
    rest = [each for each in groups if each.id not in taken[0]]
    found += _alike(rest, [each for each in customers if each.id not in taken[1]])
    return tuple(found)


def read_pairs(text: str) -> dict[str, str]:
    """Return the confirmed pairs, group id to customer id, from ``group=customer`` lines.

    Raises ValueError, naming the line, for one that is not of that form or a group or customer
    that stands there twice.
    """
    pairs: dict[str, str] = {}
    for number, line in enumerate(re.split(r"[\n,;]", text), 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} is not of the form group=customer")
        if match[1] in pairs or match[2] in pairs.values():
            raise ValueError(f"line {number} names a group or customer a second time")
        pairs[match[1]] = match[2]
    return pairs


def _plain(name: str) -> str:
    return _NO_LETTER.sub(" ", name.casefold()).strip()


def _path_key(each: Named) -> tuple[str, ...]:
    return tuple(map(_plain, each.path))


def _name_key(each: Named) -> tuple[str, ...]:
    return (_plain(each.name),)


_TIERS = (
    (100, "same path of names", _path_key),
    (95, "same name", _name_key),
)


def _same(
    groups: Iterable[Named], customers: Iterable[Named], score: int, reason: str, key: Key
) -> Iterator[CustomerPair]:
    """Yield the pairs whose key is the same and stands once on each side."""
    ours, theirs = _by_key(groups, key), _by_key(customers, key)
    for name, mine in ours.items():
        others = theirs.get(name, [])
        if len(mine) == len(others) == 1 and any(name):
            yield _pair(mine[0], others[0], score, reason)


def _by_key(each: Iterable[Named], key: Key) -> dict[tuple[str, ...], list[Named]]:
    found: dict[tuple[str, ...], list[Named]] = defaultdict(list)
    for one in each:
        found[key(one)].append(one)
    return found


def _alike(groups: Sequence[Named], customers: Sequence[Named]) -> Iterator[CustomerPair]:
    """Yield the likest pairs that are left, each side once."""
    scored = sorted(_scored(groups, customers), key=lambda one: (-one[0], one[1].id, one[2].id))
    used: set[str] = set()
    for score, group, customer in scored:
        if group.id not in used and customer.id not in used:
            used |= {group.id, customer.id}
            yield _pair(group, customer, score, "similar name")


def _scored(
    groups: Iterable[Named], customers: Iterable[Named]
) -> Iterator[tuple[int, Named, Named]]:
    """Yield who is alike enough, comparing only names that share a word that is not common."""
    by_word: dict[str, dict[str, Named]] = defaultdict(dict)
    for customer in customers:
        for word in _plain(customer.name).split():
            by_word[word][customer.id] = customer
    for group in groups:
        words = _plain(group.name).split()
        rare = [by_word[word] for word in words if word in by_word]
        sharing = {k: one for some in rare if len(some) <= COMMON_WORD for k, one in some.items()}
        for customer in sharing.values():
            score = _likeness(words, _plain(customer.name).split())
            if score >= LEAST_LIKENESS:
                yield min(94, score), group, customer


def _likeness(one: Sequence[str], other: Sequence[str]) -> int:
    texts = " ".join(sorted(one))[:200], " ".join(sorted(other))[:200]
    return round(100 * SequenceMatcher(None, *texts).ratio())


def _pair(group: Named, customer: Named, score: int, reason: str) -> CustomerPair:
    return CustomerPair(group.id, group.name, customer.id, customer.name, score, reason)
