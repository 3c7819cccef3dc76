"""Outgoing: how emulators call us, as the real hosts do. The product itself calls through Http."""

from collections.abc import Mapping

import requests


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    seconds: float,
    verify: bool | str = True,
) -> int | None:
    """Send ``body`` to ``url`` and return the status, or None when no answer came in time.

    ``verify`` may name a file with the certificate that our own server shows in the sandbox.
    """
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.post(
                url,
                data=body,
                headers=dict(headers),
                timeout=seconds,
                allow_redirects=False,
                verify=verify,
            )
        except requests.RequestException:
            return None
        return answer.status_code
