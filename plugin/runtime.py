"""Runtime: what every use case is handed. Five things, frozen."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TypeVar

from plugin.domain.contracts import Adapter, Host, Vendor
from plugin.domain.errors import RuleError
from plugin.edge.addresses import AddressGuard
from plugin.edge.circuit import Circuit
from plugin.edge.http import Http, Timeouts
from plugin.edge.link import Classify, Link
from plugin.edge.pace import Pace
from plugin.settings import EffectiveEnvironment, Environment, Settings
from plugin.store.base import db
from plugin.store.integrations import Connection, Preference
from plugin.vault import Vault
