"""What every adapter is: its fields and words, how its connection is checked, what it promises."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from plugin.domain.errors import EdgeError, RuleError
from plugin.domain.model import (
    Choice,
)
from plugin.domain.rights import GuideStep, Recipe, Right


class FieldKind(StrEnum):
    """How a field is drawn and checked."""

    TEXT = "text"
    EMAIL = "email"
    SECRET = "secret"  # noqa: S105 - a field kind, not a password
    ADDRESS = "address"
    NUMBER = "number"
    CHOICE = "choice"
    CERTIFICATE = "certificate"
    SWITCH = "switch"
    LINES = "lines"


@dataclass(frozen=True, slots=True)
class Field:
    """One thing an administrator types in to connect.

    A field of kind SECRET is sealed at rest, never sent back to a page and never logged.
    ``advanced`` fields stand behind a fold; ``slot`` groups fields of a second credential.
    ``pattern`` is a regular expression the whole value must match, with ``pattern_says`` as the
    text shown when it does not. A ``generated`` secret is made up by the service when it is left
    empty; when it is replaced, the service keeps the former value for a day as ``<name>_old`` with
    its end as ``<name>_old_until`` (ISO 8601) among the settings.
    """

    name: str
    label: str
    kind: FieldKind = FieldKind.TEXT
    required: bool = True
    choices: tuple[Choice, ...] = ()
    default: str | None = None
    help: str = ""
    advanced: bool = False
    slot: str = ""
    pattern: str = ""
    pattern_says: str = ""
    generated: bool = False

    @property
    def secret(self) -> bool:
        """Whether the value is sealed and never shown."""
        return self.kind is FieldKind.SECRET


@dataclass(frozen=True, slots=True)
class Words:
    """The remote's own labels, so that pages speak as its manual does (singular, lower case)."""

    product: str
    workspace: str = "workspace"
    company: str = "company"
    ticket: str = "ticket"
    agreement: str = "agreement"
    item: str = "product"
    computer: str = "computer"


@dataclass(frozen=True, slots=True)
class Advice:
    """Why a rung of the connection check failed, and what the reader can do about it."""

    cause: str
    cure: str


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the connection check.

    ``run`` makes the smallest real call and returns what it saw in one sentence. It raises an
    EdgeError when the step fails, or returns a text that starts with ``WARNING`` (the constant
    below) when the call worked but shows nothing useful.
    """

    name: str
    run: Callable[[], str]


WARNING = "warning: "


class Scope(StrEnum):
    """What one cursor covers."""

    CONNECTION = "connection"
    WORKSPACE = "workspace"


class Adapter(ABC):
    """The duty of every adapter; ``kind`` begins with its folder's name."""

    kind: ClassVar[str]
    title: ClassVar[str]
    fields: ClassVar[tuple[Field, ...]]
    words: ClassVar[Words]
    notice: ClassVar[str] = ""
    """A sentence shown before the form, where a person must know something first."""

    submit: ClassVar[str] = "Continue"
    """What the vendor's own plug-in calls the button that sends the form."""

    guide: ClassVar[tuple[str, ...]] = ()
    """Numbered steps that make the dedicated API user, shown beside the form."""

    recipes: ClassVar[tuple[GuideStep, ...]] = ()
    """The same steps with what proves each, where the self-test can mark them done or not."""

    name_label: ClassVar[str] = "Connection name"
    """What the vendor's own plug-in calls the name that a person gives a connection."""

    menu_path: ClassVar[tuple[str, ...]] = ()
    """Where the vendor's own plug-in has this form, the menu's words from the top."""

    environments: ClassVar[bool] = False
    """Whether the remote has servers per environment (``KESCloudServer`` concerns it)."""

    @classmethod
    def validate(cls, settings: Mapping[str, str]) -> tuple[RuleError, ...]:
        """Return what is wrong with ``settings`` beyond each field's own rule, before any call."""
        return ()

    @classmethod
    def certificate_server(cls, settings: Mapping[str, str]) -> str:
        """Return the https address whose certificate may be pinned; empty where there is none."""
        return ""

    @abstractmethod
    def rungs(self) -> tuple[Rung, ...]:
        """Return the connection check's steps in order, the cheapest authenticated call first."""

    def advice(self, rung: str, error: EdgeError) -> Advice | None:
        """Return cause and cure of a failed rung in the reader's words, or None for the default."""
        return None

    def rights(self) -> tuple[Right, ...]:
        """Return every right that the remote's account needs, for the permission self-test.

        Trying them writes nothing at the remote, and each takes a few calls at most.
        """
        return ()

    @classmethod
    def recipe(cls, settings: Mapping[str, str]) -> Recipe:
        """Return which of the guide's recipes a connection with these settings follows."""
        return Recipe.WITH_ACTIONS
