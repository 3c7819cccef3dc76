"""Connections: add, check, edit, remove and bring back; keep what we registered at a host exact."""

from plugin.services.connections.callbacks import (
    CALLBACKS,
    FAREWELL,
    Registered,
    keep_callbacks,
    registered,
    webhook_url,
    work_farewell,
)
from plugin.services.connections.checking import (
    CHECK,
    CheckStep,
    Outcome,
    Trial,
    advice_for,
    ask_for_check,
    check,
    climb,
    explained,
    rehearse,
    work_check,
)
from plugin.services.connections.deletion import (
    REMOVE,
    delete,
    deleted,
    former_name,
    get_deleted,
    removed_at,
    undo,
    what_goes_with,
)
from plugin.services.connections.export import export
from plugin.services.connections.forms import HIDDEN
from plugin.services.connections.pinning import certificate_field, fetch_certificate, not_fetched
from plugin.services.connections.removal import work_removal
from plugin.services.connections.replacing import demand_working, keeps_old
from plugin.services.connections.rights import (
    GuideLine,
    RightTold,
    guide_of,
    missing_rights,
    rights_kept,
    steps_kept,
    try_rights,
)
from plugin.services.connections.saving import create, edit, get, living

__all__ = [
    "CALLBACKS",
    "CHECK",
    "FAREWELL",
    "HIDDEN",
    "REMOVE",
    "CheckStep",
    "GuideLine",
    "Outcome",
    "Registered",
    "RightTold",
    "Trial",
    "advice_for",
    "ask_for_check",
    "certificate_field",
    "check",
    "climb",
    "create",
    "delete",
    "deleted",
    "demand_working",
    "edit",
    "explained",
    "export",
    "fetch_certificate",
    "former_name",
    "get",
    "get_deleted",
    "guide_of",
    "keep_callbacks",
    "keeps_old",
    "living",
    "missing_rights",
    "not_fetched",
    "registered",
    "rehearse",
    "removed_at",
    "rights_kept",
    "steps_kept",
    "try_rights",
    "undo",
    "webhook_url",
    "what_goes_with",
    "work_check",
    "work_farewell",
    "work_removal",
]
