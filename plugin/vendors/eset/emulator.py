"""EsetEmulator: ESET Connect and MSP Administrator behind one origin, as one connection uses them.

A connection of the sandbox has one origin for everything, so both systems stand here. The Host
header tells which is meant, and at ESET Connect which region and service; a caller that comes by
the loopback address itself is served by path.
"""

from typing import Any, ClassVar

from werkzeug.wrappers import Request, Response

from plugin.edge.contract import Contract
from plugin.edge.emulator import Happening
from plugin.edge.world import SIZES, World
from plugin.vendors.eset.emulator_connect import EsetConnectEmulator
from plugin.vendors.eset.emulator_estate import company_group
from plugin.vendors.eset.emulator_licensing import customer_id
from plugin.vendors.eset.emulator_msp import EsetMspEmulator

__all__ = ["EsetConnectEmulator", "EsetEmulator", "EsetMspEmulator"]

MSP_HOST = "mspapi.eset.com"


class EsetEmulator(EsetConnectEmulator, EsetMspEmulator):
    """Both of ESET's interfaces over one made-up MSP, each request judged by its own contract."""

    kind = "eset_protect"
    title = "ESET PROTECT"
    switches: ClassVar[dict[str, Any]] = {
        **EsetConnectEmulator.switches,
        **EsetMspEmulator.switches,
    }

    def is_msp(self, request: Request) -> bool:
        """Tell whether a request is for MSP Administrator."""
        if request.host.endswith(".eset.systems"):
            return False
        return request.host == MSP_HOST or request.path.startswith("/api/")

    def populate(self, world: World) -> None:
        """Fill both, and note the clients for the pairs of their groups and customers."""
        EsetConnectEmulator.populate(self, world)
        EsetMspEmulator.populate(self, world)
        for client in world.clients:
            self.table("clients")[str(client.number)] = {"name": client.name}

    def connection_settings(self) -> dict[str, str]:
        """Return both slots, with the pairs of group and customer as a person confirmed them.

        An emulator that is still empty answers for a world of the small size.
        """
        numbers = [int(each) for each in self.table("clients")] or range(1, SIZES["small"][0] + 1)
        pairs = (f"{company_group(number)}={customer_id(number)}" for number in numbers)
        return {
            **EsetConnectEmulator.connection_settings(self),
            **EsetMspEmulator.connection_settings(self),
            "customer_pairs": "\n".join(pairs),
        }

    def contract_for(self, request: Request) -> Contract | None:
        """Return the contract of the system that is asked."""
        half = EsetMspEmulator if self.is_msp(request) else EsetConnectEmulator
        return half.contract

    def contract_path(self, request: Request) -> str | None:
        """Return the path in the terms of that contract."""
        if self.is_msp(request):
            return request.path
        return EsetConnectEmulator.contract_path(self, request)

    def refuse(self, request: Request) -> Response | None:
        """Refuse as the system that is asked would; neither knows the other's addresses."""
        if self.is_msp(request):
            known = request.path.startswith("/api/")
            return EsetMspEmulator.refuse(self, request) if known else self.not_found(request)
        if request.path.startswith("/api/"):
            return self.not_found(request)
        return EsetConnectEmulator.refuse(self, request)

    def not_found(self, request: Request) -> Response:
        """Answer for an unknown address as the system that is asked would."""
        if self.is_msp(request):
            return EsetMspEmulator.not_found(self, request)
        return EsetConnectEmulator.not_found(self, request)

    def play_own(self, kind: str, request: Request) -> Response:
        """Play a fault of the system that is asked; what it does not know does not hit it."""
        if self.is_msp(request):
            known = kind in EsetMspEmulator.own_faults
            return EsetMspEmulator.play_own(self, kind, request) if known else self.answer(request)
        return EsetConnectEmulator.play_own(self, kind, request)

    def happen(self, happening: Happening) -> dict[str, Any] | None:
        """Let something happen in whichever of the two knows the word."""
        return EsetConnectEmulator.happen(self, happening) or EsetMspEmulator.happen(
            self, happening
        )

    def state(self) -> dict[str, Any]:
        """Return everything both hold."""
        return {**EsetMspEmulator.state(self), **EsetConnectEmulator.state(self)}
