"""A second opinion on what adapters send: openapi-core against the published descriptions.

Our emulators judge every call by :mod:`plugin.edge.contract`, which is ours; a mistake in it would
hide the same mistake in an adapter. So all that passes a suite's stand is judged once more, from
the same files, by a validator that shares no code with us. What a description gets wrong is mended
in :mod:`tests.contracts.mends`, one reason each.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.templating.paths.exceptions import PathError
from openapi_core.templating.paths.finders import APICallPathFinder
from werkzeug.datastructures import Headers, ImmutableMultiDict
from werkzeug.http import parse_cookie

from tests.contracts import mends
from tests.contracts.mends import Mend
from tests.contracts.wire import Exchange

PLUGIN = Path(__file__).resolve().parents[2] / "plugin"

Respell = Callable[[Exchange], Exchange]


class Asked:
    """A request as openapi-core wants to see it."""

    def __init__(self, exchange: Exchange) -> None:
        """Show the request of ``exchange``; TLS, which the sandbox leaves out, is assumed."""
        headers = Headers(list(exchange.headers))
        query = parse_qsl(exchange.query, keep_blank_values=True)
        self.host_url = f"https://{exchange.host}"
        self.path = exchange.path
        self.method = exchange.method.lower()
        self.body = exchange.body
        self.content_type = headers.get("Content-Type", "").lower()
        cookies = parse_cookie(headers.get("Cookie", ""))
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(query), header=headers, cookie=ImmutableMultiDict(cookies)
        )


class Answered:
    """An answer as openapi-core wants to see it."""

    def __init__(self, exchange: Exchange) -> None:
        """Show the answer of ``exchange``."""
        self.status_code = exchange.status
        self.content_type = exchange.kind.lower()
        self.headers = Headers()
        self.data = exchange.answer


@dataclass(frozen=True)
class Document:
    """A description in ``file``, mended for requests and for answers.

    ``respell`` writes an exchange as the description does where no description can say it.
    """

    file: str
    for_both: tuple[Mend, ...] = ()
    for_requests: tuple[Mend, ...] = ()
    for_answers: tuple[Mend, ...] = ()
    respell: Respell = lambda exchange: exchange

    @cached_property
    def requests(self) -> OpenAPI:
        """The judge of requests; what a described object does not name may not be sent."""
        config = Config(spec_validator_cls=None, additional_properties_default_policy="forbid")
        return OpenAPI.from_dict(self._read(self.for_requests), config=config)

    @cached_property
    def answers(self) -> OpenAPI:
        """The judge of answers, which may tell more than is described."""
        read = self._read(self.for_answers)
        return OpenAPI.from_dict(read, config=Config(spec_validator_cls=None))

    def judge(self, exchange: Exchange) -> Iterator[str]:
        """Yield what is wrong with an exchange; with its answer only when that was honest."""
        written = self.respell(exchange)
        asked = Asked(written)
        yield from _words("request", exchange, self.requests.iter_request_errors(asked))
        for name in self._undescribed(asked):
            yield f"request {exchange.method} {exchange.path}: query {name!r} is not described"
        if written.honest:
            found = self.answers.iter_response_errors(asked, Answered(written))
            yield from _words("answer", exchange, found)

    def _undescribed(self, asked: Asked) -> set[str]:
        """Return query parameters the operation does not have; openapi-core lets them pass."""
        finder = APICallPathFinder(self.requests.spec)
        try:
            found = finder.find(asked.method, asked.host_url + asked.path)
        except PathError:
            return set()
        given = [*found.operation.get("parameters", []), *found.path.get("parameters", [])]
        return set(asked.parameters.query) - {each["name"] for each in given}

    def _read(self, mending: Iterable[Mend]) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((PLUGIN / self.file).read_text("utf-8"))
        for mend in (*self.for_both, *mending):
            mend(read)
        return read


def _words(side: str, exchange: Exchange, errors: Iterable[Exception]) -> Iterator[str]:
    for error in errors:
        cause = error.__cause__
        details = [
            f"{'/'.join(map(str, each.absolute_path))}: {each.message[:200]}"
            for each in getattr(cause, "schema_errors", ())
        ]
        told = "; ".join(details) or str(cause or error)[:300]
        yield f"{side} {exchange.method} {exchange.path}: {type(error).__name__}: {told}"


def psa_spelling(exchange: Exchange) -> Exchange:
    """Take away what no description of PSA can say.

    The signing key's address comes from PSA itself, in captures with a doubled slash. Answers name
    their character set, which openapi-core takes for another content type.
    """
    kind = exchange.kind
    if kind == f"{mends.PSA_JSON}; charset=utf-8":
        kind = "application/json"
    target = exchange.target.replace("//system/callbackkey/", "/system/callbackkey/")
    return replace(exchange, kind=kind, target=target)


def connect_spelling(exchange: Exchange) -> Exchange:
    """Give an error without a body the empty object: ESET describes a body and often sends none."""
    if exchange.status >= 400 and not exchange.answer:
        return replace(exchange, kind="application/json", answer=b"{}")
    return exchange


def tigerpaw_spelling(exchange: Exchange) -> Exchange:
    """Leave refusals unjudged: Tigerpaw's description, derived from a client, knows none."""
    refused = exchange.status >= 400 or exchange.answer.startswith(b'{"Success":false')
    return replace(exchange, honest=exchange.honest and not refused)


PSA = Document(
    "hosts/connectwise_psa/openapi.json",
    for_both=(mends.one_part_codebase, mends.plain_json, mends.member_cookies),
    for_answers=(mends.nothing_required,),
    respell=psa_spelling,
)
AUTOMATE = Document(
    "hosts/connectwise_automate/openapi.json",
    for_both=(mends.small_token_address,),
    for_requests=(mends.small_patch_words,),
    for_answers=(mends.times_without_zone,),
)
CONNECT = Document(
    "vendors/eset/connect.openapi.json",
    for_both=(mends.any_task_parameters,),
    respell=connect_spelling,
)
MSP = Document("vendors/eset/msp.openapi.json")
TIGERPAW = Document(
    "hosts/tigerpaw/rest.openapi.json",
    for_both=(mends.statuses_are_a_list, mends.may_be_null),
    for_answers=(mends.times_without_zone, mends.nothing_required),
    respell=tigerpaw_spelling,
)


@cache
def plain(file: str) -> Document:
    """Return a description that needs no mending, read once."""
    return Document(file)


def tigerpaw_document(exchange: Exchange) -> Document | None:
    """Return what judges a call to Tigerpaw; SOAP is compared with lxml in its own tests."""
    return None if "asmx" in exchange.target.lower() else TIGERPAW


PUBLISHED: dict[str, Callable[[Exchange], Document | None]] = {
    "connectwise_automate": lambda exchange: AUTOMATE,
    "connectwise_psa": lambda exchange: PSA,
    "eset_protect": lambda exchange: MSP if exchange.host == "mspapi.eset.com" else CONNECT,
    "tigerpaw": tigerpaw_document,
}
"""The adapters that have a published description, and which one a call is judged by."""

NOT_THERE = ("/nonsense/", "/system/callbackkey/")
"""Parts of addresses that suites make up on purpose to see them refused.

The second is asked for the key that a forged delivery names; a real one is judged.
"""

_judged: dict[object, list[str]] = {}


def complaints(kind: str, heard: Iterable[Exchange]) -> list[str]:
    """Return what openapi-core finds wrong with exchanges of an adapter; the same ones once."""
    if kind not in PUBLISHED:
        return []
    return [
        problem
        for exchange in heard
        if not (exchange.status == 404 and any(part in exchange.path for part in NOT_THERE))
        for problem in _judge_once(kind, exchange)
    ]


def _judge_once(kind: str, exchange: Exchange) -> list[str]:
    names = tuple(name for name, _ in exchange.headers)
    key = (kind, replace(exchange, headers=(), honest=False), names, exchange.honest)
    if key not in _judged:
        document = PUBLISHED[kind](exchange)
        _judged[key] = list(document.judge(exchange)) if document else []
    return _judged[key]
