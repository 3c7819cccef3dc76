"""Intervals as cron lines, which is what Procrastinate's periodic tasks understand."""

_UNITS = ((1, 60, "* * * * * */{}"), (60, 60, "*/{} * * * *"), (3600, 24, "0 */{} * * *"))


def cron_of(seconds: float) -> str:
    """Return the cron line (with seconds last where needed) nearest below an interval.

    >>> cron_of(5), cron_of(600), cron_of(7200), cron_of(86_400)
    ('* * * * * */5', '*/10 * * * *', '0 */2 * * *', '0 0 * * *')
    """
    for unit, most, line in _UNITS:
        count = max(1, int(seconds // unit))
        if count < most:
            return line.format(count)
    return "0 0 * * *"
