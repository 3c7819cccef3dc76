"""What the remote's account must be allowed to do, and what the self-test found out about it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Access(StrEnum):
    """Whether a right lets us look or lets us change something."""

    READ = "read"
    WRITE = "write"


class Holding(StrEnum):
    """What the self-test found: the account has a right, lacks it, or nobody can tell."""

    HAS = "has"
    MISSING = "missing"
    UNTOLD = "untold"


@dataclass(frozen=True, slots=True)
class Right:
    """One right that the remote's account needs.

    ``prove`` makes the smallest harmless call that needs it and returns what it saw. It raises a
    RefusedError when the right is missing; any other EdgeError, or a text that begins with
    ``WARNING``, means that it cannot be told. Without ``prove``, ``unproven`` says why no call of
    ours could try the right. It is not tried before the check's step ``after`` went through.
    ``unsure`` says what of it the vendor has not published; a right that is had needs no such word.
    """

    name: str
    access: Access
    needed_for: str
    without: str
    cure: str
    prove: Callable[[], str] | None = None
    unproven: str = ""
    after: str = ""
    unsure: str = ""


class Recipe(StrEnum):
    """For which kind of user a step of the guide is meant."""

    BOTH = "both"
    READ_ONLY = "read_only"
    WITH_ACTIONS = "with_actions"


@dataclass(frozen=True, slots=True)
class GuideStep:
    """One step of the guide that makes the dedicated user, with what proves that it was taken.

    ``proofs`` are names of rights and of steps of the connection check; ``unproven`` says why
    nothing proves it.
    """

    text: str
    recipe: Recipe = Recipe.BOTH
    proofs: tuple[str, ...] = ()
    unproven: str = ""


class Mark(StrEnum):
    """Whether a step of the guide was taken, as far as that can be told."""

    DONE = "done"
    NOT_DONE = "not_done"
    UNTOLD = "untold"
    UNNEEDED = "unneeded"
