"""Which company a workspace probably is, with a score and the reasons a person can check.

Names alone are weak evidence: "Smith Dental" and "Smith Rental" look alike and are strangers. So
only a name that is equal but for spelling, unique on both sides and contradicted by nothing else
we know, may be accepted without a look. The string distance is rapidfuzz's, a pure function.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rapidfuzz import fuzz, process

from plugin.domain.names import bare_domain, exact_name, forms_agree, normal_name, numbers_of

LEAST_SCORE = 80
MOST_SUGGESTIONS = 3
EXACT, SAME_WORDS, SAME_DOMAIN, SAME_DEVICES, HELD, OTHER_NUMBER = 100, 97, 95, 90, 85, 82
"""Scores of what is known for sure; in between stands how much of the names is alike."""

_MUCH = 0.5
"""The share of a workspace's devices that speaks for a company, or for another one."""
_FAR_APART = 50
_FEW_WORDS = 2
_NEAREST = 10
_COMMON = 150
"""A word that more companies share tells too little to look at all of them."""


@dataclass(frozen=True, slots=True)
class Party:
    """One side's record of a client: a workspace or a company."""

    id: str
    name: str
    domain: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A company that a workspace may be; ``sure`` ones can be accepted without a look."""

    workspace_id: str
    company_id: str
    score: int
    reasons: tuple[str, ...]
    sure: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is known besides the two lists.

    ``refused`` are pairs of workspace and company id that were turned down, ``taken`` companies
    that are another workspace's, ``beside`` workspaces that nothing is asked about. The taken and
    the others are not suggested, but a name that stands there too is not unique. ``shares`` says
    by workspace which part of its devices (0 to 1) are computers of which company.
    """

    refused: frozenset[tuple[str, str]] = frozenset()
    taken: frozenset[str] = frozenset()
    beside: Sequence[Party] = ()
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What one workspace and one company have in common."""

    exact: bool
    same_words: bool
    held: bool
    forms_agree: bool
    same_numbers: bool
    same_domain: bool
    contradicted: bool
    alike: float
    shared: float


def suggest(
    workspaces: Sequence[Party], companies: Sequence[Party], known: Known | None = None
) -> list[Suggestion]:
    """Suggest up to three companies for each workspace, the best first."""
    board = _Board(workspaces, companies, known or Known())
    return [found for workspace in workspaces for found in board.suggest(workspace)]


class _Board:
    """Both sides, prepared for looking up."""

    def __init__(
        self, workspaces: Sequence[Party], companies: Sequence[Party], known: Known
    ) -> None:
        self._companies = {each.id: each for each in companies}
        self._offered = {
            each.id: _sorted_words(each.name) for each in companies if each.id not in known.taken
        }
        self._by_name = _group(companies, lambda each: normal_name(each.name))
        self._by_domain = _group(companies, lambda each: bare_domain(each.domain))
        self._by_word: dict[str, list[str]] = defaultdict(list)
        for company_id, words in self._offered.items():
            for word in words.split():
                self._by_word[word].append(company_id)
        self._shares = known.shares
        everyone = [*workspaces, *known.beside]
        self._names_here = Counter(normal_name(each.name) for each in everyone)
        self._refused: dict[str, set[str]] = defaultdict(set)
        for workspace_id, company_id in known.refused:
            self._refused[workspace_id].add(company_id)

    def suggest(self, workspace: Party) -> list[Suggestion]:
        sharing = self._shares.get(workspace.id, {})
        refused = self._refused.get(workspace.id, set())
        found = [
            self._judge(workspace, self._companies[company_id], sharing)
            for company_id in self._candidates(workspace, sharing, len(refused))
            if company_id not in refused
        ]
        found.sort(key=lambda each: (not each.sure, -each.score, each.company_id))
        return found[:MOST_SUGGESTIONS]

    def _candidates(
        self, workspace: Party, sharing: Mapping[str, float], refused: int
    ) -> Iterator[str]:
        """Yield each company that anything speaks for, once."""
        alike = process.extract(
            _sorted_words(workspace.name),
            self._offered,
            scorer=fuzz.ratio,
            score_cutoff=LEAST_SCORE,
            limit=MOST_SUGGESTIONS + refused,
        )
        found = [company_id for _, _, company_id in alike]
        found += self._holding(workspace)
        found += self._by_name.get(normal_name(workspace.name), [])[: MOST_SUGGESTIONS + refused]
        found += self._by_domain.get(bare_domain(workspace.domain), [])[:MOST_SUGGESTIONS]
        found += [company_id for company_id, share in sharing.items() if share >= _MUCH]
        yield from (each for each in dict.fromkeys(found) if each in self._offered)

    def _holding(self, workspace: Party) -> Iterator[str]:
        """Yield companies whose name holds all words of the workspace's, or the other way."""
        words = _sorted_words(workspace.name).split()
        near = Counter(
            company_id
            for word in dict.fromkeys(words)
            if len(self._by_word.get(word, ())) <= _COMMON
            for company_id in self._by_word.get(word, ())
        )
        for company_id, _ in near.most_common(_NEAREST):
            if _held(words, self._offered[company_id].split()):
                yield company_id

    def _judge(self, workspace: Party, company: Party, sharing: Mapping[str, float]) -> Suggestion:
        evidence = _weigh(workspace, company, sharing)
        reasons = tuple(_reasons(workspace, company, evidence))
        sure = (
            evidence.exact
            and evidence.forms_agree
            and not evidence.contradicted
            and self._is_unique(workspace, company)
        )
        return Suggestion(workspace.id, company.id, _score(evidence), reasons, sure)

    def _is_unique(self, workspace: Party, company: Party) -> bool:
        """Tell whether nobody else on either side has this name, however it is spelled."""
        name = normal_name(workspace.name)
        return self._names_here[name] == 1 and self._by_name.get(name) == [company.id]


def _weigh(workspace: Party, company: Party, sharing: Mapping[str, float]) -> _Evidence:
    here, there = bare_domain(workspace.domain), bare_domain(company.domain)
    names = workspace.name, company.name
    words = [_sorted_words(each) for each in names]
    elsewhere = any(share >= _MUCH for other, share in sharing.items() if other != company.id)
    return _Evidence(
        exact=bool(exact_name(names[0])) and exact_name(names[0]) == exact_name(names[1]),
        same_words=bool(words[0]) and words[0] == words[1],
        held=_held(words[0].split(), words[1].split()),
        forms_agree=forms_agree(*names),
        same_numbers=numbers_of(names[0]) == numbers_of(names[1]),
        same_domain=bool(here) and here == there,
        contradicted=bool(here and there and here != there)
        or elsewhere
        or _is_elsewhere(workspace.address, company.address),
        alike=fuzz.ratio(*words),
        shared=sharing.get(company.id, 0.0),
    )


def _held(one: Sequence[str], other: Sequence[str]) -> bool:
    """Tell whether one name holds all words of the other, and these are enough to name somebody."""
    shared = set(one) & set(other)
    return len(shared) >= _FEW_WORDS and len(shared) == min(len(set(one)), len(set(other)))


def _is_elsewhere(one: str, other: str) -> bool:
    """Tell whether two addresses have so little in common that they are two places."""
    if not one.strip() or not other.strip():
        return False
    return fuzz.token_set_ratio(one.casefold(), other.casefold()) < _FAR_APART


def _score(evidence: _Evidence) -> int:
    if evidence.exact:
        return EXACT
    by_name = min(max(int(evidence.alike), HELD * evidence.held), SAME_WORDS)
    if not evidence.same_numbers:
        by_name = min(by_name, OTHER_NUMBER)
    by_domain = SAME_DOMAIN * evidence.same_domain
    return max(by_name, by_domain, SAME_DEVICES * (evidence.shared >= _MUCH))


# -- reasons -------------------------------------------------------------------------------------


def _reasons(workspace: Party, company: Party, evidence: _Evidence) -> Iterator[str]:
    yield _about_names(workspace.name, company.name, evidence)
    if evidence.same_domain:
        yield f"same domain {company.domain}"
    if workspace.address and workspace.address.casefold() == company.address.casefold():
        yield "same address"
    if evidence.shared:
        yield f"{evidence.shared:.0%} of the devices are computers of this company"
    yield from _doubts(workspace, company, evidence)


def _about_names(one: str, other: str, evidence: _Evidence) -> str:
    if evidence.exact:
        same = one.casefold() == other.casefold()
        return "the names are equal" if same else "the names are equal but for spelling"
    if evidence.same_words:
        inner = normal_name(one) == normal_name(other)
        return "the names differ in accents only" if inner else "the same words in another order"
    if evidence.held:
        return "one name holds the other"
    return f"the names are {evidence.alike:.0f} % alike"


def _doubts(workspace: Party, company: Party, evidence: _Evidence) -> Iterator[str]:
    if not evidence.exact:
        yield from _other_words(workspace.name, company.name)
    if evidence.same_words and not evidence.forms_agree:
        yield "but the legal forms differ"
    here, there = bare_domain(workspace.domain), bare_domain(company.domain)
    if here and there and here != there:
        yield f"but the domains differ: {here} and {there}"
    if _is_elsewhere(workspace.address, company.address):
        yield "but the addresses differ"


def _other_words(one: str, other: str) -> Iterator[str]:
    """Yield the words that only one of two names has, when they are few enough to read."""
    mine, theirs = (normal_name(each).split() for each in (one, other))
    here = [each for each in mine if each not in theirs][: _FEW_WORDS + 1]
    there = [each for each in theirs if each not in mine][: _FEW_WORDS + 1]
    if not (here or there) or max(len(here), len(there)) > _FEW_WORDS:
        return
    if here and there:
        yield f"but “{' '.join(here)}” is not “{' '.join(there)}”"
    else:
        yield f"but only one of them says “{' '.join(here or there)}”"


# -- looking up ----------------------------------------------------------------------------------


def _group(parties: Sequence[Party], key: Callable[[Party], str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for each in parties:
        if word := key(each):
            found[word].append(each.id)
    return found


def _sorted_words(name: str) -> str:
    return " ".join(sorted(normal_name(name).split()))
