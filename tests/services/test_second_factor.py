"""The second factor: codes of the moment, recovery codes, guessing, rotation of its seal."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from sqlalchemy import select

from plugin.domain.errors import RuleError
from plugin.services import access, second_factor, secrets
from plugin.services.access import CodeNeededError, Role
from plugin.services.guessing import SignInError
from plugin.store.base import db, writing
from plugin.store.journal import AuditEntry
from plugin.store.people import User
from tests.databases import fresh_sqlite
from tests.house import House, open_house

PASSWORD = "correct horse battery"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(fresh_sqlite(tmp_path), tmp_path) as opened:
        yield opened


@pytest.fixture
def user(house: House) -> User:
    made, _ = access.create_user(house.runtime, "tester", "ann@msp.example", Role.ADMINISTRATOR)
    with writing():
        made.password_hash = access.hashed(PASSWORD)
    return made


def set_up(house: House, user: User) -> tuple[pyotp.TOTP, list[str]]:
    offer = second_factor.offer(house.runtime, user)
    totp = pyotp.TOTP(offer.secret)
    codes = second_factor.turn_on(house.runtime, user, offer, totp.at(house.clock()))
    house.clock.forward(90)
    return totp, codes


def voucher(house: House) -> str:
    with pytest.raises(CodeNeededError) as needed:
        access.sign_in(house.runtime, "ann@msp.example", PASSWORD)
    return second_factor.challenge(house.runtime, needed.value.user_id)


def test_the_password_alone_lets_nobody_in_and_a_code_is_good_once(
    house: House, user: User
) -> None:
    totp, _ = set_up(house, user)
    code = totp.at(house.clock())
    assert second_factor.answer(house.runtime, voucher(house), code) is user
    with pytest.raises(SignInError, match="used already"):
        second_factor.answer(house.runtime, voucher(house), code)
    house.clock.forward(30)
    assert second_factor.answer(house.runtime, voucher(house), totp.at(house.clock())) is user


@pytest.mark.parametrize(("seconds", "good"), [(-30, True), (30, True), (-90, False), (90, False)])
def test_a_clock_may_be_one_step_off(house: House, user: User, seconds: int, good: bool) -> None:
    totp, _ = set_up(house, user)
    code = totp.at(house.clock() + timedelta(seconds=seconds))
    if good:
        assert second_factor.answer(house.runtime, voucher(house), code) is user
    else:
        with pytest.raises(SignInError):
            second_factor.answer(house.runtime, voucher(house), code)


def test_each_recovery_code_is_good_once(house: House, user: User) -> None:
    _, codes = set_up(house, user)
    assert len(set(codes)) == 10
    assert second_factor.answer(house.runtime, voucher(house), codes[3].upper()) is user
    assert len(user.recovery) == 9
    with pytest.raises(SignInError):
        second_factor.answer(house.runtime, voucher(house), codes[3])
    assert not set(codes) & set(user.recovery)


def test_guessing_codes_ends_after_five_and_not_for_ever(house: House, user: User) -> None:
    totp, _ = set_up(house, user)
    given = voucher(house)
    for guess in ("000000", "12", "", "ä", "1" * 60):
        with pytest.raises(SignInError):
            second_factor.answer(house.runtime, given, guess)
    with pytest.raises(SignInError, match="Wait"):
        second_factor.answer(house.runtime, given, totp.at(house.clock()))
    house.clock.forward(901)
    assert second_factor.answer(house.runtime, voucher(house), totp.at(house.clock())) is user


@pytest.mark.parametrize("change", ["", "x", "made.up"])
def test_a_voucher_altered_or_old_opens_nothing(house: House, user: User, change: str) -> None:
    totp, _ = set_up(house, user)
    with pytest.raises(SignInError, match="took too long"):
        second_factor.answer(house.runtime, change, totp.at(house.clock()))
    old = voucher(house)
    house.clock.forward(601)
    with pytest.raises(SignInError, match="took too long"):
        second_factor.answer(house.runtime, old, totp.at(house.clock()))


def test_a_set_up_that_is_not_proven_changes_nothing(house: House, user: User) -> None:
    offer = second_factor.offer(house.runtime, user)
    with pytest.raises(RuleError):
        second_factor.turn_on(house.runtime, user, offer, "000000")
    assert access.sign_in(house.runtime, user.email, PASSWORD)
    other, _ = access.create_user(house.runtime, "tester", "bob@msp.example", Role.VIEWER)
    with pytest.raises(RuleError, match="too long"):
        second_factor.offered(house.runtime, other, offer.voucher)


def test_the_secret_is_sealed_at_its_account_and_rotates_with_the_others(
    house: House, user: User
) -> None:
    totp, _ = set_up(house, user)
    assert totp.secret not in user.totp_sealed
    before = house.runtime.vault.key_id(user.totp_sealed)
    assert secrets.rotate(house.runtime, "tester") == 1
    assert house.runtime.vault.key_id(user.totp_sealed) != before
    assert second_factor.answer(house.runtime, voucher(house), totp.at(house.clock())) is user


def test_an_offer_comes_back_whole_by_its_voucher(house: House, user: User) -> None:
    offer = second_factor.offer(house.runtime, user)
    assert second_factor.offered(house.runtime, user, offer.voucher) == offer
    assert offer.secret in offer.address
    assert "ann%40msp.example" in offer.address
    assert "issuer=Bridgehead" in offer.address
    signing_in = second_factor.challenge(house.runtime, user.id)
    with pytest.raises(RuleError, match="too long"):
        second_factor.offered(house.runtime, user, signing_in)


def test_an_account_without_a_second_factor_takes_no_code(house: House, user: User) -> None:
    for code in ("", "000000", "abcd-efgh-jkmn"):
        with pytest.raises(SignInError, match="wrong") as caught:
            second_factor.check(house.runtime, user, code)
        assert caught.value.field == "code"


def test_guessing_codes_of_one_account_keeps_nobody_else_out(house: House, user: User) -> None:
    set_up(house, user)
    other, _ = access.create_user(house.runtime, "tester", "bob@msp.example", Role.VIEWER)
    totp, _ = set_up(house, other)
    for _ in range(5):
        with pytest.raises(SignInError, match="wrong"):
            second_factor.check(house.runtime, user, "000000")
    with pytest.raises(SignInError, match="Wait") as caught:
        second_factor.check(house.runtime, user, "000000")
    assert caught.value.field == "code"
    second_factor.check(house.runtime, other, totp.at(house.clock()))


def test_a_used_recovery_code_is_in_the_audit_log(house: House, user: User) -> None:
    _, codes = set_up(house, user)
    second_factor.check(house.runtime, user, codes[0])
    entry = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert (entry.actor, entry.action, entry.subject) == (
        user.email,
        "user.recovery_code",
        user.email,
    )
    assert entry.after == {"left": 9}


def test_it_is_taken_off_again(house: House, user: User) -> None:
    set_up(house, user)
    second_factor.turn_off(house.runtime, "tester", user)
    assert access.sign_in(house.runtime, user.email, PASSWORD)
