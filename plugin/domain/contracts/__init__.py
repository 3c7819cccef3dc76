"""What every host and vendor adapter promises, and what it may offer beyond that.

An ability is a type: a page asks ``isinstance(host, OpensTickets)`` and an adapter cannot claim
what it does not have. Values of :mod:`plugin.domain.model` cross this border, never dictionaries;
failures are those of :mod:`plugin.domain.errors`, never a library's own.
"""

from plugin.domain.contracts.adapter import (
    WARNING,
    Adapter,
    Advice,
    Field,
    FieldKind,
    Rung,
    Scope,
    Words,
)
from plugin.domain.contracts.host import (
    BillsUsage,
    Host,
    KeepsConfigurations,
    KeepsExtraFields,
    ListsAlerts,
    ListsComputers,
    OffersScripts,
    OpensTickets,
    PlacesPages,
    ProvesMembers,
    RunsCommands,
    RunsScripts,
    SendsWebhooks,
)
from plugin.domain.contracts.vendor import (
    FindsDetections,
    JoinsCustomers,
    KeepsIntegrations,
    ListsGroups,
    ListsWorkspaceGroups,
    MakesInstallers,
    ManagesAdministrators,
    ReportsLicences,
    ReportsUsage,
    ResolvesDetections,
    RunsActions,
    Vendor,
)

__all__ = [
    "WARNING",
    "Adapter",
    "Advice",
    "BillsUsage",
    "Field",
    "FieldKind",
    "FindsDetections",
    "Host",
    "JoinsCustomers",
    "KeepsConfigurations",
    "KeepsExtraFields",
    "KeepsIntegrations",
    "ListsAlerts",
    "ListsComputers",
    "ListsGroups",
    "ListsWorkspaceGroups",
    "MakesInstallers",
    "ManagesAdministrators",
    "OffersScripts",
    "OpensTickets",
    "PlacesPages",
    "ProvesMembers",
    "ReportsLicences",
    "ReportsUsage",
    "ResolvesDetections",
    "Rung",
    "RunsActions",
    "RunsCommands",
    "RunsScripts",
    "Scope",
    "SendsWebhooks",
    "Vendor",
    "Words",
]
