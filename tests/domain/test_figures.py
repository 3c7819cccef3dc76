from datetime import UTC, datetime, timedelta

import pytest

from plugin.domain.figures import DatabaseAge, Deployment, deployment_of, span_of
from plugin.domain.model import Device

NOW = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)


def ages_of(moment: datetime) -> list[DatabaseAge]:
    """Return every age whose span holds the moment."""
    found = []
    for age in set(DatabaseAge) - {DatabaseAge.UNTOLD}:
        after, until = span_of(age, NOW)
        if (after is None or moment >= after) and (until is None or moment < until):
            found.append(age)
    return found


@pytest.mark.parametrize(
    ("hours", "age"),
    [
        (-1, DatabaseAge.CURRENT),
        (0, DatabaseAge.CURRENT),
        (12, DatabaseAge.CURRENT),
        (12.1, DatabaseAge.DAY),
        (24, DatabaseAge.DAY),
        (72, DatabaseAge.THREE_DAYS),
        (24 * 7, DatabaseAge.WEEK),
        (24 * 7 + 1, DatabaseAge.OLDER),
        (24 * 900, DatabaseAge.OLDER),
    ],
)
def test_every_moment_has_exactly_one_age(hours: float, age: DatabaseAge) -> None:
    assert ages_of(NOW - timedelta(hours=hours)) == [age]


@pytest.mark.parametrize(
    ("product", "conditions", "deployment"),
    [
        ("Shield", (), Deployment.RUNNING),
        ("Shield", ("bases_outdated",), Deployment.RUNNING),
        ("Shield", ("protection_off",), Deployment.NOT_RUNNING),
        ("Shield", ("antivirus_not_running",), Deployment.NOT_RUNNING),
        ("Shield", ("antivirus_not_installed",), Deployment.NOT_INSTALLED),
        ("", ("enrolment_failed",), Deployment.NOT_INSTALLED),
        ("", ("protection_off",), Deployment.UNTOLD),
        ("", (), Deployment.UNTOLD),
    ],
)
def test_deployment_is_told_by_the_product_and_the_status_descriptions(
    product: str, conditions: tuple[str, ...], deployment: Deployment
) -> None:
    device = Device("1", "w", "PC1", product=product, conditions=conditions)
    assert deployment_of(device) is deployment
