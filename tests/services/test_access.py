from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from plugin.domain.errors import RuleError
from plugin.runtime import Runtime
from plugin.services import access
from plugin.services.access import Role
from plugin.services.guessing import SignInError
from plugin.store.base import db, writing
from plugin.store.journal import AuditEntry
from plugin.store.people import ApiToken, User, UserSession
from tests.house import House, open_house
from tests.scene import Clock


@pytest.fixture
def house(database: str, tmp_path: Path) -> Iterator[House]:
    with open_house(database, tmp_path) as opened:
        yield opened


def new_user(house: House, role: Role = Role.VIEWER) -> tuple[User, str]:
    return access.create_user(house.runtime, "tester", "Anna@MSP.example", role)


def test_a_person_signs_in_and_is_known_by_the_cookies_secret(house: House) -> None:
    _, password = new_user(house)
    secret, csrf = access.sign_in(house.runtime, "anna@msp.example", password)
    session = access.session_of(house.runtime, secret)
    assert session is not None
    assert session.csrf == csrf
    assert access.person_of(session).role is Role.VIEWER
    assert access.person_of(session).must_change


def test_the_database_holds_no_password_session_or_token(house: House) -> None:
    user, password = new_user(house)
    secret, _ = access.sign_in(house.runtime, user.email, password)
    token = access.create_token(house.runtime, "tester", "t", Role.VIEWER)
    stored = [user.password_hash]
    stored += list(db.session.scalars(select(UserSession.digest)))
    stored += list(db.session.scalars(select(ApiToken.digest)))
    assert not {password, secret, token} & set(stored)


def test_a_password_rests_as_argon2id_of_the_strength_that_is_promised(house: House) -> None:
    user, _ = new_user(house)
    promised = "$argon2id$v=19$m=19456,t=2,p=1$"
    assert user.password_hash.startswith(promised)
    assert access._NOBODY.startswith(promised), "an unknown account would answer sooner"


@pytest.mark.parametrize("email", ["anna@msp.example", "nobody@msp.example"])
def test_a_wrong_password_and_an_unknown_account_are_told_the_same(
    house: House, email: str
) -> None:
    new_user(house)
    with pytest.raises(SignInError) as caught:
        access.sign_in(house.runtime, email, "wrong")
    assert caught.value.message == "E-mail address or password is wrong."


def test_guessing_stops_after_five_tries_and_not_for_ever(house: House) -> None:
    _, password = new_user(house)
    for _ in range(5):
        with pytest.raises(SignInError):
            access.sign_in(house.runtime, "anna@msp.example", "wrong")
    with pytest.raises(SignInError) as caught:
        access.sign_in(house.runtime, "anna@msp.example", password)
    assert caught.value.message == ("Too many failed tries. Wait up to 15 minutes, then try again.")
    house.clock.forward(901)
    assert access.sign_in(house.runtime, "anna@msp.example", password)


def refusal(house: House, email: str, password: str) -> str:
    """Return why a sign-in was refused, from a thread of its own; empty when it was not."""
    with house.app.app_context():
        try:
            access.sign_in(house.runtime, email, password)
        except SignInError as error:
            return error.message
        return ""


@pytest.mark.parametrize("email", ["anna@msp.example", "nobody@msp.example"])
def test_many_guesses_at_once_are_no_more_than_one_after_another(house: House, email: str) -> None:
    new_user(house)
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda number: refusal(house, email, f"guess {number}"), range(16)))
    assert sum("is wrong" in each for each in told) == 5
    assert sum("Wait" in each for each in told) == 11


def test_who_is_refused_for_guessing_is_not_kept_out_for_longer_by_it(house: House) -> None:
    _, password = new_user(house)
    for _ in range(5):
        assert "is wrong" in refusal(house, "anna@msp.example", "guess")
    house.clock.forward(600)
    assert "Wait" in refusal(house, "anna@msp.example", "guess")
    house.clock.forward(301)
    assert refusal(house, "anna@msp.example", password) == ""


def test_the_owners_sign_in_gives_a_guesser_no_further_guesses(house: House) -> None:
    _, password = new_user(house)
    for _ in range(4):
        assert "is wrong" in refusal(house, "anna@msp.example", "guess")
    assert refusal(house, "anna@msp.example", password) == ""
    assert "is wrong" in refusal(house, "anna@msp.example", "guess")
    assert "Wait" in refusal(house, "anna@msp.example", "guess")


def test_the_present_password_cannot_be_guessed_in_a_session_either(house: House) -> None:
    user, password = new_user(house)
    for _ in range(5):
        with pytest.raises(RuleError, match="present password"):
            access.change_password(house.runtime, user, "guess", "a new long password")
    with pytest.raises(RuleError, match="Wait") as caught:
        access.change_password(house.runtime, user, password, "a new long password")
    assert caught.value.field == "old"


def test_an_ended_session_is_refused_at_once(house: House) -> None:
    user, password = new_user(house)
    secret, _ = access.sign_in(house.runtime, user.email, password)
    session = access.session_of(house.runtime, secret)
    assert session is not None
    access.end_session(house.runtime, session.id, "tester")
    assert access.session_of(house.runtime, secret) is None


def test_a_disabled_user_is_out_at_once(house: House) -> None:
    user, password = new_user(house)
    secret, _ = access.sign_in(house.runtime, user.email, password)
    with writing():
        user.disabled = True
    assert access.session_of(house.runtime, secret) is None
    with pytest.raises(SignInError):
        access.sign_in(house.runtime, user.email, password)


def test_a_session_ends_by_age_and_by_idleness(house: House) -> None:
    user, password = new_user(house)
    secret, _ = access.sign_in(house.runtime, user.email, password)
    house.clock.forward(121 * 60)
    assert access.session_of(house.runtime, secret) is None


def test_a_password_is_changed_by_whoever_knows_the_old_one(house: House) -> None:
    user, password = new_user(house)
    with pytest.raises(RuleError) as caught:
        access.change_password(house.runtime, user, "wrong", "a new long password")
    assert caught.value.field == "old"
    with pytest.raises(RuleError) as caught:
        access.change_password(house.runtime, user, password, "short")
    assert caught.value.field == "new"
    access.change_password(house.runtime, user, password, "a new long password")
    assert access.sign_in(house.runtime, user.email, "a new long password")
    assert not user.must_change


def test_a_token_works_until_it_expires_or_is_revoked(house: House) -> None:
    token = access.create_token(house.runtime, "tester", "report", Role.TECHNICIAN, days=1)
    person = access.person_with_token(house.runtime, token)
    assert person is not None
    assert person.name == "token report"
    house.clock.forward(86_401)
    assert access.person_with_token(house.runtime, token) is None
    assert access.person_with_token(house.runtime, "bh_unknown") is None


def test_an_account_is_made_once(house: House) -> None:
    new_user(house)
    with pytest.raises(RuleError):
        new_user(house)


def newest_entry() -> AuditEntry:
    return db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).all()[0]


def test_a_token_is_kept_as_it_was_asked_for_and_audited(house: House) -> None:
    limit = frozenset({(2, "b"), (1, "a")})
    token = access.create_token(
        house.runtime,
        "anna",
        "  report ",
        Role.VIEWER,
        7,
        scopes=["devices:read"],
        companies=limit,
    )
    assert len(token) == 46
    assert token.startswith("bh_")
    found = access.find_token(token)
    assert found is not None
    assert (found.name, found.role, found.created_by) == ("report", "viewer", "anna")
    assert found.expires_at == found.created_at + timedelta(days=7)
    person = access.person_with_token(house.runtime, token)
    assert person is not None
    assert (person.scopes, person.companies) == (frozenset({"devices:read"}), limit)
    entry = newest_entry()
    assert (entry.actor, entry.action) == ("anna", "token.create")
    assert entry.after == {"role": "viewer", "scopes": ["devices:read"], "days": 7}
    access.create_token(house.runtime, "anna", " ", Role.VIEWER)
    assert db.session.get_one(ApiToken, 2).name == "token"
    assert db.session.get_one(ApiToken, 2).expires_at is None


def test_ending_and_revoking_are_audited_once_and_harmless_for_what_is_not_there(
    house: House,
) -> None:
    user, password = new_user(house)
    access.sign_in(house.runtime, user.email, password)
    access.create_token(house.runtime, "tester", "t", Role.VIEWER)
    access.end_session(house.runtime, 1, "anna")
    assert (newest_entry().actor, newest_entry().action) == ("anna", "session.end")
    assert newest_entry().subject == user.email
    access.revoke_token(house.runtime, 1, "anna")
    assert (newest_entry().actor, newest_entry().action) == ("anna", "token.revoke")
    assert newest_entry().subject == "t"
    last = newest_entry().id
    for number in (1, 99):
        access.end_session(house.runtime, number, "anna")
        access.revoke_token(house.runtime, number, "anna")
    assert newest_entry().id == last


def still(house: House) -> tuple[Runtime, Clock]:
    """Return the house's runtime with a clock that stands still, and that clock."""
    clock = Clock(house.runtime.now().replace(microsecond=0))
    return replace(house.runtime, now=clock), clock


def test_a_session_ends_at_its_very_moment_and_no_sooner(house: House) -> None:
    user, _ = new_user(house)
    runtime, clock = still(house)
    secret, _ = access.start_session(runtime, user, "a browser")
    found = access.session_of(runtime, secret)
    assert found is not None
    assert found.agent == "a browser"
    clock.move(minutes=runtime.settings.limits.access.idle_minutes, seconds=-1)
    assert access.session_of(runtime, secret, present=False) is not None
    clock.move(seconds=1)
    assert access.session_of(runtime, secret) is None, "idle for as long as is allowed"
    with writing():
        found.seen_at = found.expires_at
    clock.at = found.expires_at - timedelta(seconds=1)
    assert access.session_of(runtime, secret, present=False) is not None
    clock.move(seconds=1)
    assert access.session_of(runtime, secret) is None, "over"


def test_a_new_password_ends_this_accounts_other_sessions_alone(house: House) -> None:
    user, password = new_user(house)
    runtime, clock = still(house)
    other, _ = access.create_user(runtime, "tester", "ben@msp.example", Role.VIEWER)
    kept, _ = access.start_session(runtime, user, "here")
    gone, _ = access.start_session(runtime, user, "there")
    theirs, _ = access.start_session(runtime, other, "elsewhere")
    here = access.session_of(runtime, kept)
    assert here is not None
    shortest = "x" * access.SHORTEST_PASSWORD
    with pytest.raises(RuleError):
        access.change_password(runtime, user, password, shortest[1:], keep=here.id)
    access.change_password(runtime, user, password, shortest, keep=here.id)
    alive = [access.session_of(runtime, each) is not None for each in (kept, gone, theirs)]
    assert alive == [True, False, True]
    ended_at = db.session.scalars(select(UserSession.ended_at)).all()
    assert [each for each in ended_at if each] == [clock.at]
    assert "user.password" in db.session.scalars(select(AuditEntry.action)).all()


def test_a_token_ends_at_its_very_moment_and_tells_when_it_was_used(house: House) -> None:
    runtime, clock = still(house)
    start = clock.at
    token = access.create_token(runtime, "t", "t", Role.VIEWER, days=1)
    assert len(token) == len("bh_") + 43
    row = access.find_token(token)
    assert row is not None
    assert access.person_with_token(runtime, token) is not None
    assert row.used_at == start
    clock.at += access.SEEN_EVERY
    access.person_with_token(runtime, token)
    assert row.used_at == start, "written no more often than needed"
    clock.move(seconds=1)
    access.person_with_token(runtime, token)
    assert row.used_at == clock.at
    clock.at = start + timedelta(days=1, seconds=-1)
    assert access.person_with_token(runtime, token) is not None
    clock.move(seconds=1)
    assert access.person_with_token(runtime, token) is None


def test_the_fifth_guess_counts_until_the_window_is_over(house: House) -> None:
    _, password = new_user(house)
    runtime, clock = still(house)
    for _ in range(5):
        with pytest.raises(SignInError):
            access.sign_in(runtime, "anna@msp.example", "wrong")
    clock.move(seconds=runtime.settings.limits.access.sign_in_window)
    with pytest.raises(SignInError):
        access.sign_in(runtime, "anna@msp.example", password)
    clock.move(seconds=1)
    assert access.sign_in(runtime, "anna@msp.example", password)
