"""The second factor of local accounts: a code of the moment (TOTP, RFC 6238), or a recovery code.

Its secret rests sealed in the vault, recovery codes as digests. A code is good once, and a recovery
code is gone when it was used.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pyotp
from sqlalchemy.orm import Session

from plugin.domain.errors import RuleError
from plugin.runtime import Runtime
from plugin.services import access, guessing, vouchers
from plugin.services.guessing import SignInError
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.people import User

ISSUER = "Bridgehead"
STEP_SECONDS = 30
RECOVERY_CODES = 10
_SETTING_UP, _SIGNING_IN = "second factor set-up", "second factor sign-in"
_MINUTES = 10
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
WRONG = "This code is wrong, or was used already. Wait for the next one."


@dataclass(frozen=True, slots=True)
class Offer:
    """A secret that is not in force yet, as an app takes it; the voucher brings it back."""

    secret: str = field(repr=False)
    address: str = field(repr=False)
    voucher: str = field(repr=False)


def place(user_id: int) -> str:
    """Return the place that an account's sealed secret is bound to."""
    return f"user_account:{user_id}:totp_sealed"


# -- setting up ----------------------------------------------------------------------------------


def offer(runtime: Runtime, user: User) -> Offer:
    """Return a fresh secret for an app; it holds once a code of it was typed in."""
    if user.identity is not None:
        raise RuleError("code", "Somebody else proves you; the second factor is theirs to ask for.")
    secret = pyotp.random_base32()
    address = pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=ISSUER)
    text = f"{user.id} {secret}"
    return Offer(secret, address, vouchers.sign(runtime, _SETTING_UP, text, _MINUTES * 60))


def offered(runtime: Runtime, user: User, voucher: str) -> Offer:
    """Return the offer that a voucher stands for; RuleError when it is over or another's."""
    text = vouchers.read(runtime, _SETTING_UP, voucher) or ""
    number, _, secret = text.partition(" ")
    if number != str(user.id):
        raise RuleError("code", "This took too long. Scan the new picture and try again.")
    address = pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=ISSUER)
    return Offer(secret, address, voucher)


def turn_on(runtime: Runtime, user: User, taken: Offer, code: str) -> list[str]:
    """Put an offer in force, proven by a code of it; returns the recovery codes, shown once."""
    step = _step_of(taken.secret, code, 0, runtime.now())
    if step is None:
        raise RuleError("code", "This code does not fit. Look whether the clocks are right.")
    codes = _new_codes()
    with writing() as session:
        user.totp_sealed = runtime.vault.seal({"secret": taken.secret}, place(user.id))
        user.totp_step, user.recovery = step, [_digest(each) for each in codes]
        audit(runtime, session, user.email, "user.second_factor_on", user.email)
    return codes


def _new_codes() -> list[str]:
    letters = ("".join(secrets.choice(_LETTERS) for _ in range(12)) for _ in range(RECOVERY_CODES))
    return [f"{each[:4]}-{each[4:8]}-{each[8:]}" for each in letters]


def _digest(code: str) -> str:
    return access.digest("".join(each for each in code.lower() if each.isalnum()))


def turn_off(runtime: Runtime, actor: str, user: User) -> None:
    """Take the second factor off an account; harmless when it has none."""
    with writing() as session:
        user.totp_sealed, user.totp_step, user.recovery = "", 0, []
        audit(runtime, session, actor, "user.second_factor_off", user.email)


# -- asking for it -------------------------------------------------------------------------------


def challenge(runtime: Runtime, user_id: int) -> str:
    """Return a voucher that the password was right, for the form that asks for the code."""
    return vouchers.sign(runtime, _SIGNING_IN, str(user_id), _MINUTES * 60)


def answer(runtime: Runtime, voucher: str, code: str) -> User:
    """Return the account whose password was right and whose code is; SignInError else."""
    number = vouchers.read(runtime, _SIGNING_IN, voucher)
    user = db.session.get(User, int(number)) if number else None
    if user is None or user.disabled:
        raise SignInError("email", "This took too long. Sign in with your password once more.")
    check(runtime, user, code)
    return user


def check(runtime: Runtime, user: User, code: str) -> None:
    """Take a code of the moment or a recovery code; SignInError when it is wrong or used."""
    with guessing.counted(runtime, f"code:{user.id}", "code"):
        with writing() as session:
            good = _takes(runtime, session, user, code)
        if not good:
            raise SignInError("code", WRONG)


def _takes(runtime: Runtime, session: Session, user: User, code: str) -> bool:
    session.refresh(user, with_for_update=True)  # so that of two at once one takes the code
    if not user.totp_sealed:
        return False
    secret = runtime.vault.unseal(user.totp_sealed, place(user.id))["secret"]
    step = _step_of(secret, code, user.totp_step, runtime.now())
    if step is not None:
        user.totp_step = step
        return True
    digest = _digest(code)
    left = [each for each in user.recovery if not hmac.compare_digest(each, digest)]
    if len(left) == len(user.recovery):
        return False
    user.recovery = left
    audit(runtime, session, user.email, "user.recovery_code", user.email, after={"left": len(left)})
    return True


def _step_of(secret: str, code: str, after: int, now: datetime) -> int | None:
    """Return the time step of a code, one beside the present at most; None when it is no good."""
    digits = "".join(code.split())
    totp = pyotp.TOTP(secret)
    for apart in (0, -1, 1):
        moment = now + timedelta(seconds=STEP_SECONDS * apart)
        step = int(moment.timestamp()) // STEP_SECONDS
        if step > after and digits.isascii() and hmac.compare_digest(totp.at(moment), digits):
            return step
    return None
