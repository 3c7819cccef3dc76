"""Fixtures of this folder."""

from tests.hosts.connectwise_automate.stand import emulator

__all__ = ["emulator"]
