"""What the operator decided, read once at the start; nobody else reads the process environment."""

from plugin.settings.environment import EffectiveEnvironment, Environment
from plugin.settings.limits import Limits, Pace
from plugin.settings.loading import load, shipped_config
from plugin.settings.values import Settings

__all__ = [
    "EffectiveEnvironment",
    "Environment",
    "Limits",
    "Pace",
    "Settings",
    "load",
    "shipped_config",
]
