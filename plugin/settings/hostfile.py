"""Read ``KESCloudServer`` from the .config file of a ConnectWise host."""

from pathlib import Path
from typing import Never

from lxml import etree

KEY = "KESCloudServer"
MOST_BYTES = 1024 * 1024


class HostFileError(Exception):
    """The file cannot be used; the text says why."""


def read_host_file(path: Path) -> str | None:
    """Return what the file says under ``KESCloudServer``, None when it does not have the key."""
    body = _read_bytes(path)
    _refuse_doctype(body)
    try:
        root = etree.fromstring(body, _hardened())
    except etree.XMLSyntaxError as error:
        raise _not_well_formed(error) from None
    return _only_value(_settings_elements(root))


def _read_bytes(path: Path) -> bytes:
    # A pipe or a device could keep us waiting for ever, so only plain files are opened.
    try:
        if path.exists() and not path.is_file():
            raise HostFileError("it is not a file")
        with path.open("rb") as file:
            body = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise HostFileError(f"it cannot be read ({error.strerror})") from None
    if len(body) > MOST_BYTES:
        raise HostFileError("it is larger than 1 MiB")
    return body


def _hardened(target: object = None) -> etree.XMLParser:
    return etree.XMLParser(
        target=target,  # type: ignore[arg-type]
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
    )


class _DoctypeFound(Exception):  # noqa: N818 - a signal between parser and caller
    """The document declares a type."""


class _BodyFound(Exception):  # noqa: N818 - a signal between parser and caller
    """The prolog is over, and nothing was declared in it."""


class _PrologReader:
    """Looks at what stands before the first element, and no further."""

    def doctype(self, *_declared: str | None) -> Never:
        """Called before anything inside the declaration is read."""
        raise _DoctypeFound

    def start(self, _tag: str, _attributes: object) -> Never:
        """Called for the first element."""
        raise _BodyFound

    def close(self) -> None:
        """Called at the end."""


def _refuse_doctype(body: bytes) -> None:
    # Entities, external DTDs and bombs all need a document type. Asking a real parser instead of
    # searching for "<!DOCTYPE" sees it in every encoding.
    parser = _hardened(_PrologReader())
    try:
        parser.feed(body)
        parser.close()
    except _BodyFound:
        return
    except _DoctypeFound:
        raise HostFileError("it has a document type declaration, which is refused") from None
    except etree.XMLSyntaxError as error:
        raise _not_well_formed(error) from None


def _not_well_formed(error: etree.XMLSyntaxError) -> HostFileError:
    # The parser's text may quote the file, so it is made one plain line.
    said = ascii(" ".join((error.msg or "").split())[:200])[1:-1]
    return HostFileError(f"it is not well-formed XML ({said})")


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _settings_elements(root: etree._Element) -> list[etree._Element]:
    # A file of its own that holds only <appSettings> is what configSource would point at.
    if _local(root) == "appSettings":
        return [root]
    if _local(root) != "configuration":
        raise HostFileError("it is not a .config file (no <configuration> in it)")
    found = [child for child in root if _local(child) == "appSettings"]
    for settings in found:
        if settings.get("configSource") or settings.get("configProtectionProvider"):
            raise HostFileError(
                "its <appSettings> are kept in another file or encrypted;"
                f" name a file in which {KEY} can be read"
            )
    return found


def _only_value(sections: list[etree._Element]) -> str | None:
    said = [
        (item.get("value") or "").strip()
        for section in sections
        for item in section
        if _local(item) == "add" and (item.get("key") or "").strip().lower() == KEY.lower()
    ]
    if len({value.lower() for value in said}) > 1:
        raise HostFileError(f"it has the key {KEY} more than once, with different values")
    return said[0] if said else None
