"""A made-up PSA that answers whatever a test says, and the adapter's ways to ask it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from werkzeug.wrappers import Request, Response

from plugin.edge.addresses import AddressGuard
from plugin.edge.emulator import Emulator
from plugin.edge.http import Http
from plugin.edge.inprocess import InProcess
from plugin.edge.link import Classify, Link
from tests.rig import ORIGIN

Answerer = Callable[[Request], object]


def link_to_answers(
    answer: Answerer, headers: Mapping[str, str] | None = None, site: str = "psa.example"
) -> Link:
    """Return a link to an on-premise PSA whose interface answers with what ``answer`` gives."""

    @Request.application
    def server(request: Request) -> Response:
        if "companyinfo" in request.path:
            return Emulator.json({"Codebase": "v4_6_release/"})
        given = answer(request)
        return given if isinstance(given, Response) else Emulator.json(given, headers=headers)

    names = ("login_company", "public_key", "private_key", "client_id")
    return link_to_server(server, {**dict.fromkeys(names, "x"), "site": site})


def link_to_server(
    server: Callable[[dict[str, Any], Any], Iterable[bytes]], settings: Mapping[str, str]
) -> Link:
    """Return a link to any WSGI application."""

    def open_http(base: str, *, who: str, classify: Classify | None = None) -> Http:
        return Http(
            base,
            who=who,
            classify=classify,
            guard=AddressGuard(),
            override=ORIGIN,
            transport=InProcess(server),
            sleep=lambda seconds: None,
        )

    return Link(open_http, settings, lambda: datetime.now(UTC))


def link_by_socket(origin: str, settings: Mapping[str, str]) -> Link:
    """Return a link that goes over real sockets to ``origin``."""

    def open_http(base: str, *, who: str, classify: Classify | None = None) -> Http:
        return Http(base, who=who, classify=classify, guard=AddressGuard(), override=origin)

    return Link(open_http, settings, lambda: datetime.now(UTC))
