"""The certificate of a customer's own server: fetched for a person to compare, then pinned."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from plugin.domain.contracts import Adapter, Advice, FieldKind
from plugin.domain.errors import EdgeError, RuleError
from plugin.edge import certificates
from plugin.edge.addresses import AddressGuard
from plugin.edge.certificates import Certificate
from plugin.runtime import Runtime
from plugin.services.connections.checking import CheckStep, Outcome

_BY_HAND = "or take the certificate from the server itself and paste it as PEM."
_OTHERWISE = Advice(
    "The server did not show a certificate at this address and port.",
    f"See that address and port are right and that no firewall is between, {_BY_HAND}",
)
_ADVICE = {
    "address": Advice(
        "This address may not be talked to as it stands.",
        "A server in your own network has to be allowed under Advanced; one that only a bridge "
        "reaches has to be asked there: take its certificate from it and paste it as PEM.",
    ),
    "name": Advice(
        "The server's name cannot be found.",
        f"See that it is spelt rightly and known where this program runs, {_BY_HAND}",
    ),
}


def certificate_field(adapter: type[Adapter]) -> str:
    """Return the name of the field that holds the pinned certificate; empty where none does."""
    names = (each.name for each in adapter.fields if each.kind is FieldKind.CERTIFICATE)
    return next(names, "")


def fetch_certificate(
    runtime: Runtime,
    kind: str,
    values: Mapping[str, str],
    *,
    allow_private: bool,
    origin_override: str | None = None,
) -> Certificate:
    """Return what the server that ``values`` name shows; nothing is kept, and nothing proven.

    RuleError on ``server`` while none is named; EdgeError as :func:`certificates.fetch`.
    """
    adapter = runtime.adapter_class(kind)
    given = {name: value.strip() for name, value in values.items()}
    url = adapter.certificate_server(given)
    if not url:
        text = "Enter the address of your own server first: its certificate is fetched from there."
        raise RuleError("server", text)
    host = urlsplit(url).hostname or ""
    guard = AddressGuard(allow_private=[host] if allow_private and host else [])
    return certificates.fetch(url, who=adapter.title, guard=guard, override=origin_override)


def not_fetched(error: EdgeError) -> CheckStep:
    """Return what it means that no certificate came, with cause and cure."""
    advice = _ADVICE.get(error.code, _OTHERWISE)
    name, failed = "Fetch certificate", Outcome.FAILED
    return CheckStep(name, failed, error.message, advice.cause, advice.cure)
