"""ConnectWise PSA (formerly Manage): tickets, agreements, configurations, callbacks, pages."""

from plugin.hosts.connectwise_psa.host import ConnectWisePsa

ADAPTERS = (ConnectWisePsa,)
