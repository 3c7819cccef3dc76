"""A bridge's secret opens the bridge's door and nothing else."""

import re

from plugin.services.bridges import registry
from tests.blueprints.pages.office import Office


def test_a_bridges_secret_opens_no_other_route(empty_office: Office) -> None:
    runtime = empty_office.house.runtime
    bridge = registry.name(runtime, "tester", "pc1")
    _, secret = registry.enrol(runtime, registry.new_token(runtime, "tester", bridge), "1")
    headers = {"Authorization": f"Bearer {secret}"}
    client = empty_office.app.test_client()
    assert client.post("/bridge/v1/beat", json={"version": "1"}, headers=headers).status_code == 200
    stranger = empty_office.app.test_client()
    tried = 0
    for rule in empty_office.app.url_map.iter_rules():
        if rule.rule.startswith("/bridge/v1/"):
            continue
        path = re.sub(r"<[^>]+>", "1", rule.rule)
        for method in sorted((rule.methods or set()) - {"OPTIONS"}):
            with_secret = client.open(path, method=method, headers=headers)
            without = stranger.open(path, method=method)
            assert with_secret.status_code == without.status_code, (method, path)
            tried += 1
    assert tried > 150


def test_nobody_else_gets_through_the_bridges_door(empty_office: Office) -> None:
    for path in ("beat", "lease", "tasks/1/pages/1", "tasks/1/done"):
        address = f"/bridge/v1/{path}"
        assert empty_office.app.test_client().post(address, json={}).status_code == 401
        assert empty_office.administrator.client.post(address, json={}).status_code == 401
