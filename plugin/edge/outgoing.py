"""Outgoing: how an emulator calls somebody else's address, as the real systems do."""

from collections.abc import Mapping

import requests


def post(url: str, body: bytes, headers: Mapping[str, str], timeout: float = 5.0) -> int:
    """Post ``body`` and return the answer's status; 0 when there was no answer at all.

    Redirects are not followed. ``timeout`` is in seconds, for connecting and for each read.
    """
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(
                url, data=body, headers=dict(headers), timeout=timeout, allow_redirects=False
            )
            return answer.status_code
    except requests.RequestException:
        return 0
