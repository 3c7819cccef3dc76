"""Sign-in: the access token, its renewal and its end.

``POST /apitoken`` gives it; ``POST /apitoken/refresh`` takes the token itself, as a bare JSON
string, and gives the next one until the absolute end; then one signs in again. (Published
contract; how long a token lives differs between sources, so only its own dates are believed.)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from plugin.domain.errors import AnswerError, EdgeError, RefusedError
from plugin.edge.http import Answer, Http
from plugin.hosts.connectwise_automate.clock import ServerClock, date_of
from plugin.hosts.connectwise_automate.passcode import passcode
from plugin.hosts.connectwise_automate.wire import TokenWire

RENEW_BEFORE = timedelta(minutes=3)
UNKNOWN_LIFE = timedelta(minutes=15)
LONGEST_LIFE = timedelta(days=1)
CLOCK_LIFE = timedelta(hours=1)
"""How long a look at the server's clock is believed: summer time may begin meanwhile."""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; ``until`` and ``renewable_until`` are on our clock."""

    text: str = field(repr=False)
    until: datetime
    renewable_until: datetime


class SignIn:
    """Holds one account's token; use it from one thread, like the Http it is given."""

    def __init__(
        self, http: Http, settings: Mapping[str, str], who: str, now: Callable[[], datetime]
    ) -> None:
        """Sign in on the first call of :meth:`headers`, not before."""
        self._http, self._settings, self._who, self._now = http, settings, who, now
        self._token: Token | None = None
        self._clock: ServerClock | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers every call needs, with a token that lives for minutes still."""
        return self._bearer(self._living().text)

    def forget(self) -> None:
        """Sign in anew next time: the server did not take the token."""
        self._token = None

    def life(self) -> timedelta:
        """Return how long the token lives still, signing in when there is none."""
        return self._living().until - self._now()

    def clock(self) -> ServerClock:
        """Return a look at the server's clock, at most an hour old."""
        if self._clock is None or self._now() - self._clock.asked_at > CLOCK_LIFE:
            self._clock = self.read_clock(self.headers())
        return self._clock

    def read_clock(self, headers: Mapping[str, str]) -> ServerClock:
        """Look at the server's clock now."""
        answer = self._http.get("api/v1/DatabaseServerTime", headers=headers)
        said = answer.json()
        try:
            reading = datetime.fromisoformat(said)
        except (TypeError, ValueError):
            text = "answered a server time that is not as promised"
            raise AnswerError(self._who, text, code="shape") from None
        return ServerClock(reading, date_of(answer.header("Date")), self._now())

    def _bearer(self, token: str) -> dict[str, str]:
        return {**self.client_headers(), "Authorization": f"Bearer {token}"}

    def client_headers(self) -> dict[str, str]:
        """Return the header that names the integration; needed on the token calls too."""
        return {"clientId": self._settings.get("client_id", "")}

    def _living(self) -> Token:
        now = self._now()
        if self._token is None or self._token.until - now <= timedelta():
            self._token = self._sign_in()
        elif self._token.until - now < RENEW_BEFORE:
            self._token = self._renew(self._token)
        return self._token

    def _renew(self, token: Token) -> Token:
        if token.renewable_until - self._now() < RENEW_BEFORE:
            return self._sign_in()
        try:
            answer = self._http.send(
                "POST",
                "api/v1/apitoken/refresh",
                json=token.text,
                headers=self.client_headers(),
                safe=True,
            )
        except RefusedError:
            return self._sign_in()
        return self._accept(answer)

    def _sign_in(self) -> Token:
        body = {"Username": self._settings["user"], "Password": self._settings["password"]}
        given = self._settings.get("passcode", "")
        if given:
            body["TwoFactorPasscode"] = self._passcode(given)
        answer = self._http.send(
            "POST", "api/v1/apitoken", json=body, headers=self.client_headers(), safe=True
        )
        return self._accept(answer)

    def _passcode(self, given: str) -> str:
        try:
            return passcode(given, self._now())
        except ValueError:
            text = "asks for a passcode, and what is stored is neither one nor a setup key"
            raise RefusedError(self._who, text, code="passcode") from None

    def _accept(self, answer: Answer) -> Token:
        said = TokenWire.parse(answer.json(), self._who, "a sign-in")
        if not said["token"] and said["two_factor"]:
            raise RefusedError(self._who, "asks for a second factor", code="two-factor")
        if not said["token"]:
            text = "answered a sign-in that is not as promised (accesstoken)"
            raise AnswerError(self._who, text, code="shape")
        now = self._now()
        life = self._life(said["expires"], answer, said["token"])
        absolute = self._life(said["absolute"] or said["expires"], answer, said["token"])
        return Token(said["token"], now + life, now + absolute)

    def _life(self, ends: datetime | None, answer: Answer, token: str) -> timedelta:
        """Return how long it is until the server's ``ends``, whatever zone and clock it has."""
        now = self._now()
        if ends is None:
            return UNKNOWN_LIFE
        if ends.utcoffset() is not None:
            life = ends - (date_of(answer.header("Date")) or now)
        else:
            clock = self._look(token)
            life = clock.until(ends, now) if clock else UNKNOWN_LIFE
        return min(life, LONGEST_LIFE) if life > timedelta() else UNKNOWN_LIFE

    def _look(self, token: str) -> ServerClock | None:
        """Look at the clock with a token that is not in use yet; None where that fails."""
        if self._clock is None or self._now() - self._clock.asked_at > CLOCK_LIFE:
            try:
                self._clock = self.read_clock(self._bearer(token))
            except EdgeError:
                # The life of the token only: whoever needs the time itself asks and is told.
                return None
        return self._clock
