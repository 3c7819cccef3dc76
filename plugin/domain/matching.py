"""Which company a workspace probably is, with a score and the reasons a person can check.

Names alone are weak evidence: "Smith Dental" and "Smith Rental" look alike and are strangers. So
only what is equal after normalising, and unique on both sides, may be accepted without a look.
The string distance is rapidfuzz's and the list of legal forms cleanco's: both are pure functions.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from cleanco import basename
from rapidfuzz import fuzz, process

LEAST_SCORE = 80
MOST_SUGGESTIONS = 3

_SPELLINGS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "æ": "ae", "ł": "l", "đ": "d"}
)
_AND = re.compile(r"(?:\s|^)(?:&|\+|and|und|et)(?:\s|$)")
_OTHER = re.compile(r"[^a-z0-9]+")
_SAME_FORM = {
    "corporation": "corp",
    "incorporated": "inc",
    "limited": "ltd",
    "company": "co",
}


@dataclass(frozen=True, slots=True)
class Party:
    """One side's record of a client: a workspace or a company."""

    id: str
    name: str
    domain: str = ""
    address: str = ""
    serials: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A company that a workspace may be; ``sure`` ones can be accepted without a look."""

    workspace_id: str
    company_id: str
    score: int
    reasons: tuple[str, ...]
    sure: bool = False


@lru_cache(maxsize=50_000)
def normal_name(name: str) -> str:
    """Return a name without letter case, accents, legal form, "and" and punctuation.

    >>> normal_name("Müller & Söhne GmbH"), normal_name("Mueller und Soehne")
    ('mueller soehne', 'mueller soehne')
    """
    return _plain(basename(name) or name)


@lru_cache(maxsize=50_000)
def legal_form(name: str) -> str:
    """Return the legal form that a name carries, or an empty text.

    >>> legal_form("Northwind Ltd."), legal_form("Northwind")
    ('ltd', '')
    """
    whole, bare = _plain(name), normal_name(name)
    form = whole.removeprefix(bare).strip() if whole.startswith(bare) else ""
    return _SAME_FORM.get(form, form)


def _plain(name: str) -> str:
    text = name.casefold().translate(_SPELLINGS)
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join(_OTHER.sub(" ", _AND.sub(" ", text)).split())


def suggest(
    workspaces: Sequence[Party],
    companies: Sequence[Party],
    refused: Iterable[tuple[str, str]] = (),
) -> list[Suggestion]:
    """Suggest up to three companies for each workspace, the best first.

    ``refused`` are pairs of workspace and company id that a person has turned down before.
    """
    board = _Board(workspaces, companies, set(refused))
    return [found for workspace in workspaces for found in board.suggest(workspace)]


class _Board:
    """Both sides, prepared for looking up."""

    def __init__(
        self,
        workspaces: Sequence[Party],
        companies: Sequence[Party],
        refused: set[tuple[str, str]],
    ) -> None:
        self.refused = refused
        self.companies = {each.id: each for each in companies}
        self.sorted_names = {each.id: _sorted_words(each.name) for each in companies}
        self.by_name = _group(companies, lambda each: normal_name(each.name))
        self.by_domain = _group(companies, lambda each: each.domain.casefold())
        self.by_serial: dict[str, set[str]] = defaultdict(set)
        for company in companies:
            for serial in company.serials:
                self.by_serial[serial].add(company.id)
        self.names_here = Counter(normal_name(each.name) for each in workspaces)
        self.domains_here = Counter(each.domain.casefold() for each in workspaces)

    def suggest(self, workspace: Party) -> list[Suggestion]:
        scores = self._scores(workspace)
        found = [
            self._judge(workspace, self.companies[company_id], score)
            for company_id, score in scores.items()
            if (workspace.id, company_id) not in self.refused
        ]
        found.sort(key=lambda each: (not each.sure, -each.score, each.company_id))
        return found[:MOST_SUGGESTIONS]

    def _scores(self, workspace: Party) -> dict[str, int]:
        alike = process.extract(
            _sorted_words(workspace.name),
            self.sorted_names,
            scorer=fuzz.ratio,
            score_cutoff=LEAST_SCORE,
            limit=MOST_SUGGESTIONS + 5 * bool(self.refused),
        )
        scores = {company_id: int(score) for _, score, company_id in alike}
        for company_id in self.by_domain.get(workspace.domain.casefold(), []):
            scores[company_id] = max(scores.get(company_id, 0), 95)
        for company_id, shared in self._sharing(workspace).items():
            if shared >= 0.5:
                scores[company_id] = max(scores.get(company_id, 0), 90)
        return scores

    def _sharing(self, workspace: Party) -> Mapping[str, float]:
        counts = Counter(
            company_id
            for serial in workspace.serials
            for company_id in self.by_serial.get(serial, ())
        )
        return {each: count / len(workspace.serials) for each, count in counts.items()}

    def _judge(self, workspace: Party, company: Party, score: int) -> Suggestion:
        same_name = normal_name(workspace.name) == normal_name(company.name)
        forms = {legal_form(workspace.name), legal_form(company.name)} - {""}
        same_domain = bool(workspace.domain) and (
            workspace.domain.casefold() == company.domain.casefold()
        )
        shared = self._sharing(workspace).get(company.id, 0.0)
        reasons = list(self._reasons(workspace, company, same_name, same_domain, shared))
        if same_name and len(forms) > 1:
            reasons.append("but the legal forms differ")
        sure = self._is_sure(workspace, company, same_name and len(forms) < 2, same_domain)
        return Suggestion(workspace.id, company.id, score, tuple(reasons), sure)

    def _is_sure(
        self, workspace: Party, company: Party, same_name: bool, same_domain: bool
    ) -> bool:
        name, domain = normal_name(workspace.name), workspace.domain.casefold()
        by_name = (
            same_name and self.names_here[name] == 1 and self.by_name.get(name) == [company.id]
        )
        by_domain = (
            same_domain
            and self.domains_here[domain] == 1
            and self.by_domain.get(domain) == [company.id]
        )
        contradicted = bool(workspace.domain and company.domain) and not same_domain
        return by_domain or (by_name and not contradicted)

    def _reasons(
        self, workspace: Party, company: Party, same_name: bool, same_domain: bool, shared: float
    ) -> Iterable[str]:
        if same_name:
            yield "the names are equal but for spelling"
        else:
            alike = fuzz.ratio(_sorted_words(workspace.name), self.sorted_names[company.id])
            yield f"the names are {alike:.0f} % alike"
        if same_domain:
            yield f"same domain {company.domain}"
        if workspace.address and workspace.address.casefold() == company.address.casefold():
            yield "same address"
        if shared:
            yield f"{shared:.0%} of the devices are computers of this company"


def _group(parties: Sequence[Party], key: Callable[[Party], str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for each in parties:
        word = key(each)
        if word:
            found[word].append(each.id)
    return found


def _sorted_words(name: str) -> str:
    return " ".join(sorted(normal_name(name).split()))
