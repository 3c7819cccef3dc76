"""What two spellings of a client's name have in common: words, legal form, domain.

The list of legal forms is cleanco's, a pure function.
"""

import re
import unicodedata
from functools import lru_cache

from cleanco import basename

_SPELLINGS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "o", "æ": "ae", "ł": "l", "đ": "d"}
)
_MARKS = dict.fromkeys(map(ord, "™®©"), " ")
_AND = re.compile(r"&|(?<!\S)(?:\+|und|et)(?!\S)")
_OTHER = re.compile(r"[^\w#%@+*$€£°]+|_+")
_TELLING = re.compile(r"\d+|(?<![^\W\d_])[^\W\d_](?![^\W\d_])")
"""Numbers, and letters that stand alone."""
_SAME_FORM = {
    "corporation": "corp",
    "incorporated": "inc",
    "limited": "ltd",
    "company": "co",
}
_PLAIN_FORMS = frozenset(
    "inc llc ltd gmbh gmbhandcokg corp plc llp ptyltd ag kg ohg bv oy sarl srl kft doo aps".split()
)
"""Forms that are no word or abbreviation of anything else, so that one side may leave them out."""

_ANYBODYS = frozenset(
    "gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com aol.com icloud.com"
    " me.com gmx.de gmx.net gmx.at web.de t-online.de freenet.de proton.me protonmail.com mail.ru"
    " yandex.ru orange.fr free.fr libero.it btinternet.com comcast.net onmicrosoft.com".split()
)
"""Mail domains that anybody can have: they tell nothing about a company."""


@lru_cache(maxsize=50_000)
def exact_name(name: str) -> str:
    """Return a name without letter case, legal form and punctuation; accents still count.

    >>> exact_name("Müller & Söhne GmbH"), exact_name("Mueller und Soehne")
    ('mueller and soehne', 'mueller and soehne')
    """
    return _plain(_without_form(name))


@lru_cache(maxsize=50_000)
def normal_name(name: str) -> str:
    """Return the same without accents and "and": names that are alike here may be one client.

    >>> normal_name("Café & Bar Ltd"), normal_name("cafe bar")
    ('cafe bar', 'cafe bar')
    """
    words = _without_accents(exact_name(name)).split()
    return " ".join([each for each in words if each != "and"] or words)


@lru_cache(maxsize=50_000)
def legal_form(name: str) -> str:
    """Return the legal form that a name ends with, in one word, or an empty text.

    >>> legal_form("Northwind Ltd."), legal_form("Northwind Pty. Ltd"), legal_form("Northwind")
    ('ltd', 'ptyltd', '')
    """
    whole, bare = _plain(name).split(), _plain(_without_form(name)).split()
    form = whole[len(bare) :] if whole[: len(bare)] == bare else []
    return "".join(_SAME_FORM.get(each, each) for each in form)


def forms_agree(one: str, other: str) -> bool:
    """Tell whether two names have the same legal form, or one leaves out a form that is no word.

    >>> forms_agree("Acme Ltd", "Acme"), forms_agree("Acme Ltd", "Acme GmbH")
    (True, False)
    >>> forms_agree("Relax SpA", "Relax")
    False
    """
    forms = {legal_form(one), legal_form(other)}
    return len(forms) == 1 or ("" in forms and forms - {""} <= _PLAIN_FORMS)


def numbers_of(name: str) -> tuple[str, ...]:
    """Return what tells branches apart: numbers and single letters, in order.

    >>> numbers_of("Site B 12")
    ('b', '12')
    """
    return tuple(_TELLING.findall(normal_name(name)))


def bare_domain(domain: str) -> str:
    """Return a domain as it is compared; nothing for one that anybody can have a mailbox in.

    >>> bare_domain("WWW.Acme.example"), bare_domain("gmail.com")
    ('acme.example', '')
    """
    bare = domain.strip().casefold().removeprefix("www.").rstrip(".")
    anybodys = bare in _ANYBODYS or bare.endswith(".onmicrosoft.com")
    return "" if anybodys else bare


@lru_cache(maxsize=50_000)
def _without_form(name: str) -> str:
    return basename(name) or name


def _plain(name: str) -> str:
    text = unicodedata.normalize("NFKC", name.translate(_MARKS)).casefold().translate(_SPELLINGS)
    return " ".join(_OTHER.sub(" ", _AND.sub(" and ", text)).split())


def _without_accents(text: str) -> str:
    """Take accents off Latin letters; in other scripts such marks make another letter."""
    if text.isascii():
        return text
    kept, latin = [], False
    for each in unicodedata.normalize("NFD", text):
        if unicodedata.category(each) != "Mn":
            latin = each.isascii() or "LATIN" in unicodedata.name(each, "")
            kept.append(each)
        elif not latin:
            kept.append(each)
    return unicodedata.normalize("NFC", "".join(kept))
