"""Proving who looks at our page inside PSA: everything such a page is told comes from the client.

So PSA itself is asked, at the address we have configured and never at one from the page, with the
member's own cookies; and then our own keys ask who that member is. Whether PSA ties the member to
the hash is not documented, so both calls must agree (vendor developer guide, hosted API).
"""

import re

from plugin.domain.contracts import ProvesMembers
from plugin.domain.errors import EdgeError, ForgedError, MissingError, RefusedError
from plugin.domain.model import Member, MemberClaim
from plugin.hosts.connectwise_psa.base import Psa
from plugin.hosts.connectwise_psa.filters import UnquotableError, equals
from plugin.hosts.connectwise_psa.tickets import MEMBERS
from plugin.hosts.connectwise_psa.wire import MemberWire, SystemInfo

# What may stand in a cookie as it is: no blank, quote, comma, semicolon or backslash.
_COOKIE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,512}")

NOT_CONFIRMED = "PSA does not confirm that this member is signed in"


class Members(Psa, ProvesMembers):
    """Proves members."""

    def prove_member(self, claim: MemberClaim) -> Member:
        """Return the member; ForgedError when PSA does not confirm every part of the claim."""
        if claim.company_id.casefold() != self._api.login_company.casefold():
            raise self._forged("the page speaks of another login company")
        self._confirm(self._cookie(claim))
        return self._known(claim.member_id)

    def _cookie(self, claim: MemberClaim) -> str:
        parts = {
            "companyName": claim.company_id,
            "memberHash": claim.member_hash,
            "memberId": claim.member_id,
            "memberContext": claim.member_context or "web",
        }
        if not all(_COOKIE.fullmatch(value) for value in parts.values()):
            raise self._forged("the page sent something that is no member")
        return "; ".join(f"{name}={value}" for name, value in parts.items())

    def _confirm(self, cookie: str) -> None:
        """Demand that PSA knows these cookies, at the code base of today."""
        try:
            self._ask_as_member(cookie)
        except MissingError:
            if not self._api.has_moved():
                raise self._forged(NOT_CONFIRMED) from None
            self._ask_as_member(cookie)

    def _ask_as_member(self, cookie: str) -> None:
        """Make the smallest call as that member, through a door that forgets its cookies."""
        http, path = self._api.private_door("/system/info")
        headers = {"Cookie": cookie, "clientId": self._api.client_id, "Accept": "application/json"}
        try:
            SystemInfo.parse(http.get(path, headers=headers).json(), self.title, "its version")
        except RefusedError as error:
            if error.status not in {401, 403}:
                raise
            raise self._forged(NOT_CONFIRMED) from None
        finally:
            http.close()

    def _known(self, identifier: str) -> Member:
        try:
            rows = self._api.first(MEMBERS, equals("identifier", identifier))
        except UnquotableError:
            raise self._forged("the page sent something that is no member") from None
        told = MemberWire.parse_many(rows, self.title, "a list of members")
        same = [each for each in told if each["identifier"].casefold() == identifier.casefold()]
        if len(same) != 1 or same[0]["inactive_flag"]:
            raise self._forged("PSA has no active member of this name")
        return MemberWire.value(same[0])

    def _forged(self, reason: str) -> EdgeError:
        return ForgedError(self.title, reason)
