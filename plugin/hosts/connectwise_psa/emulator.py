"""A stand-in for ConnectWise PSA (REST 3.0), from its published contract and developer guide.

It is strict where PSA is strict (clientId, key, role, code base, filters, record rules) and odd
where PSA is odd: links on another host, a 200 that changes nothing, a rate-limit body of another
shape, a signing key that moves. What kind of site it is can be set with the happening ``switch``:

========================  ====================================================================
``site``                  the address it believes to have, such as ``https://na.myconnectwise.net``
``codebase``              the current code base, ``v2025_1/``; ``v4_6_release/`` on-premise
``deny``                  what the role lacks: ``["finance", "system:write", "*:write"]``
``hidden``                lists are empty, as with a role limited to another location
``member-off``            the API member is inactive
``custom-fields``         a PATCH without the custom fields of a record that has some is refused
``key-credentials``       the signing key is given out with credentials only
``key-as-page``           the signing key comes as text/html
``next-when-full``        forward-only paging names a next page after every full one
``callbacks-late``        seconds by which deliveries come late
``callbacks-twice``       every delivery is sent twice
``callbacks-lose-every``  every so manieth delivery is lost without a word
========================  ====================================================================
"""

import base64
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from werkzeug.wrappers import Request, Response

from plugin.edge.contract import Contract
from plugin.edge.emulator import Clock, Emulator, Happening, route
from plugin.edge.shelf import Shelf
from plugin.edge.world import World
from plugin.hosts.connectwise_psa.emulator_answers import RefusalError, answer, no_endpoint
from plugin.hosts.connectwise_psa.emulator_api import Api
from plugin.hosts.connectwise_psa.emulator_callbacks import Callbacks
from plugin.hosts.connectwise_psa.emulator_faults import OWN_FAULTS, play_psa
from plugin.hosts.connectwise_psa.emulator_happenings import Happenings
from plugin.hosts.connectwise_psa.emulator_pages import HostPages
from plugin.hosts.connectwise_psa.emulator_records import Records
from plugin.hosts.connectwise_psa.emulator_shapes import Shapes
from plugin.hosts.connectwise_psa.emulator_state import state_of
from plugin.hosts.connectwise_psa.emulator_words import API_MEMBER
from plugin.hosts.connectwise_psa.emulator_world import Builder

CODEBASE, ALIAS = "v2025_1/", "v4_6_release/"
COMPANY, PUBLIC_KEY = "bridgehead_msp", "hQ2mB7xSandboxPUB"
PRIVATE_KEY, CLIENT_ID = "k9TzSandboxPRIVv3", "7c1f6a52-0d1e-4b6f-9a8e-2f6d5b3c4e10"
API = "/<codebase>/apis/3.0/<path:rest>"
CALLBACK_KEY = "/system/callbackkey/index.rails"


class ConnectWisePsaEmulator(Emulator):
    """The emulated PSA of one MSP."""

    kind = "connectwise_psa"
    title = "ConnectWise PSA"
    contract: ClassVar[Contract] = Contract(
        Path(__file__).parent / "openapi.json", required_in_answers=False, ignore_case=True
    )
    own_faults = OWN_FAULTS
    shapes = Shapes(contract)

    def __init__(
        self, shelf: Shelf | None = None, clock: Clock | None = None, origin: str = ""
    ) -> None:
        """Open the emulator on ``shelf``; see the base class."""
        super().__init__(shelf, clock, origin)
        self.records = Records(self.table, self.shapes, self.clock)
        self.callbacks = Callbacks(self.records, self.table, self.clock, self._instance)
        self.api = Api(self.records, self.callbacks.fire, self.contract, self._link_base)
        self._pages = HostPages(self.records, self.table, self._instance)
        self._happenings = Happenings(
            self.records, self.table, self.callbacks, self.api.writer, self._pages
        )

    # -- what the base class asks for ----------------------------------------------------------

    def reset(self, world: World) -> None:
        """Forget everything and show ``world`` afresh."""
        with self.lock:
            self.records.forget()
            super().reset(world)

    def populate(self, world: World) -> None:
        """Fill the PSA with the MSP's clients."""
        self.records.forget()
        Builder(self.records, world).build()
        self.callbacks.rotate()

    def connection_settings(self) -> dict[str, str]:
        """Return what connects to it."""
        return {
            "site": self.switch("site", "") or self.origin,
            "login_company": COMPANY,
            "public_key": PUBLIC_KEY,
            "private_key": PRIVATE_KEY,
            "client_id": CLIENT_ID,
        }

    def happen(self, happening: Happening) -> dict[str, Any] | None:
        """Let something happen at the PSA."""
        return self._happenings.happen(happening.what, happening.details)

    def state(self) -> dict[str, Any]:
        """Return what it holds."""
        return state_of(self.records, self.table)

    def normal_path(self, path: str) -> str:
        """Take doubled slashes as one: PSA's own addresses have them."""
        while "//" in path:
            path = path.replace("//", "/")
        return path

    def contract_path(self, request: Request) -> str | None:
        """Return the path below the API root, or None for what lies outside the contract."""
        path = self.normal_path(request.path)
        codebase, _, rest = path.removeprefix("/").partition("/")
        if path.lower().startswith("/login/companyinfo/"):
            return path
        if f"{codebase}/" not in self._codebases():
            return None
        if f"/{rest}".lower() == CALLBACK_KEY:
            # The description of keys was added to the published file, and knows no refusal.
            given = self._key_of(request) and not self.switch("key-credentials", default=False)
            return CALLBACK_KEY if given else None
        if not rest.lower().startswith("apis/3.0/"):
            return None
        return self.api.contract_path(rest[len("apis/3.0") :])

    def honest(self, request: Request) -> Response:
        """Answer honestly inside a fault, which has counted the request already."""
        return self._respond(request)

    def play_own(self, kind: str, request: Request) -> Response:
        """Play one of PSA's own faults."""
        return play_psa(self, kind, request)

    def not_found(self, request: Request) -> Response:
        """Answer an unknown address."""
        return no_endpoint().response()

    def background(self) -> None:
        """Send the callbacks that are due; the lock is free while they travel."""
        with self.lock:
            messages = self.callbacks.due()
            self.shelf.commit()
        if messages:
            results = self.callbacks.send(messages)
            with self.lock:
                self.callbacks.settle(results)
                self.shelf.commit()

    # -- addresses -----------------------------------------------------------------------------

    @route("GET", "/login/companyinfo/<company>")
    def companyinfo(self, request: Request, company: str) -> Response:
        """Answer the look-up that needs no credentials; ``null`` for a company not known here."""
        if company.lower() != COMPANY:
            return self.json(None)
        current = self.switch("codebase", CODEBASE)
        version = current.strip("/").replace("_", ".")
        return self.json(
            {
                "CompanyName": "Your MSP",
                "Codebase": current,
                "VersionCode": version,
                "VersionNumber": "v4.6.47174",
                "CompanyID": COMPANY,
                "IsCloud": str(current != ALIAS),
                "SiteUrl": urlsplit(self._site()).netloc,
            }
        )

    @route("GET", "/<codebase>" + CALLBACK_KEY)
    def callback_key(self, request: Request, codebase: str) -> Response:
        """Give out a signing key."""
        if self.switch("key-credentials", default=False):
            try:
                self._admit_caller(request)
            except RefusalError as refusal:
                return refusal.response()
        key = self._key_of(request)
        if key is None or f"{codebase}/" not in self._codebases():
            return no_endpoint().response()
        given = self.json({"signing_key": key})
        if self.switch("key-as-page", default=False):
            given.headers["Content-Type"] = "text/html; charset=utf-8"
        return given

    @route("GET", "POST", "PUT", "PATCH", "DELETE", API)
    def rest_api(self, request: Request, codebase: str, rest: str) -> Response:
        """Answer a call of the REST API."""
        try:
            self._admit(request, codebase)
            by = self._admit_caller(request)
            self._admit_role(request, rest)
            return self._answer_api(request, f"/{rest}", by)
        except RefusalError as refusal:
            return refusal.response()

    @route("POST", "/v4_6_release/login/login.aspx")
    def login(self, request: Request) -> Response:
        """Sign a member in by form; the answer has the hash that cookies need."""
        return self._pages.login(request)

    @route("GET", "/")
    @route("GET", "/host/dashboard")
    def dashboard(self, request: Request) -> Response:
        """Show a plain page of the PSA with our page inside."""
        return self._pages.dashboard(request)

    @route("GET", "/host/hosted.js")
    def hosted_script(self, request: Request) -> Response:
        """Give the script that speaks the hosted API's messages as PSA does."""
        return self._pages.script()

    @route("GET", "/v4_6_release/services/system_io/Service/fv_sr100_request.rails")
    def ticket_page(self, request: Request) -> Response:
        """Show a ticket to a person."""
        return self._pages.ticket(request)

    # -- inside --------------------------------------------------------------------------------

    def switch(self, name: str, default: Any) -> Any:  # noqa: ANN401 - any JSON
        """Return how a switch is set."""
        return self.table("switches").get(name, {}).get("value", default)

    def _key_of(self, request: Request) -> str | None:
        arguments = request.args
        return self.callbacks.key(arguments.get("companyName", ""), arguments.get("id", ""))

    def _answer_api(self, request: Request, path: str, by: str) -> Response:
        self.records.base = f"{self._site()}/{self.switch('codebase', CODEBASE)}/apis/3.0/"
        self.api.writer.demand_custom_fields = self.switch("custom-fields", default=False)
        self.api.lists.next_after_full_page = self.switch("next-when-full", default=False)
        self.api.hidden = self.switch("hidden", default=False)
        if path.lower() == "/system/info" and request.method == "GET":
            return answer(self._info())
        return self.api.answer(request, path, by)

    def _info(self) -> dict[str, Any]:
        current = self.switch("codebase", CODEBASE)
        return {
            "version": f"{current.strip('/').replace('_', '.')}.47174",
            "isCloud": current != ALIAS,
            "serverTimeZone": "Eastern Standard Time",
            "cloudRegion": "NA",
            "licenseBits": [{"name": "Agreements", "activeFlag": True}],
        }

    def _admit(self, request: Request, codebase: str) -> None:
        """Refuse a call that comes to the wrong address."""
        site = urlsplit(self._site())
        named = site.netloc != urlsplit(self.origin).netloc
        cloud = self.switch("codebase", CODEBASE) != ALIAS
        if named and cloud and request.host == site.netloc.removeprefix("api-"):
            raise RefusalError(400, "Security", "SSL is required.")
        if f"{codebase}/" not in self._codebases():
            raise no_endpoint()

    def _admit_caller(self, request: Request) -> str:
        """Return the member who calls, or refuse."""
        if not hmac.compare_digest(request.headers.get("clientId", ""), CLIENT_ID):
            text = "A valid clientId header is required to call this API."
            raise RefusalError(401, "Unauthorized", text)
        member = self._by_key(request) or self._pages.member_of(request.cookies)
        if member is None:
            raise RefusalError(401, "ConnectWiseApi", "UserNotAuthenticated")
        return member

    def _by_key(self, request: Request) -> str | None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        wanted = f"{COMPANY}+{PUBLIC_KEY}:{PRIVATE_KEY}"
        try:
            told = base64.b64decode(given, validate=True)
        except ValueError:
            return None
        login, _, rest = told.decode("utf-8", "replace").partition("+")
        same = hmac.compare_digest(f"{login.lower()}+{rest}".encode(), wanted.encode())
        allowed = (
            scheme.lower() == "basic" and same and not self.switch("member-off", default=False)
        )
        return API_MEMBER if allowed else None

    def _admit_role(self, request: Request, rest: str) -> None:
        """Refuse what the role of the API member does not allow."""
        writes = request.method != "GET" and not rest.lower().endswith("/search")
        for denied in self.switch("deny", []):
            area, _, only = str(denied).partition(":")
            here = area == "*" or rest.lower().startswith(area.lower())
            if here and (writes or not only) and rest.lower() != "system/info":
                text = "You do not have security permission to perform this action."
                raise RefusalError(403, "Security", text)

    def _codebases(self) -> tuple[str, str]:
        return self.switch("codebase", CODEBASE), ALIAS

    def _site(self) -> str:
        return str(self.switch("site", "") or self.origin)

    def _instance(self) -> Mapping[str, str]:
        site = self._site()
        return {
            "company": COMPANY,
            "site": site,
            "host": urlsplit(site).netloc,
            "codebase": self.switch("codebase", CODEBASE),
            # The doubled slash is PSA's own.
            "key_base": f"{site}/{self.switch('codebase', CODEBASE)}",
        }

    def _link_base(self) -> str:
        """Return where Link headers point: never the host that was called."""
        return (
            f"https://other-node.myconnectwise.example/{self.switch('codebase', CODEBASE)}/apis/3.0"
        )
