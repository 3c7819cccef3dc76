"""The rights in Kaspersky's cloud: the role administrator (the other is user), and the clients."""

from collections.abc import Iterator
from itertools import islice

from plugin.domain.contracts import WARNING, Vendor
from plugin.domain.errors import RefusedError
from plugin.domain.rights import Access, Right
from plugin.vendors.kaspersky import cloud_wire as wire
from plugin.vendors.kaspersky.cloud_session import CloudSession

ENOUGH = 500


def rights(vendor: Vendor, session: CloudSession) -> Iterator[Right]:
    """Yield the role, then the clients that it covers."""
    unit = vendor.words.workspace

    def is_administrator() -> str:
        try:
            answer = session.get("/v1/tenants", limit=1, page=None)
        except RefusedError as error:
            if error.code == "not-administrator":
                raise
            return f"{WARNING}{error.message}"
        wire.TenantPageWire.parse(answer, session.who, "workspaces")
        return "the account may administer"

    def sees_clients() -> str:
        try:
            seen = len(list(islice(vendor.workspaces(), ENOUGH)))
        except RefusedError as error:
            return f"{WARNING}not tried: {session.who} {error.message}"
        if not seen:
            text = f"lets this account administer no {unit}"
            raise RefusedError(session.who, text, code="nothing_visible")
        return f"{seen} can be seen; whether these are all, only you can tell"

    yield Right(
        "Role administrator",
        Access.WRITE,
        needed_for="Reading and acting; the product has no lesser role that may do either.",
        without="Nothing can be read.",
        cure="Make the account an administrator in the portal.",
        prove=is_administrator,
        after="Sign in",
    )
    yield Right(
        f"Administrator of each {unit}",
        Access.WRITE,
        needed_for="Devices, events, licences and actions of each client.",
        without="A client that it does not administer is not seen.",
        cure=f"In the portal make the account an administrator of every {unit} to be served.",
        prove=sees_clients,
        after="Sign in",
    )
