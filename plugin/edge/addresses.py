"""The address guard: which servers we may talk to, decided on resolved addresses.

Somebody who may type in an address must not reach what only this machine can reach. The guard
reads one strict spelling, resolves a name once, looks at every address it got, and hands out only
addresses that passed; :mod:`plugin.edge.pinned` connects to exactly these.
"""

import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from queue import Empty, SimpleQueue
from threading import Thread
from urllib.parse import urlsplit

from plugin.domain.errors import EdgeError, RefusedError, RuleError, TransientError

Resolver = Callable[[str], Sequence[str]]
Ip = IPv4Address | IPv6Address

LOOKUP_SECONDS = 5.0
_PORTS = {"https": 443, "http": 80}
_LOOPBACK = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}
LOOPBACK_HOSTS = frozenset(_LOOPBACK)
"""The ways to write this computer that are understood as such."""

# Letters, digits, hyphens and dots only: no percent signs, no full-width digits, no trailing dot.
_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)
_NETLOC = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[^:@\[\]]+)(:(?P<port>[0-9]{1,5}))?", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

# What a customer's own network uses; open only to hosts an administrator has named.
_PRIVATE = tuple(
    map(
        ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
    )
)

# Cloud services that answer only to the machine itself: two of them sit in private ranges and
# one is a public address, so no range test finds them.
_METADATA = frozenset(
    map(
        ip_address,
        ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"),
    )
)

# IANA's special-purpose registries. ``is_global`` alone is not enough: it lets relays and
# translators through (6to4, NAT64), and its table differs between Python's patch releases.
_SPECIAL = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
            "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24",
            "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
            "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
        ),
    )
)  # fmt: skip
_UNICAST_V6 = ip_network("2000::/3")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL points: scheme, host (lower case, without brackets) and port."""

    scheme: str
    host: str
    port: int

    @property
    def netloc(self) -> str:
        """Host and port as a Host header has them: without the scheme's usual port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port as a URL begins.

        >>> parse("https://[2a00::1]:443/x").origin
        'https://[2a00::1]'
        """
        return f"{self.scheme}://{self.netloc}"


@dataclass(frozen=True, slots=True)
class CheckedAddress:
    """A server that may be talked to, with the addresses that passed."""

    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...]


def resolve(host: str) -> tuple[str, ...]:
    """Ask the system for every address of ``host``; OSError when it has none."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def parse(url: str, *, schemes: Sequence[str] = ("https",)) -> Place:
    """Read a URL in the one spelling we accept; ValueError says what is wrong with it.

    >>> parse("https://PSA.example.com:8443/v4")
    Place(scheme='https', host='psa.example.com', port=8443)
    """
    if re.search(r"[^\x21-\x7e]|\\", url):
        raise ValueError("the address has spaces or characters that do not belong in one")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("the address cannot be read") from None
    if parts.scheme not in schemes:
        raise ValueError(f"the address must begin with {schemes[0]}://")
    if "@" in parts.netloc:
        raise ValueError("the address must not hold a user name or password")
    match = _NETLOC.fullmatch(parts.netloc)
    if match is None:
        raise ValueError("the address has no readable server name")
    port = _port(match["port"], _PORTS[parts.scheme])
    return Place(parts.scheme, _host(match["host"].lower()), port)


def parse_loopback(origin: str) -> Place:
    """Read an origin on this computer, as the sandbox has them; ValueError for anything else."""
    place = parse(origin, schemes=("http", "https"))
    if place.host not in _LOOPBACK or urlsplit(origin).path not in {"", "/"}:
        raise ValueError("an override is an origin on this computer, such as http://127.0.0.1:8099")
    return place


def loopback_addresses(place: Place) -> tuple[str, ...]:
    """Return where a loopback origin is found, without asking anybody."""
    return (_LOOPBACK[place.host],)


def _host(text: str) -> str:
    """Return the host without brackets, or ValueError for any odd way to write one."""
    literal = text.startswith("[") or _NUMBER.fullmatch(text.rpartition(".")[2])
    if literal:
        # 127.1, 0x7f.1, 017700000001 and 2130706433 are all one computer to some library.
        try:
            return str(ip_address(text.strip("[]")))
        except ValueError:
            raise ValueError("the server name is a number written in an odd way") from None
    if _NAME.fullmatch(text) is None:
        raise ValueError("the server name has characters that do not belong in one")
    return text


def _port(text: str | None, default: int) -> int:
    port = default if text is None else int(text)
    if not 1 <= port <= 65535:
        raise ValueError("the port must be between 1 and 65535")
    return port


def _is_public(ip: Ip) -> bool:
    if ip.version == 6 and ip not in _UNICAST_V6:
        return False  # also v4-mapped, v4-compatible, NAT64, link-local, multicast
    return ip.is_global and not any(ip in network for network in _SPECIAL)


class AddressGuard:
    """Says yes or no to servers.

    ``allow_private`` names hosts (as typed: name or address, without port) that an administrator
    knowingly lets be in a private network. It never opens loopback, link-local or the metadata
    services of clouds. ``resolver`` returns all addresses of a name, or raises OSError.
    """

    def __init__(self, *, allow_private: Iterable[str] = (), resolver: Resolver = resolve) -> None:
        """Keep the exceptions and the way names are resolved."""
        self._private = frozenset(_host(host.strip().lower()) for host in allow_private)
        self._resolver = resolver

    def check(self, url: str, *, who: str = "the address") -> CheckedAddress:
        """Return the addresses behind ``url``; RefusedError (code ``address``) when one is bad.

        TransientError (code ``name``) when the name cannot be resolved now.
        """
        try:
            place = parse(url)
        except ValueError as error:
            raise RefusedError(who, str(error), code="address") from None
        found = self.addresses(place.host, who=who)
        return CheckedAddress(place.scheme, place.host, place.port, found)

    def problem(self, field: str, url: str) -> RuleError | None:
        """Return what is wrong with an address somebody typed into ``field``, or None."""
        try:
            self.check(url)
        except EdgeError as error:
            text = error.message
            return RuleError(field, text[:1].upper() + text[1:] + ".")
        return None

    def addresses(self, host: str, *, who: str, seconds: float = LOOKUP_SECONDS) -> tuple[str, ...]:
        """Resolve ``host`` once, within ``seconds``, check every address; fails as ``check``."""
        found = self._lookup(host, who, seconds)
        for address in found:
            reason = self.refusal(host, address)
            if reason:
                raise RefusedError(who, f"{host} {reason}", code="address")
        return found

    def refusal(self, host: str, address: str) -> str:
        """Return why ``address`` of ``host`` must not be connected to; empty when it may."""
        try:
            ip = ip_address(address)
        except ValueError:
            return "has an address that cannot be read"
        if ip in _METADATA:
            return "is a service of the cloud this program may run in"
        if _is_public(ip):
            return ""
        if not any(ip in network for network in _PRIVATE):
            return "is not a server on the internet"
        if host in self._private:
            return ""
        return "is in a private network, which this connection is not allowed to use"

    def _lookup(self, host: str, who: str, seconds: float) -> tuple[str, ...]:
        try:
            return (str(ip_address(host)),)
        except ValueError:
            pass
        found = _within(seconds, self._resolver, host)
        if not found:
            raise TransientError(who, f"the name {host} cannot be found", code="name")
        return tuple(found)


def _within(seconds: float, resolver: Resolver, host: str) -> Sequence[str]:
    """Run the resolver, but wait no longer than ``seconds``: getaddrinfo has no time-out."""
    box: SimpleQueue[Sequence[str]] = SimpleQueue()

    def ask() -> None:
        try:
            box.put(resolver(host))
        except (OSError, UnicodeError):
            box.put(())

    Thread(target=ask, name="lookup", daemon=True).start()
    try:
        return box.get(timeout=seconds)
    except Empty:
        return ()
