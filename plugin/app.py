"""The application factory: the only module that knows every part."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

import plugin.hosts
import plugin.vendors
from plugin.blueprints import ALL, errors, guard
from plugin.domain.errors import ConfigError
from plugin.edge.discovery import find_adapters
from plugin.runtime import Runtime, utc_now
from plugin.services import connections, follow, inbox, sync, tickets
from plugin.services import work as work_service
from plugin.settings import Settings, load
from plugin.store.base import db, prepare
from plugin.store.database import engine_options
from plugin.store.queue import Claim
from plugin.vault import Vault
