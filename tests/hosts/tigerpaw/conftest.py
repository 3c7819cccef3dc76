"""The fixtures of :mod:`tests.hosts.tigerpaw.stand`."""

from tests.hosts.tigerpaw.stand import emulator, host

__all__ = ["emulator", "host"]
