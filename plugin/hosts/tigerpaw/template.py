"""Template: the XML inside ``Params`` of a charge, and where the answer says what became of it.

Neither is published. The defaults are RECONSTRUCTED after the REST object of the same name and are
no fact: an administrator compares them with the own server and confirms them, and only what the
REST interface reads back counts as written.
"""

import re
from collections.abc import Mapping
from string import Template
from xml.sax.saxutils import escape

from lxml import etree

from plugin.domain.errors import RuleError
from plugin.edge.xml import parse_xml

WORDS = (
    "Action AgreementNumber DetailId SpecialItemId ItemDescription Quantity Price UseFlatPrice "
    "PrintWhenQuantityZero DeleteAfterInvoicing"
).split()
"""The words a template may use, each with ``$`` in front."""

DEFAULT = (
    "<AdditionalCharges><AgreementNumber>$AgreementNumber</AgreementNumber>"
    '<AdditionalCharge Action="$Action"><DetailId>$DetailId</DetailId>'
    "<SpecialItemId>$SpecialItemId</SpecialItemId>"
    "<ItemDescription>$ItemDescription</ItemDescription><Quantity>$Quantity</Quantity>"
    "<Price>$Price</Price><UseFlatPrice>$UseFlatPrice</UseFlatPrice>"
    "<PrintWhenQuantityZero>$PrintWhenQuantityZero</PrintWhenQuantityZero>"
    "<DeleteAfterInvoicing>$DeleteAfterInvoicing</DeleteAfterInvoicing>"
    "</AdditionalCharge></AdditionalCharges>"
)
"""RECONSTRUCTED."""

SUCCESS_PATH, DETAIL_PATH = "Success", "AdditionalCharge/DetailId"
"""RECONSTRUCTED: where the answer says whether it worked, and the number of the line."""

_PATH = re.compile(r"[A-Za-z_][\w.-]*(/[A-Za-z_][\w.-]*)*", re.ASCII)
_UNWRITABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def fill(template: str, values: Mapping[str, str]) -> etree._Element:
    """Return the XML of a charge; an element whose value is empty is left out.

    RuleError on the field ``charges_template`` when the template is no XML or uses other words.
    """
    safe = {word: _escaped(values.get(word, "")) for word in WORDS}
    try:
        root = parse_xml(Template(template).substitute(safe).encode())
    except (KeyError, ValueError):
        text = f"must be well-formed XML with no other words than ${', $'.join(WORDS)}"
        raise RuleError("charges_template", f"The template {text}.") from None
    for element in [*root.iter("*")][1:]:
        parent = element.getparent()
        if parent is not None and not len(element) and not (element.text or "").strip():
            parent.remove(element)
    return root


def is_path(text: str) -> bool:
    """Tell whether ``text`` is element names with slashes between.

    >>> is_path("AdditionalCharge/DetailId"), is_path("//*"), is_path("")
    (True, False, False)
    """
    return _PATH.fullmatch(text) is not None


def text_at(root: etree._Element, path: str) -> str | None:
    """Return the text at a path below ``root`` in whatever namespace; None when nothing is there.

    >>> text_at(parse_xml(b"<Response xmlns='urn:x'><Success> true </Success></Response>"),
    ...         "Success")
    'true'
    """
    found = root.findtext("/".join(f"{{*}}{name}" for name in path.split("/")))
    return None if found is None else found.strip()


def _escaped(value: str) -> str:
    return escape(_UNWRITABLE.sub("", value), {'"': "&quot;"})
