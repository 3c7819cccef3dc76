"""Soap side: writing additional charges, the one thing Tigerpaw's REST interface cannot do.

Proven by a public page of a live server: the service ``tsiWS`` at ``/api/rmm/tsiWS.asmx``, its
operation ``SubmitAgreementAdditionalCharges`` with free XML in and out, and that the header's
namespace ends in a slash while the body's does not. There is no call that only signs in. What the
free XML says is not published, see :mod:`template`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

from plugin.domain.errors import AnswerError, MissingError, RefusedError
from plugin.edge.http import Http
from plugin.edge.link import Link
from plugin.edge.soap import Soap
from plugin.hosts.tigerpaw.api import address_of
from plugin.hosts.tigerpaw.template import DEFAULT, DETAIL_PATH, SUCCESS_PATH, fill, text_at

OPERATION = "SubmitAgreementAdditionalCharges"
BODY, HEADER = "http://www.tigerpawsoftware.com", "http://www.tigerpawsoftware.com/"
SERVICE = "/api/rmm/tsiWS.asmx"
BINDINGS = {"1.1": f"{{{BODY}}}tsiWSSoap", "1.2": f"{{{BODY}}}tsiWSSoap12"}

WSDL_LIMIT = 2 * 1024 * 1024
WSDL_SECONDS = 15.0
FRESH = timedelta(hours=1)
EXPORT_ONLY = "export-only"

NOT_CONFIRMED = (
    "Charges are exported only: the XML that Tigerpaw expects is not published, and nobody has "
    "confirmed the template. Compare it with your server's tsiWS, then switch on "
    '"The charges template is right" under Advanced.'
)
NO_OPERATION = (
    f"Charges are exported only: the server's tsiWS has no operation {OPERATION}. Update the "
    "Tigerpaw API site, or check the WSDL address under Advanced."
)
NO_SERVICE = (
    "Charges are exported only: there is no service description at the WSDL address. Check it "
    "under Advanced, and that the API site has api/rmm/tsiWS.asmx."
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the answer to a write says: ``done`` is None and ``line`` empty where it says nothing.

    It is a hint only: the path it was read from may be wrong.
    """

    done: bool | None
    line: str = ""


class ChargeService:
    """The tsiWS of one Tigerpaw, for one ASMX user."""

    def __init__(self, link: Link, who: str) -> None:
        """Keep the settings; nothing is called yet."""
        self._link, self._who, self._settings = link, who, link.settings
        self._soap: Soap | None = None
        self._read_at: datetime | None = None

    @property
    def wsdl(self) -> str:
        """The address of the service description."""
        return self._settings.get("wsdl", "").strip() or f"{self._service}?WSDL"

    @property
    def endpoint(self) -> str:
        """The address that is called; that in the description may be an internal host's."""
        return self._settings.get("soap_endpoint", "").strip() or self._service

    def operations(self) -> frozenset[str]:
        """Return the operations the server's own description names; it is read once an hour.

        MissingError when there is none at the address.
        """
        return self._service_now().operations

    def obstacle(self) -> str:
        """Return why charges can be exported only, with the cure; empty when they can be written.

        An EdgeError when that cannot be found out just now.
        """
        if self._settings.get("charges_confirmed") != "true":
            return NOT_CONFIRMED
        try:
            return "" if OPERATION in self.operations() else NO_OPERATION
        except MissingError:
            return NO_SERVICE

    def submit(self, values: dict[str, str]) -> Outcome:
        """Send one charge line; ``values`` are the words of the template.

        RefusedError (code ``export-only``) when charges cannot be written, or when the ASMX user
        is not let in; TransientError means it may have been written: read back.
        """
        obstacle = self.obstacle()
        if obstacle:
            raise RefusedError(self._who, obstacle, code=EXPORT_ONLY)
        params = fill(self._settings.get("charges_template") or DEFAULT, values)
        soap = self._service_now()
        found = soap.call(OPERATION, self._header(soap), Params={"_value_1": params})
        return self._outcome(_element(found))

    # -- inside ------------------------------------------------------------------------------

    @property
    def _service(self) -> str:
        return address_of(self._settings["server"]) + SERVICE

    def _service_now(self) -> Soap:
        now = self._link.now()
        if self._soap is None or self._read_at is None or now - self._read_at > FRESH:
            door = self._door(self.wsdl)
            content = door.get(self.wsdl, limit=WSDL_LIMIT, timeout=WSDL_SECONDS).body
            version = self._settings.get("soap_binding") or "1.1"
            http = self._door(self.endpoint)
            self._soap = Soap(http, content, self.endpoint, BINDINGS[version], who=self._who)
            self._read_at = now
        return self._soap

    def _door(self, url: str) -> Http:
        """Open the door to an address's server; it is guarded like every other."""
        parts = urlsplit(url)
        return self._link.http(f"{parts.scheme}://{parts.netloc}", who=self._who)

    def _header(self, soap: Soap) -> object:
        user, password = self._settings["soap_user"], self._settings["soap_password"]
        return soap.header(f"{{{HEADER}}}AuthHeader", UserName=user, Password=password)

    def _outcome(self, root: etree._Element) -> Outcome:
        word = text_at(root, self._settings.get("charges_success_path") or SUCCESS_PATH)
        line = text_at(root, self._settings.get("charges_detail_path") or DETAIL_PATH)
        done = {"true": True, "1": True, "false": False, "0": False}.get((word or "").lower())
        return Outcome(done, line or "")

    def demand(self, outcome: Outcome) -> None:
        """Raise AnswerError when the answer itself says that it was not done."""
        if outcome.done is False:
            text = "answered that the charge was not written; see the API log of your Tigerpaw"
            raise AnswerError(self._who, text, code="charge-refused")


def _element(found: Any) -> etree._Element:  # noqa: ANN401 - zeep's result
    """Return the element inside a free-XML result; an empty one where there is none."""
    inner = getattr(found, "_value_1", found)
    candidates = inner if isinstance(inner, list) else [inner]
    return next(filter(etree.iselement, candidates), etree.Element("Nothing"))
