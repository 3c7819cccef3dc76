"""Every failure this program knows, sorted by what must happen next.

::

    PluginError
      ConfigError                 at start; lists every problem at once
      RuleError                   a person asked for something the rules forbid; names the field
        FormError                 several fields of one form, all at once
      ConflictError               somebody else changed the same thing first
      BusyError                   the store cannot take more just now
      EdgeError                   something beyond our door failed; .recovery says what follows
        TransientError            RETRY      time-out, 408, 425, 429, 5xx, connection lost
          CircuitOpenError        RETRY      not even tried: the remote is known to be down
        RefusedError              ASK_ADMIN  401, 403, wrong password, missing right
        MissingError              DROP       404, 410
        AnswerError               STOP       not the promised shape; a redirect; anything else
        ForgedError               DROP       a delivery nobody can vouch for

DROP is for incoming hints and for reads, never for an outward write: a write whose target is
missing is for its service to judge.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar


class Recovery(StrEnum):
    """What must happen after a failure."""

    RETRY = "retry"
    ASK_ADMIN = "ask_admin"
    DROP = "drop"
    STOP = "stop"


class PluginError(Exception):
    """The root of all failures we raise ourselves."""


class ConfigError(PluginError):
    """The configuration cannot be used; carries every problem found, not only the first."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Keep ``problems``, one readable sentence each."""
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class RuleError(PluginError):
    """A request broke a rule; ``field`` names the form field and ``message`` the cure."""

    def __init__(self, field: str, message: str) -> None:
        """Name the ``field`` (empty: the whole form); say what is wrong and how to mend it."""
        self.field = field
        self.message = message
        super().__init__(message)


class FormError(RuleError):
    """Several fields of one form break rules; carries one RuleError for each."""

    def __init__(self, errors: Sequence[RuleError]) -> None:
        """Keep every fault of the form."""
        self.errors = tuple(errors)
        super().__init__(errors[0].field, "; ".join(each.message for each in errors))


class ConflictError(RuleError):
    """Two people edited the same thing; the second one is told, nothing is overwritten."""


class BusyError(PluginError):
    """The store could not take the work in time; the caller may try again in ``retry_after`` s."""

    def __init__(self, message: str, retry_after: int = 2) -> None:
        """Say what was busy; ``retry_after`` is in seconds."""
        self.retry_after = retry_after
        super().__init__(message)


class EdgeError(PluginError):
    """Something beyond our door failed.

    ``who`` is the remote's title, ``message`` a sentence for a person without bodies or secrets,
    ``retry_after`` the seconds the remote asked us to wait, ``code`` the remote's own short error
    word (such as ``InvalidObject``) where it gave one, ``status`` its HTTP status.
    """

    recovery: ClassVar[Recovery] = Recovery.STOP

    def __init__(
        self,
        who: str,
        message: str,
        *,
        retry_after: float | None = None,
        code: str = "",
        status: int | None = None,
    ) -> None:
        """Keep who failed, why in words, and what the remote asked for."""
        self.who = who
        self.message = message
        self.retry_after = retry_after
        self.code = code
        self.status = status
        super().__init__(f"{who}: {message}")


class TransientError(EdgeError):
    """Time-out, overload or a lost connection: the same call may succeed later.

    After a write this means "unclear": it may have happened. Look before writing again.
    """

    recovery = Recovery.RETRY


class CircuitOpenError(TransientError):
    """The remote is known to be down, so the call was not made; does not count as an attempt."""


class RefusedError(EdgeError):
    """The remote does not let us in: wrong password, missing right, expired key."""

    recovery = Recovery.ASK_ADMIN


class MissingError(EdgeError):
    """The record asked for does not exist (any more)."""

    recovery = Recovery.DROP


class AnswerError(EdgeError):
    """The remote answered something nobody promised."""

    recovery = Recovery.STOP


class ForgedError(EdgeError):
    """A delivery that nobody can vouch for; the message says which proof failed."""

    recovery = Recovery.DROP
