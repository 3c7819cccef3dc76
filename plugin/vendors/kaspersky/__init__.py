"""Kaspersky's back ends: Security Center on the customer's own server."""

from plugin.vendors.kaspersky.center import SecurityCenter

ADAPTERS = (SecurityCenter,)
