"""When certificates end."""

from datetime import datetime

from cryptography import x509


def ends_at(pem: str) -> datetime | None:
    """Return when the first certificate of a chain in PEM form that ends does so; None without any.

    What cannot be read counts as none: whether it is usable is the connection check's question.
    """
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        return None
    return min((each.not_valid_after_utc for each in found), default=None)
