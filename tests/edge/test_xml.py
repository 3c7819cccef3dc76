import time
from pathlib import Path

import pytest

from plugin.edge.xml import parse_xml
from tests.edge.servers import reply, serving


def test_plain_xml_is_read() -> None:
    root = parse_xml(b"<?xml version='1.0'?><!-- <a --><a b='1'><c>x &amp; &#65;</c></a>")
    assert (root.tag, root.get("b"), root.findtext("c")) == ("a", "1", "x & A")


def test_words_that_only_look_like_a_document_type_are_text() -> None:
    assert parse_xml(b"<a><![CDATA[<!DOCTYPE html>]]></a>").text == "<!DOCTYPE html>"


BOMB = b"<!DOCTYPE a [<!ENTITY l0 'lol'>" + b"".join(
    b"<!ENTITY l%d '%s'>" % (level, b"&l%d;" % (level - 1) * 10) for level in range(1, 12)
)


@pytest.mark.parametrize(
    "data",
    [
        BOMB + b"]><a>&l11;</a>",
        BOMB + b"]><a b='&l11;'/>",
        b"<!DOCTYPE a SYSTEM 'http://127.0.0.1:PORT/x.dtd'><a/>",
        b"<!-- <a> --><!DOCTYPE a SYSTEM 'http://127.0.0.1:PORT/x.dtd'><a/>",
        b"<!DOCTYPE a [<!ENTITY x SYSTEM 'http://127.0.0.1:PORT/x'>]><a>&x;</a>",
        b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><a>&x;</a>",
        b"<!DOCTYPE a [<!ENTITY % x SYSTEM 'http://127.0.0.1:PORT/x'>%x;]><a/>",
        "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE a [<!ENTITY x 'y'>]><a/>".encode(
            "utf-16"
        ),
        b"<a>" + b"x" * (17 * 1024 * 1024) + b"</a>",
        b"<a>" * 100_000,
        b"<a>",
        b"<a>&nobody;</a>",
        b"<a/><b/>",
        b"hello",
        b"",
        b"<html><br></html>",
    ],
)
def test_hostile_and_broken_xml_is_refused_quickly_and_fetches_nothing(data: bytes) -> None:
    with serving(reply(200, b"<!ENTITY y 'z'>")) as canary:
        began = time.perf_counter()
        with pytest.raises(ValueError, match="XML") as caught:
            parse_xml(data.replace(b"PORT", str(canary.port).encode()))
        assert time.perf_counter() - began < 0.1
    assert canary.connections == 0
    assert Path("/etc/hostname").read_text().strip() not in str(caught.value)
