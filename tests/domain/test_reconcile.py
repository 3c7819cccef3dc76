import random
from dataclasses import replace

from plugin.domain.model import Device, Protection
from plugin.domain.reconcile import Guard, SeenRows, fingerprint


def test_a_small_loss_is_believed_and_a_large_one_waits_for_a_person() -> None:
    guard = Guard(share=0.5, count=3)
    assert not guard.withholds(vanished=3, held=3)
    assert not guard.withholds(vanished=50, held=100)
    assert guard.withholds(vanished=51, held=100)


def test_a_fingerprint_changes_with_any_field_and_only_then() -> None:
    device = Device(id="a", workspace_id="1", name="PC1")
    assert fingerprint(device) == fingerprint(replace(device))
    assert fingerprint(device) != fingerprint(replace(device, protection=Protection.OK))
    assert fingerprint(device) != fingerprint(replace(device, name="PC1\x1f"))
    renamed = replace(device, name="PC2")
    assert fingerprint(device, ["name"]) == fingerprint(renamed, ["name"])


def test_seen_rows_remembers_exactly_what_it_was_told() -> None:
    dice = random.Random(1)
    numbers = set(dice.sample(range(100_000), 5_000))
    seen = SeenRows()
    for number in numbers:
        seen.add(number)
    others = set(range(100_100)) - numbers
    assert set(seen.missing_from(range(100_100))) == others
