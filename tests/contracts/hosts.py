"""How each host adapter is joined to its emulator, for the suite of promises.

A new host adds one line to :data:`HOSTS`, and says how its emulator calls us when it does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from plugin.domain.contracts import Host
from plugin.domain.model import Delivery, MemberClaim
from plugin.edge.emulator import Emulator, Happening
from plugin.edge.world import World
from plugin.hosts.connectwise_automate.emulator import AutomateEmulator
from plugin.hosts.connectwise_automate.host import ConnectWiseAutomate
from plugin.hosts.connectwise_psa.emulator import ConnectWisePsaEmulator
from plugin.hosts.connectwise_psa.host import ConnectWisePsa
from plugin.hosts.tigerpaw.emulator import TigerpawEmulator
from plugin.hosts.tigerpaw.host import Tigerpaw
from tests.contracts.stands import Stand

PLAIN_URL = "https://bridgehead.example/webhooks/token"
URL = f"{PLAIN_URL}?recordId="
"""Our address, as hosts with a register of callbacks are told it."""

HostStand = Stand[Host]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An adapter and what it needs to be tried.

    ``renews``: access runs out and must be renewed. ``delivery`` lets something happen at the
    host and returns the call that it makes; ``claim`` signs a member of the host in and returns
    what a page inside the host would be told; ``page`` is the kind of page its first screen takes.
    """

    adapter: type[Host]
    emulator: type[Emulator]
    renews: bool = True
    delivery: Callable[[HostStand], Delivery] | None = None
    claim: Callable[[HostStand], MemberClaim] | None = None
    page: str = ""

    def stand(self, world: World) -> HostStand:
        """Return the adapter's stand-in showing ``world``, ready to be talked to."""
        emulator = self.emulator()
        emulator.reset(world)
        emulator.faults.sleep = lambda seconds: None
        return Stand(self.adapter, emulator)


def psa_delivery(stand: HostStand) -> Delivery:
    """Save a ticket at PSA and catch what its callback sends."""
    caught: list[Delivery] = []

    def catch(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> int:
        caught.append(Delivery(body, tuple((k.lower(), v) for k, v in headers.items())))
        return 204

    host, emulator = stand.made(), stand.emulator
    assert isinstance(host, ConnectWisePsa)
    assert isinstance(emulator, ConnectWisePsaEmulator)
    emulator.callbacks.sender = catch
    host.subscribe(host.wanted_subscriptions(URL)[0])
    emulator.occur(Happening("ticket-saved", {"ticket": 1}))
    emulator.background()
    return caught[-1]


def automate_delivery(stand: HostStand) -> Delivery:
    """Let our script run on the Automate server and catch what it posts."""
    caught: list[Delivery] = []

    def catch(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> int:
        caught.append(Delivery(body, tuple((k.lower(), v) for k, v in headers.items())))
        return 204

    secret = "a-made-up-webhook-secret-0123456"
    stand.settings["webhook_secret"] = secret
    emulator = stand.emulator
    assert isinstance(emulator, AutomateEmulator)
    emulator.post = catch
    emulator.set_runner(PLAIN_URL, secret)
    emulator.occur(Happening("alert-raised"))
    emulator.background()
    return caught[-1]


def psa_claim(stand: HostStand) -> MemberClaim:
    """Sign a technician in at PSA."""
    told = stand.emulator.occur(Happening("member-signed-in", {}))
    assert told is not None
    names = ("companyid", "memberid", "memberHash", "memberContext")
    return MemberClaim(*(str(told[name]) for name in names))


HOSTS: dict[str, Candidate] = {
    "connectwise_automate": Candidate(
        ConnectWiseAutomate, AutomateEmulator, delivery=automate_delivery, page="computer_menu"
    ),
    "connectwise_psa": Candidate(
        ConnectWisePsa, ConnectWisePsaEmulator, False, psa_delivery, psa_claim, "Tab"
    ),
    "tigerpaw": Candidate(Tigerpaw, TigerpawEmulator, renews=False),
}
