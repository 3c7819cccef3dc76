"""XML from strangers: elements, attributes and text; no document types, entities or fetching."""

import re

from lxml import etree

LIMIT = 16 * 1024 * 1024

# The first thing that is markup of the document itself: an element, or what must not be there.
_START = re.compile(rb"<(!DOCTYPE|[A-Za-z_:])")


def parse_xml(data: bytes, *, limit: int = LIMIT) -> etree._Element:
    """Return the root element; ValueError for anything but plain, well-formed XML in ``limit``.

    A document type is refused before the parser sees it, because that is where entity bombs and
    external files live. The parser fetches nothing and expands nothing anyway.
    """
    if len(data) > limit:
        raise ValueError(f"the XML is larger than {limit} bytes")
    start = _START.search(data)
    if start is not None and start[1] == b"!DOCTYPE":
        raise ValueError("the XML has a document type")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        raise ValueError("the XML cannot be read") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise ValueError("the XML has a document type")
    return root
