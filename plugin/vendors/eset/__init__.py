"""ESET's back ends: PROTECT, in the cloud or on premises, and MSP Administrator beside it."""

from plugin.vendors.eset.protect import EsetProtect

ADAPTERS = (EsetProtect,)
