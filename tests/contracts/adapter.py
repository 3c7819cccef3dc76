"""The promises that every adapter keeps, host or vendor."""

import base64
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar, cast
from urllib.parse import quote

import pytest

from plugin.domain.contracts import WARNING, Adapter, Advice
from plugin.domain.errors import AnswerError, EdgeError, RefusedError, TransientError
from plugin.domain.rights import Access, Holding
from plugin.edge.emulator import Emulator
from plugin.services.connections import try_rights
from tests.contracts.independent import complaints
from tests.contracts.stands import Stand

OFTEN = 1000
Listing = tuple[str, Callable[[], object]]
Ability = TypeVar("Ability")


def able(adapter: object, ability: Callable[..., Ability]) -> Ability:
    """Return the adapter as what it declares itself to be (a callable, because it is abstract)."""
    assert isinstance(ability, type)
    assert isinstance(adapter, ability)
    return cast("Ability", adapter)


def error_of(work: Callable[[], object]) -> EdgeError:
    """Return the failure that ``work`` must end in; any other exception is a failed test."""
    with pytest.raises(EdgeError) as caught:
        work()
    return caught.value


def kept_by(emulator: Emulator) -> dict[str, Any]:
    """Return everything that an emulator keeps, but for who is signed in."""
    return {name: kept for name, kept in emulator.state().items() if name != "sessions"}


class Promises:
    """What all suites share: a stand of their own for every test, and no breach at its end.

    Whether there is one is judged twice: by the emulator, and by openapi-core where the remote has
    a published description.
    """

    kind: ClassVar[str]

    @pytest.fixture
    def stand(self) -> Iterator[Stand[Any]]:
        stand = self.prepare()
        yield stand
        assert list(stand.emulator.breaches) == []
        assert complaints(self.kind, stand.heard) == []

    def prepare(self) -> Stand[Any]:
        """Return the adapter's stand-in with a small world in it."""
        raise NotImplementedError


class AdapterPromises(Promises):
    """The duty of every adapter."""

    renews: ClassVar[bool] = True
    """Whether access runs out by itself and must be renewed without anybody noticing."""

    def duty(self, adapter: Any) -> Callable[[], object]:  # noqa: ANN401 - each suite knows its own
        """Return the reading that every adapter of this side offers."""
        raise NotImplementedError

    def listings(self, adapter: Any) -> list[Listing]:  # noqa: ANN401
        """Return every reading the adapter offers, by name."""
        raise NotImplementedError

    def test_it_declares_itself(self, stand: Stand[Any]) -> None:
        adapter = stand.adapter
        names = [field.name for field in adapter.fields]
        folder = adapter.__module__.split(".")[2]
        assert adapter.kind == self.kind == stand.emulator.kind
        assert self.kind == folder or self.kind.startswith(f"{folder}_")
        assert adapter.title
        assert adapter.words.product
        assert len(names) == len(set(names))
        assert all(field.label for field in adapter.fields)
        assert any(field.secret for field in adapter.fields)

    def test_its_emulator_fills_in_the_form_rightly(self, stand: Stand[Any]) -> None:
        adapter = stand.adapter
        assert set(stand.settings) <= {field.name for field in adapter.fields}
        required = {field.name for field in adapter.fields if field.required}
        assert {name for name in required if not stand.settings.get(name)} == set()
        assert adapter.validate(stand.settings) == ()

    def test_the_check_of_a_healthy_connection_is_green(self, stand: Stand[Any]) -> None:
        told = [rung.run() for rung in stand.made().rungs()]
        assert told
        assert [each for each in told if not each or each.startswith(WARNING)] == []

    def test_it_declares_the_rights_it_needs(self, stand: Stand[Any]) -> None:
        rights = stand.made().rights()
        names = [each.name for each in rights]
        assert names
        assert len(names) == len(set(names))
        steps = {rung.name for rung in stand.made().rungs()}
        for each in rights:
            assert all((each.name, each.needed_for, each.without, each.cure)), each.name
            assert (each.prove is None) == bool(each.unproven), each.name
            assert each.prove is None or each.after in steps, each.name
        assert any(each.prove and each.access is Access.READ for each in rights) or (
            all(each.prove for each in rights)
        )

    def test_a_healthy_account_has_every_right_and_trying_writes_nothing(
        self, stand: Stand[Any]
    ) -> None:
        adapter = stand.made()
        before, heard = kept_by(stand.emulator), stand.emulator.breach_count
        told = try_rights(adapter, [rung.name for rung in adapter.rungs()])
        assert kept_by(stand.emulator) == before
        assert stand.emulator.breach_count == heard
        assert [each.name for each in told] == [each.name for each in adapter.rights()]
        assert [each.name for each in told if each.holding == Holding.MISSING] == []
        assert any(each.holding == Holding.HAS for each in told)

    def test_a_wrong_secret_is_refused_with_advice(self, stand: Stand[Any]) -> None:
        theirs = [each.name for each in stand.adapter.fields if each.secret and not each.generated]
        adapter = stand.made(**dict.fromkeys(theirs, "not-the-right-one"))
        rung, error = first_failure(adapter)
        assert isinstance(error, RefusedError)
        advice = adapter.advice(rung, error)
        assert isinstance(advice, Advice)
        assert advice.cause
        assert advice.cure
        assert isinstance(error_of(self.duty(adapter)), RefusedError)

    @pytest.mark.parametrize(
        ("fault", "meaning"),
        [
            ("429", TransientError),
            ("500", TransientError),
            ("503", TransientError),
            ("cut", TransientError),
            ("refuse", TransientError),
            ("html", (TransientError, AnswerError)),
            ("flipped", (TransientError, AnswerError)),
            ("redirect", (TransientError, AnswerError)),
        ],
    )
    def test_it_speaks_our_errors(
        self, stand: Stand[Any], fault: str, meaning: type[EdgeError] | tuple[type[EdgeError], ...]
    ) -> None:
        reading = self.duty(stand.made())
        stand.emulator.add_fault(fault, times=OFTEN)
        error = error_of(reading)
        assert isinstance(error, meaning), repr(error)
        assert error.who

    def test_it_passes_on_how_long_to_wait(self, stand: Stand[Any]) -> None:
        reading = self.duty(stand.made())
        stand.emulator.add_fault("429", times=OFTEN)
        assert error_of(reading).retry_after == 1.0

    def test_what_broke_in_the_middle_works_again(self, stand: Stand[Any]) -> None:
        adapter = stand.made()
        before = self.duty(adapter)()
        for _, reading in self.listings(adapter):
            stand.emulator.add_fault("500", times=OFTEN)
            error_of(reading)
            stand.emulator.faults.clear()
            reading()
        assert self.duty(adapter)() == before

    def test_an_access_that_ran_out_is_renewed(self, stand: Stand[Any]) -> None:
        if not self.renews or "expired-token" not in stand.emulator.own_faults:
            pytest.skip("nothing runs out here")
        adapter = stand.made()
        before = self.duty(adapter)()
        for name, reading in self.listings(adapter):
            reading()  # so that every sign-in it needs is made before
            stand.emulator.add_fault("expired-token")
            reading()
            assert not stand.emulator.faults.waiting, name
        assert self.duty(adapter)() == before

    def test_nonsense_is_named_and_nothing_else_happens(self, stand: Stand[Any]) -> None:
        if "wrong-types" not in stand.emulator.own_faults:
            pytest.skip("this emulator has no answers of a wrong type")
        for name, reading in self.listings(stand.made()):
            stand.emulator.add_fault("wrong-types", times=OFTEN)
            error = error_of(reading)
            stand.emulator.faults.clear()
            assert isinstance(error, AnswerError), name

    def test_no_secret_is_in_any_message(self, stand: Stand[Any]) -> None:
        told = []
        for fault in ("500", "html", "redirect", "cut", "flipped", *stand.emulator.own_faults):
            adapter = stand.made()
            stand.emulator.add_fault(fault, times=OFTEN)
            told += [str(error) for error in self._failures(adapter)]
            stand.emulator.faults.clear()
        told += [repr(stand.made()), repr(stand.link())]
        whole = "\n".join(told)
        for secret in stand.secrets():
            for form in (
                secret,
                quote(secret, safe=""),
                base64.b64encode(secret.encode()).decode(),
            ):
                assert form not in whole

    def _failures(self, adapter: Adapter) -> Iterator[EdgeError]:
        readings = [self.duty(adapter), *(rung.run for rung in adapter.rungs())]
        for reading in readings:
            try:
                reading()
            except EdgeError as error:
                yield error


def first_failure(adapter: Adapter) -> tuple[str, EdgeError]:
    """Return the first failing step of the connection check."""
    for rung in adapter.rungs():
        try:
            rung.run()
        except EdgeError as error:
            return rung.name, error
    raise AssertionError("no step of the check fails")
