"""Settings: everything the process was told at its start, as one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from plugin.settings.environment import DEFAULT, PAGE, EffectiveEnvironment, Environment
from plugin.settings.limits import Limits
from plugin.settings.sandbox import Offer

Addresses = Mapping[Environment, Mapping[str, Mapping[str, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator decided; read once, never changed, secrets hidden in its repr.

    An empty text means "not set". ``addresses`` holds, per environment and vendor kind, the
    vendor's servers by name; an empty address means that none is known. ``sandbox_offers`` holds,
    by kind, the emulators that this process may connect to; empty without a sandbox.
    """

    root: Path
    data: Path
    database_url: str = field(repr=False)
    bind_host: str
    bind_port: int
    public_url: str
    sandbox_port: int
    tls_cert: Path | None
    tls_key: Path | None
    trusted_proxies: tuple[str, ...]
    fast_inbox: bool
    log_json: bool
    smtp_url: str = field(repr=False)
    smtp_cert: Path | None
    mail_from: str
    oidc_issuer: str
    oidc_client_id: str
    oidc_client_secret: str = field(repr=False)
    drain: float
    bridge_beat: float
    bridge_deadline: float
    delivery_days: int
    host_config: Path | None
    vault_key: str | None = field(repr=False)
    environment_setting: EffectiveEnvironment | None
    addresses: Addresses = field(repr=False)
    limits: Limits = field(repr=False)
    sandbox_offers: Mapping[str, Offer] = field(default_factory=dict)

    def effective_environment(self, picked: str | None) -> EffectiveEnvironment:
        """Return the environment that holds, given what an administrator ``picked`` on the page."""
        if self.environment_setting is not None:
            return self.environment_setting
        if picked is None:
            return EffectiveEnvironment(Environment.PRODUCTION, DEFAULT, locked=False)
        return EffectiveEnvironment(Environment.parse(picked, PAGE), PAGE, locked=False)

    def addresses_of(self, kind: str, environment: Environment) -> Mapping[str, str]:
        """Return the servers of a vendor ``kind``; empty for kinds whose customers bring theirs."""
        return self.addresses[environment].get(kind, {})
