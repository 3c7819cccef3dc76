"""A computer's screen of the emulated Automate, for people: its right-click menu and a URL tab.

The real Control Center is a Windows program; which engine its tabs use is not known. What the
variables of a menu entry are called is taken from the product's scripts, and not proven.
"""

from html import escape
from string import Template
from urllib.parse import quote

from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import route
from plugin.hosts.connectwise_automate.emulator_records import RecordsPart

_PAGE = Template(
    "<!doctype html><html lang=en><meta charset=utf-8><title>$name - Automate sandbox</title>"
    "<h1>Computer $name</h1><p>$client</p><h2>Right-click menu</h2><ul id=menu>$entries</ul>"
    '<h2>Tab</h2><iframe id=tab title="URL tab" width="100%" height="500" src="$tab"></iframe>'
)


class PagesPart(RecordsPart):
    """Answers the address of a computer's screen."""

    @route("GET", "/host/computer")
    def computer_screen(self, request: Request) -> Response:
        """Show a computer. Query: ``id``, and ``tab`` (what the URL tab leads to)."""
        number = request.args.get("id", "1")
        computer = self.table("computers").get(number)
        if computer is None:
            return Response("No such computer.", 404, mimetype="text/plain")
        values = {"%computerid%": number, "%computername%": str(computer["name"])}
        menus = self.table("menus")
        entries = {menus[each]["Text"]: _filled(menus[each]["URLorEXE"], values) for each in menus}
        links = "".join(
            f'<li><a href="{escape(url)}" target="_blank">{escape(text)}</a>'
            for text, url in entries.items()
        )
        tab = request.args.get("tab") or next(iter(entries.values()), "")
        html = _PAGE.substitute(
            name=escape(str(computer["name"])),
            client=escape(self.table("clients")[computer["client"]]["name"]),
            entries=links,
            tab=escape(_filled(tab, values)),
        )
        return Response(html, mimetype="text/html")


def _filled(url: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        url = url.replace(name, quote(value))
    return url
