"""How often a vendor is looked at for detections: as wanted, but within half of its calls."""

SHARE = 0.5
"""The part of the calls a vendor allows that looking may take; the rest is for synchronising,
for bridges' walks and for people."""

NEWEST = 0.3
"""How much of a measured average the newest measurement makes up."""

NEWS = 0.2
"""By which part a measurement must differ from what is known to be worth a write."""


def spacing(wanted: float, scopes: int, calls: float, per_second: float) -> float:
    """Return the seconds between two looks at one scope.

    ``wanted`` is how often it should be, ``scopes`` how many are looked at in turn, ``calls`` what
    one look costs on average (0: not measured yet), ``per_second`` how many calls are allowed.

    >>> spacing(60, scopes=12, calls=10, per_second=20)
    60
    >>> spacing(60, scopes=300, calls=10, per_second=20)
    300.0
    """
    return max(wanted, scopes * calls / (SHARE * per_second))


def measured(known: float, calls: int) -> float:
    """Return the average calls of a look after one that took ``calls``; small changes are none.

    >>> measured(0, 10), measured(10, 11), measured(10, 20)
    (10.0, 10, 13.0)
    """
    if calls <= 0 or abs(calls - known) <= NEWS * known:
        return known
    return float(calls) if known <= 0 else known + NEWEST * (calls - known)
