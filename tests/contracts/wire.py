"""What an adapter really sends and is really answered, kept for a second opinion."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from plugin.edge.emulator import Emulator
from plugin.edge.inprocess import InProcess


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as it left our client, and its answer; ``honest``: no fault was waiting."""

    method: str
    host: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    status: int
    kind: str
    answer: bytes
    honest: bool

    @property
    def path(self) -> str:
        """The path, as it was sent."""
        return urlsplit(self.target).path

    @property
    def query(self) -> str:
        """The query, as it was sent."""
        return urlsplit(self.target).query


class Recording(InProcess):
    """A transport that writes down everything it carries."""

    def __init__(self, emulator: Emulator, kept: list[Exchange]) -> None:
        """Carry to ``emulator`` and write into ``kept``."""
        super().__init__(emulator)
        self._emulator, self._kept = emulator, kept

    def send(
        self,
        request: requests.PreparedRequest,
        *rest: Any,
        **named: Any,
    ) -> requests.Response:
        """Carry one request; a lost connection is written down by nobody."""
        honest = not self._emulator.faults.waiting
        response = super().send(request, *rest, **named)
        self._kept.append(_exchange(request, response, honest=honest))
        return response


def _exchange(
    request: requests.PreparedRequest, response: requests.Response, *, honest: bool
) -> Exchange:
    body = request.body or b""
    return Exchange(
        method=request.method or "GET",
        host=request.headers.get("Host") or urlsplit(request.url or "").netloc,
        target=request.path_url,
        headers=tuple(request.headers.items()),
        body=body.encode() if isinstance(body, str) else bytes(body),
        status=response.status_code,
        kind=response.headers.get("Content-Type", ""),
        answer=response.content,
        honest=honest,
    )
