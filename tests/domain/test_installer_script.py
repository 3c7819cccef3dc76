"""The script that installs from a link: nothing in it can end a string or become a variable."""

import pytest

from plugin.domain.errors import RuleError
from plugin.domain.installer_script import installer_script

URL = "https://installers.example:8443/a-1/epi_win_live_installer.exe?x=1&y=a.b"


def test_it_checks_the_signature_before_it_runs() -> None:
    text = installer_script(URL, "--silent --accepteula", "ESET")
    assert f"$url = '{URL}'" in text
    assert "$arguments = '--silent --accepteula'" in text
    assert "$signer = 'ESET'" in text
    assert "<" not in text.replace("<url>", "")
    assert text.index("Get-AuthenticodeSignature") < text.index("Start-Process")
    assert "did not run it on Windows" in text


@pytest.mark.parametrize(
    "url",
    [
        "http://installers.example/x.exe",
        "https://installers.example/x.exe'; Remove-Item C:",
        "https://installers.example/$(calc)",
        "https://installers.example/%computerid%",
        "https://installers.example/@Secret@",
        "https://user@installers.example/x.exe",
        "https://installers.example/x\n.exe",
        "https://installers.example/x.exe\n",
        "",
    ],
)
def test_an_odd_link_is_refused(url: str) -> None:
    with pytest.raises(RuleError, match="link"):
        installer_script(url, "--silent", "ESET")


@pytest.mark.parametrize(("arguments", "signer"), [("", "ESET"), ("-s", ""), ("'; x", "ESET")])
def test_an_unknown_installer_gets_no_script(arguments: str, signer: str) -> None:
    with pytest.raises(RuleError, match="not known"):
        installer_script(URL, arguments, signer)
