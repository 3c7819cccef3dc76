"""ConnectWise Automate (formerly LabTech): the RMM whose computers carry bridges."""

from plugin.hosts.connectwise_automate.host import ConnectWiseAutomate

ADAPTERS = (ConnectWiseAutomate,)
