"""The template of a charge: plain XML, no other words, no markup from values."""

import pytest
from lxml import etree

from plugin.domain.errors import RuleError
from plugin.edge.xml import parse_xml
from plugin.hosts.tigerpaw.template import DEFAULT, WORDS, fill, is_path, text_at

VALUES = {"Action": "Update", "AgreementNumber": "1201", "DetailId": "77", "Quantity": "25"}


def test_empty_values_leave_their_element_out() -> None:
    assert etree.tostring(fill(DEFAULT, VALUES)) == (
        b"<AdditionalCharges><AgreementNumber>1201</AgreementNumber>"
        b'<AdditionalCharge Action="Update"><DetailId>77</DetailId><Quantity>25</Quantity>'
        b"</AdditionalCharge></AdditionalCharges>"
    )


@pytest.mark.parametrize(
    "value", ["</DetailId><x>", "&amp;", '"><b a="', "$Quantity", "a\x00\x0bb"]
)
def test_a_value_cannot_become_markup(value: str) -> None:
    root = fill(DEFAULT, {**VALUES, "ItemDescription": value, "Action": value})
    kept = value.replace("\x00", "").replace("\x0b", "")
    assert root.findtext("AdditionalCharge/ItemDescription") == kept
    line = root.find("AdditionalCharge")
    assert line is not None
    assert line.get("Action") == kept


@pytest.mark.parametrize(
    "template",
    ["", "no XML", "<a>", "<a>$Other</a>", "<a>$</a>", "<!DOCTYPE a><a/>", "<a>&b;</a>"],
)
def test_what_is_no_template_is_refused_with_the_words_it_may_use(template: str) -> None:
    with pytest.raises(RuleError) as caught:
        fill(template, VALUES)
    assert caught.value.field == "charges_template"
    assert all(f"${word}" in caught.value.message for word in WORDS)


@pytest.mark.parametrize("path", ["", "/a", "a/", "a//b", "*", "a[1]", ".."])
def test_a_path_is_plain_names(path: str) -> None:
    assert not is_path(path)


def test_a_path_is_followed_in_any_namespace() -> None:
    root = parse_xml(b'<r><a xmlns="urn:1"><b xmlns="urn:2"> 7 </b><c/></a></r>')
    assert (text_at(root, "a/b"), text_at(root, "a/c"), text_at(root, "a/d")) == ("7", "", None)
