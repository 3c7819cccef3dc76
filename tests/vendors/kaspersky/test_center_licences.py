"""Keys, subscriptions, and the devices that are billed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from plugin.domain.errors import AnswerError
from plugin.domain.model import DeviceClass, Licence, LicenceKind, LicenceState
from plugin.edge.emulator import Happening
from plugin.vendors.kaspersky import center_wire_keys as wire
from plugin.vendors.kaspersky.center import SecurityCenter
from plugin.vendors.kaspersky.emulator_center import SecurityCenterEmulator
from plugin.vendors.kaspersky.emulator_center_seed import ADVANCED, OPTIMUM, SELECT
from tests.rig import EPOCH, small_world

Switch = Callable[..., None]
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
DAY = EPOCH.date()


def key(**changed: object) -> Licence:
    row: dict[str, object] = {
        "KLLIC_SERIAL": "1700-000001-00000001",
        "KLLIC_PROD_NAME": SELECT,
        "KLLIC_KEY_TYPE": 1,
        "KLLIC_LIC_COUNT": 10,
        "KLLIC_LIMIT_DATE": NOON + timedelta(days=1),
        "KLLIC_NHOSTS_ASCURRENT": 3,
        "KLLIC_NHOSTS_ASNEXT": 0,
    }
    return wire.licences([row | changed], "11", NOON)[0]


def subscription(**changed: object) -> Licence:
    usual = {
        "KLLIC_LICTYPE_IS_SUBSCRIPTION": True,
        "KLLIC_KEY_TYPE": 6,
        "KLLIC_SUBSCRINFO_STATE": 0,
        "KLLIC_SUBSCRINFO_ENDDATETYPE": 2,
        "KLLIC_SUBSCRINFO_ENDDATE": NOON + timedelta(days=1),
        "KLLIC_SUBSCRINFO_GRACETERM": 0,
    }
    return key(**{**usual, **changed})


def test_the_keys_of_a_client_are_listed_with_their_use(center: SecurityCenter) -> None:
    found = {licence.product: licence for licence in center.licences("11")}
    client = small_world().clients[0]
    assert found[SELECT].kind is LicenceKind.COMMERCIAL
    assert found[SELECT].state is LicenceState.ACTIVE
    assert found[SELECT].limit == client.seats
    assert found[SELECT].used == len(client.machines)
    assert found[OPTIMUM].kind is LicenceKind.TRIAL
    assert {licence.workspace_id for licence in found.values()} == {"11"}


def test_each_client_has_its_own_keys(center: SecurityCenter) -> None:
    serials = [licence.id for each in ("11", "12", "13") for licence in center.licences(each)]
    assert len(set(serials)) == len(serials) == 5


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (1, LicenceKind.COMMERCIAL),
        (2, LicenceKind.TRIAL),
        (3, LicenceKind.TRIAL),
        (4, LicenceKind.TRIAL),
        (5, LicenceKind.UNKNOWN),
        (6, LicenceKind.SUBSCRIPTION),
        (77, LicenceKind.UNKNOWN),
    ],
)
def test_a_key_is_of_its_kind(number: int, kind: LicenceKind) -> None:
    assert key(KLLIC_KEY_TYPE=number).kind is kind


def test_a_key_that_has_run_out_is_expired() -> None:
    assert key(KLLIC_LIMIT_DATE=NOON).state is LicenceState.EXPIRED
    assert key(KLLIC_LIMIT_DATE=NOON + timedelta(seconds=1)).state is LicenceState.ACTIVE
    assert key(KLLIC_LIMIT_DATE=None).state is LicenceState.ACTIVE


def test_a_key_that_waits_to_be_used_is_reserved() -> None:
    waiting = key(KLLIC_NHOSTS_ASCURRENT=0, KLLIC_NHOSTS_ASNEXT=2)
    assert waiting.state is LicenceState.RESERVED
    assert key(KLLIC_NHOSTS_ASCURRENT=0).state is LicenceState.ACTIVE


def test_a_subscription_is_told_as_such_whatever_its_key_type() -> None:
    assert subscription(KLLIC_KEY_TYPE=1).kind is LicenceKind.SUBSCRIPTION


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (0, LicenceState.ACTIVE),
        (1, LicenceState.EXPIRED),
        (2, LicenceState.ACTIVE),
        (3, LicenceState.EXPIRED),
    ],
)
def test_a_paused_or_cancelled_subscription_gives_no_right(state: int, told: LicenceState) -> None:
    assert subscription(KLLIC_SUBSCRINFO_STATE=state).state is told


def test_a_limited_subscription_ends_after_its_grace() -> None:
    ended = NOON - timedelta(days=1)
    over = subscription(KLLIC_SUBSCRINFO_ENDDATE=ended)
    in_grace = subscription(KLLIC_SUBSCRINFO_ENDDATE=ended, KLLIC_SUBSCRINFO_GRACETERM=7)
    assert (over.state, in_grace.state) == (LicenceState.EXPIRED, LicenceState.ACTIVE)
    assert in_grace.expires_at == ended + timedelta(days=7)


def test_an_unlimited_subscription_never_ends() -> None:
    endless = subscription(KLLIC_SUBSCRINFO_ENDDATETYPE=1, KLLIC_LIMIT_DATE=NOON)
    assert endless.expires_at is None
    assert endless.state is LicenceState.ACTIVE


def test_the_end_of_time_is_no_overflow() -> None:
    last = datetime(9999, 12, 31, tzinfo=UTC)
    far = subscription(KLLIC_SUBSCRINFO_ENDDATE=last, KLLIC_SUBSCRINFO_GRACETERM=7)
    assert far.expires_at == last


def test_no_limit_is_none() -> None:
    assert key(KLLIC_LIC_COUNT=0).limit is None


@pytest.mark.parametrize(
    "changed",
    [
        {"KLLIC_SERIAL": None},
        {"KLLIC_SERIAL": ["x"]},
        {"KLLIC_LIC_COUNT": "ten"},
        {"KLLIC_LIC_COUNT": 1.5},
        {"KLLIC_LIMIT_DATE": "tomorrow"},
        {"KLLIC_LICTYPE_IS_SUBSCRIPTION": "perhaps"},
    ],
)
def test_a_key_of_an_odd_shape_is_an_answer_error(changed: dict[str, object]) -> None:
    with pytest.raises(AnswerError, match="KLLIC"):
        key(**changed)


# -- use ---------------------------------------------------------------------------------------


def counted(center: SecurityCenter, workspace: str, how: str) -> dict[DeviceClass | None, int]:
    lines = [line for line in center.usage(workspace, DAY) if line.how == how]
    return {line.device_class: line.quantity for line in lines}


def test_devices_with_a_key_are_counted_by_class(center: SecurityCenter) -> None:
    devices = [row for page in center.devices("11", None) for row in page.rows]
    wanted = dict.fromkeys((DeviceClass.WORKSTATION, DeviceClass.SERVER, DeviceClass.OTHER), 0)
    for device in devices:
        wanted[device.device_class] += bool(device.product_version)
    assert counted(center, "11", "assigned") == wanted
    assert sum(wanted.values()) > 0


def test_what_was_ordered_stands_beside_it(center: SecurityCenter) -> None:
    assert counted(center, "11", "ordered") == {None: small_world().clients[0].seats}


def test_trial_and_expired_keys_are_not_counted(center: SecurityCenter) -> None:
    products = {line.product for each in ("11", "12") for line in center.usage(each, DAY)}
    assert products == {SELECT, ADVANCED}
    expired = [each for each in center.licences("12") if each.state is LicenceState.EXPIRED]
    assert expired
    assert counted(center, "12", "ordered") == {None: small_world().clients[1].seats}


def test_a_device_without_protection_is_not_counted(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    before = sum(counted(center, "11", "assigned").values())
    emulator.occur(Happening("device-added", {"workspace": "11", "protected": False}))
    assert sum(counted(center, "11", "assigned").values()) == before


def test_a_device_that_was_long_away_is_assigned_but_not_active(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    host = emulator.index.hosts[11][0]
    record = emulator.table("hosts")[host]
    record["seen"] = (EPOCH - timedelta(days=31)).isoformat()
    emulator.table("hosts")[host] = record
    assigned, active = (sum(counted(center, "11", how).values()) for how in ("assigned", "active"))
    assert assigned - active == 1


def test_a_class_without_a_device_is_counted_as_none(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    for host in list(emulator.index.hosts[11]):
        emulator.use_key(host, "")
    assert counted(center, "11", "assigned") == {
        DeviceClass.WORKSTATION: 0,
        DeviceClass.SERVER: 0,
        DeviceClass.OTHER: 0,
    }


def test_two_keys_of_one_product_are_one_product(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    before = counted(center, "11", "assigned")
    serial = emulator.add_key(11, (SELECT, 1, 5), emulator.clock(), days=100)
    emulator.forget_index()
    emulator.use_key(emulator.index.hosts[11][0], serial)
    assert counted(center, "11", "assigned") == before
    assert counted(center, "11", "ordered") == {None: small_world().clients[0].seats + 5}


def test_an_unlimited_key_orders_nothing(
    emulator: SecurityCenterEmulator, center: SecurityCenter
) -> None:
    emulator.add_key(11, (SELECT, 1, 0), emulator.clock(), days=100)
    emulator.forget_index()
    assert counted(center, "11", "ordered") == {}


def test_seats_come_and_go(emulator: SecurityCenterEmulator, center: SecurityCenter) -> None:
    before = sum(counted(center, "12", "assigned").values())
    told = emulator.occur(Happening("seat-change", {"workspace": "12", "delta": 3}))
    assert told is not None
    assert told["used"] == before + 3
    assert sum(counted(center, "12", "assigned").values()) == before + 3
    emulator.occur(Happening("seat-change", {"workspace": "12", "delta": -2}))
    assert sum(counted(center, "12", "assigned").values()) == before + 1
