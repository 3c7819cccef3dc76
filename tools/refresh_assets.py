"""Refreshes what plugin/static holds of others, and what is made from it.

python tools/refresh_assets.py            fetch the pinned npm packages, rebuild everything
python tools/refresh_assets.py --offline  rebuild only what is made here: theme-auto.css, SHA256SUMS
"""

import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

STATIC = Path(__file__).resolve().parent.parent / "plugin" / "static"

# npm package, version, {file in the package: file in plugin/static}
PACKAGES = (
    (
        "bootstrap",
        "5.3.9",
        {"dist/css/bootstrap.min.css": "bootstrap.min.css", "LICENSE": "licences/bootstrap.txt"},
    ),
    (
        "htmx.org",
        "2.0.11",
        {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "licences/htmx.txt"},
    ),
    (
        "rapidoc",
        "9.3.8",
        {
            "dist/rapidoc-min.js": "rapidoc-min.js",
            "LICENSE.txt": "licences/rapidoc.txt",
            "dist/rapidoc-min.js.LICENSE.txt": "licences/rapidoc-parts.txt",
        },
    ),
    ("@tabler/icons", "3.51.0", {"LICENSE": "licences/tabler-icons.txt"}),
)

FETCHED = {"bootstrap.min.css", "htmx.min.js", "icons.svg", "rapidoc-min.js"}

ICONS = """
activity alert-octagon alert-triangle arrow-left arrows-exchange bell book-2 building
building-bridge chart-bar check chevron-down chevron-right chevron-up circle-check circle-dashed
circle-x clock copy device-desktop download external-link eye help-circle hierarchy-2 history home
inbox info-circle key layout-dashboard list-check logout menu-2 moon pencil player-pause
plug-connected plus receipt refresh route search selector send settings shield-check
shield-exclamation skull sun ticket trash user users webhook x
""".split()

# Our own mark, drawn for the same grid: a bridge head on its bank.
LOGO = (
    '<symbol id="logo" viewBox="0 0 24 24"><path d="M2 17h20"/><path d="M5 20V7"/>'
    '<path d="M15 20V7"/><path d="M2 12.5Q4.500 11.500 5 7Q10 16 15 7Q16 13 22 14.500"/></symbol>'
)

# Scripts off and no choice made: the system's preference decides, with the very same rules.
AUTO_HEAD = """/* Made by tools/refresh_assets.py from the [data-bs-theme=dark] rules of
   bootstrap.min.css and bridgehead.css; do not edit. Dark for those who prefer it and have not
   chosen. */
@media (prefers-color-scheme: dark) {
"""


def fetch(name: str, version: str, folder: Path) -> Path:
    """Downloads one npm package and returns the folder it was unpacked in."""
    packed = subprocess.run(
        ["npm", "pack", "--silent", f"{name}@{version}"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()[-1]
    target = folder / packed.removesuffix(".tgz")
    with tarfile.open(folder / packed) as archive:
        archive.extractall(target, filter="data")
    return target / "package"


def symbol(icon: str, source: Path) -> str:
    """One Tabler icon as a symbol of the sprite."""
    svg = (source / "icons" / "outline" / f"{icon}.svg").read_text()
    shapes = re.sub(r"\s+", " ", svg[svg.index(">") + 1 : svg.rindex("</svg>")]).strip()
    shapes = shapes.replace('<path stroke="none" d="M0 0h24v24H0z" fill="none" />', "")
    return f'<symbol id="{icon}" viewBox="0 0 24 24">{shapes.replace(" />", "/>").strip()}</symbol>'


def write_sprite(source: Path) -> None:
    """All icons in one file; colour and stroke come from the page."""
    symbols = "\n".join([LOGO, *(symbol(icon, source) for icon in sorted(ICONS))])
    sprite = f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}\n</svg>\n'
    (STATIC / "icons.svg").write_text(sprite)


def dark_rules(css: str) -> list[str]:
    """The top-level rules that apply under data-bs-theme=dark, for the undecided instead."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    rules = []
    for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", css):
        chosen = [s.strip() for s in selectors.split(",")]
        ours = [s for s in chosen if s.startswith("[data-bs-theme=dark]")]
        if ours:
            undecided = [
                s.replace("[data-bs-theme=dark]", ":root:not([data-bs-theme])") for s in ours
            ]
            rules.append(f"{', '.join(undecided)} {{{body.strip()}}}")
    return rules


def theme_auto() -> str:
    """The text of theme-auto.css."""
    sources = ("bootstrap.min.css", "bridgehead.css")
    rules = [rule for name in sources for rule in dark_rules((STATIC / name).read_text())]
    return AUTO_HEAD + "\n".join(rules) + "\n}\n"


def checksums() -> str:
    """The text of SHA256SUMS: `cd plugin/static && sha256sum -c SHA256SUMS` checks it."""
    files = sorted(p for p in STATIC.rglob("*") if p.is_file() and p.name != "SHA256SUMS")
    return "".join(
        f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(STATIC).as_posix()}\n"
        for p in files
        if p.name in FETCHED or p.parent != STATIC
    )


def refresh_packages() -> None:
    """Replaces the files that come from npm."""
    (STATIC / "licences").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, version, files in PACKAGES:
            source = fetch(name, version, Path(folder))
            for inside, here in files.items():
                (STATIC / here).write_bytes((source / inside).read_bytes())
            if name == "@tabler/icons":
                write_sprite(source)


def main() -> None:
    """Does what the command line asks for."""
    if "--offline" not in sys.argv[1:]:
        refresh_packages()
    (STATIC / "theme-auto.css").write_text(theme_auto())
    (STATIC / "SHA256SUMS").write_text(checksums())


if __name__ == "__main__":
    main()
