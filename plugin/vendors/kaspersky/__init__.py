"""Kaspersky's back ends: Security Center on the customer's own server, and its cloud."""

from plugin.vendors.kaspersky.center import SecurityCenter
from plugin.vendors.kaspersky.cloud import KasperskyCloud, KasperskyHub

ADAPTERS = (SecurityCenter, KasperskyCloud, KasperskyHub)
