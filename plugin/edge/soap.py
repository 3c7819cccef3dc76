"""Soap: a zeep client whose every byte goes through :class:`plugin.edge.http.Http`.

So address guard, limits and time-outs hold, and a fault is one of our errors: its code decides,
not the HTTP status 500 it comes with. The service description is a file that is shipped or was
fetched beforehand; nothing it points to is ever fetched.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn, cast

import zeep
from lxml import etree
from zeep.exceptions import Error as ZeepError
from zeep.wsdl import Document

from plugin.domain.errors import AnswerError, EdgeError, RefusedError, TransientError
from plugin.edge.answers import Answer, retry_after
from plugin.edge.http import Http
from plugin.edge.xml import parse_xml

_zeep: Any = zeep  # it has no types
_RULES = zeep.Settings(forbid_dtd=True, forbid_entities=True, forbid_external=True)

# What zeep lets slip when a description or a value is not as it expects.
_MISFITS = (
    ZeepError,
    etree.LxmlError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    NotImplementedError,
)

_SIGN_IN = re.compile(
    r"auth|log ?[io]n|passw|credential|permission|denied|forbidden|user ?name", re.IGNORECASE
)


class Soap:
    """The operations of one SOAP service.

    ``wsdl`` is the description itself or the path of a file with it; ``endpoint`` overrules the
    address it names; ``binding`` is the qualified name of the binding to use, as
    ``{namespace}name``. AnswerError (code ``wsdl``) when the description cannot be used.
    """

    def __init__(
        self, http: Http, wsdl: bytes | Path, endpoint: str, binding: str, *, who: str
    ) -> None:
        """Read the description (once per process and content); nothing is sent."""
        self._who = who
        content = wsdl if isinstance(wsdl, bytes) else wsdl.read_bytes()
        try:
            self._client = _zeep.Client(_document(content), transport=_Door(http), settings=_RULES)
            self._service = self._client.create_service(binding, endpoint)
        except _MISFITS:
            failure = AnswerError(who, "has a service description we cannot use", code="wsdl")
        else:
            return
        raise failure

    @property
    def operations(self) -> frozenset[str]:
        """The names of the operations this service has."""
        return frozenset(name for name, _ in self._service)

    def header(self, name: str, **values: str) -> object:
        """Make a header element, ``name`` as ``{namespace}name``, for :meth:`call`.

        AnswerError (code ``wsdl``) when the description has no such element.
        """
        try:
            return self._client.get_element(name)(**values)
        except _MISFITS:
            failure = AnswerError(self._who, "describes no such header", code="wsdl")
        raise failure

    def call(self, operation: str, header: object = None, **body: object) -> Any:  # noqa: ANN401
        """Call an operation and return zeep's result (an lxml element where the type is free).

        RefusedError for a fault about signing in, AnswerError for any other fault that blames
        the caller and for arguments or an answer that do not fit (no result at all, too),
        TransientError when the service blames itself. A call is made once.
        """
        headers = None if header is None else [header]
        try:
            result = self._service[operation](_soapheaders=headers, **body)
        except _MISFITS:
            result = None
        # zeep also gives None when the answer holds another element than the promised one.
        if result is None:
            text = f"{operation} or its answer does not fit the service description"
            raise AnswerError(self._who, text, code="shape")
        return result


class _Walled:
    """A transport that leads nowhere: what a description points to is not fetched."""

    def load(self, url: str) -> NoReturn:
        """Refuse, files on this computer too."""
        raise _zeep.exceptions.ExternalReferenceForbidden(url)


class _Door(_Walled):
    """What zeep takes for its transport when it calls."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def post_xml(
        self, address: str, envelope: etree._Element, headers: Mapping[str, str]
    ) -> "_Reply":
        """Send an envelope, for zeep."""
        data = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
        answer = self._http.send("POST", address, data=data, headers=headers, classify=meaning)
        return _Reply(answer.status, answer.body)


@dataclass(frozen=True, slots=True)
class _Reply:
    """What zeep reads from a response; the type is fixed so that it takes nothing for parts."""

    status_code: int
    content: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/xml"})
    encoding: str = "utf-8"


@lru_cache(maxsize=16)
def _document(content: bytes) -> Document:
    """Parse a description; real ones take seconds, so each content is parsed once."""
    parse_xml(content)
    return Document(BytesIO(content), cast("Any", _Walled()), settings=_RULES)


def meaning(answer: Answer) -> EdgeError | None:
    """Say what a SOAP answer means: a fault by its code, None for everything in order."""
    try:
        root = parse_xml(answer.body)
    except ValueError:
        return _not_soap(answer)
    fault = root.find("{*}Body/{*}Fault")
    if fault is not None:
        return _fault(answer, fault)
    return None if root.tag.endswith("}Envelope") else _not_soap(answer)


def _not_soap(answer: Answer) -> EdgeError | None:
    """Leave a failure to the status table, but let no good status pass."""
    if answer.status >= 300:
        return None
    text = "answered something that is not SOAP"
    return AnswerError(answer.who, text, code="not_soap", status=answer.status)


def _fault(answer: Answer, fault: etree._Element) -> EdgeError:
    """Turn a fault of SOAP 1.1 or 1.2 into an error; its text decides but is not repeated."""
    text = " ".join(str(piece) for piece in fault.itertext())
    code = fault.findtext("faultcode") or fault.findtext("{*}Code/{*}Value") or ""
    word = code.strip().rpartition(":")[2]
    blame = word.partition(".")[0]
    who, status = answer.who, answer.status
    if blame in {"Server", "Receiver"}:
        wait = retry_after(answer)
        text = "failed on its own side"
        return TransientError(who, text, retry_after=wait, code=word, status=status)
    if blame in {"Client", "Sender"} and _SIGN_IN.search(text):
        return RefusedError(who, "does not let us in", code=word, status=status)
    return AnswerError(who, f"did not accept the request ({word})", code=word, status=status)
