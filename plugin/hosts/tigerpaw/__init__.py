"""Tigerpaw (now Rev.io PSA): the PSA that is asked by REST and billed through SOAP."""

from plugin.hosts.tigerpaw.host import Tigerpaw

ADAPTERS = (Tigerpaw,)
