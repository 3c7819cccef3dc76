from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from plugin.domain.errors import RefusedError, TransientError
from plugin.vendors.eset.signin import Kept, SignIn, Token


class Desk:
    """Gives tokens and counts how."""

    def __init__(self, seconds: int = 3600, refresh: str = "again") -> None:
        self.firsts = self.agains = 0
        self.seconds, self.refresh = seconds, refresh
        self.refusal: Exception | None = None

    def first(self) -> Token:
        self.firsts += 1
        return Token(f"first{self.firsts}", self.refresh, self.seconds)

    def again(self, last: Token) -> Token:
        self.agains += 1
        if self.refusal is not None:
            raise self.refusal
        return Token(f"again{self.agains}", self.refresh, self.seconds)


class Watch:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 2, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def test_a_token_is_used_until_shortly_before_its_own_end() -> None:
    desk, watch = Desk(seconds=600), Watch()
    sign_in = SignIn(desk, watch, Kept())
    assert sign_in.access() == sign_in.access() == "first1"
    watch.now += timedelta(seconds=569)
    assert sign_in.access() == "first1"
    watch.now += timedelta(seconds=1)
    assert sign_in.access() == "again1"
    assert (desk.firsts, desk.agains) == (1, 1)


def test_a_minute_long_token_still_lives_most_of_its_minute() -> None:
    desk, watch = Desk(seconds=60), Watch()
    sign_in = SignIn(desk, watch, Kept())
    sign_in.access()
    watch.now += timedelta(seconds=53)
    assert sign_in.access() == "first1"


def test_a_refused_refresh_token_falls_back_to_the_password() -> None:
    desk, watch = Desk(), Watch()
    sign_in = SignIn(desk, watch, Kept())
    sign_in.access()
    desk.refusal = RefusedError("ESET", "no", status=400)
    assert sign_in.replace("first1") == "first2"


def test_a_time_out_while_renewing_is_told_and_the_next_try_uses_the_password() -> None:
    desk, watch = Desk(), Watch()
    sign_in = SignIn(desk, watch, Kept())
    sign_in.access()
    desk.refusal = TransientError("ESET", "late")
    with pytest.raises(TransientError):
        sign_in.replace("first1")
    assert sign_in.access() == "first2"


def test_without_a_refresh_token_the_password_is_used() -> None:
    desk = Desk(refresh="")
    sign_in = SignIn(desk, Watch(), Kept())
    assert sign_in.replace(sign_in.access()) == "first2"
    assert desk.agains == 0


def test_many_who_are_refused_at_once_cause_one_renewal() -> None:
    desk = Desk()
    sign_in = SignIn(desk, Watch(), Kept())
    refused, start = sign_in.access(), Barrier(8)

    def renew(_: int) -> str:
        start.wait()
        return sign_in.replace(refused)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(renew, range(8))) == {"again1"}
    assert (desk.firsts, desk.agains) == (1, 1)


def test_a_fresh_sign_in_tells_how_far_our_clock_is_ahead() -> None:
    watch = Watch()
    desk = Desk()
    assert SignIn(desk, watch, Kept()).afresh() == 0.0
    given_at = watch.now - timedelta(minutes=10)
    desk.first = lambda: Token("x", "", 60, given_at)  # type: ignore[method-assign]
    assert SignIn(desk, watch, Kept()).afresh() == 600.0


def test_a_token_shows_nothing_of_itself() -> None:
    assert "hidden" not in repr(Token("hidden-access", "hidden-refresh", 60))


def test_another_thread_goes_on_with_what_the_first_one_got() -> None:
    desk, watch, kept = Desk(), Watch(), Kept()
    first, second = SignIn(desk, watch, kept), SignIn(desk, watch, kept)
    assert first.access() == second.access() == "first1"
    assert second.replace("first1") == first.replace("first1") == "again1"
    assert (desk.firsts, desk.agains) == (1, 1)
