"""A real mail server on loopback: TLS both ways, sign-in, refusals, and what it took."""

import asyncio
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from types import TracebackType
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

ACCOUNT = ("bridgehead", "p@ss/word")


@dataclass
class MailServer:
    """Serves on a free port; ``refusals`` are answers to commands (``RCPT``, ``DATA`` …)."""

    secure: ssl.SSLContext | None = None
    starttls: ssl.SSLContext | None = None
    signs_in: bool = False
    refusals: dict[str, str] = field(default_factory=dict)
    taken: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    signed_in: list[bool] = field(default_factory=list)
    sessions: int = 0

    def __enter__(self) -> "MailServer":
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,))
        self._thread.start()
        ready.wait(5)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def url(self, scheme: str = "smtp", host: str = "localhost", *, account: bool = False) -> str:
        """Return the address for BRIDGEHEAD_SMTP_URL."""
        user = f"{ACCOUNT[0]}:p%40ss%2Fword@" if account else ""
        return f"{scheme}://{user}{host}:{self.port}"

    def to(self, recipient: str) -> list[EmailMessage]:
        """Return what was taken for somebody."""
        return [each for each in self.taken if each["To"] == recipient]

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        serving = self._loop.create_server(self._answer, "127.0.0.1", 0, ssl=self.secure)
        server = self._loop.run_until_complete(serving)
        self.port: int = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for each in tasks:
            each.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def _answer(self) -> SMTP:
        self.sessions += 1
        options: Mapping[str, Any] = {
            "tls_context": self.starttls,
            "require_starttls": self.starttls is not None,
            "auth_require_tls": self.starttls is not None,
            "authenticator": _judge if self.signs_in else None,
        }
        return SMTP(self, hostname="localhost", loop=self._loop, **options)

    # -- what aiosmtpd asks of its handler ---------------------------------------------------------

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's own name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "RCPT" in self.refusals:
            return self.refusals["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's own name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "MAIL" in self.refusals:
            return self.refusals["MAIL"]
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's own name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if "DATA" in self.refusals:
            return self.refusals["DATA"]
        content = cast(bytes, envelope.original_content)
        self.signed_in.append(bool(session.authenticated))
        self.taken.append(message_from_bytes(content, policy=default))
        self.envelopes.append(envelope)
        return "250 OK"


def _judge(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
) -> AuthResult:
    assert isinstance(data, LoginPassword)
    good = (data.login.decode(), data.password.decode()) == ACCOUNT
    return AuthResult(success=good, handled=False)
