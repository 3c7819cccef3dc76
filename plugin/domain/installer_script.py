"""The PowerShell text with which an RMM installs protection from an installer's link.

It holds nothing but the link and words of our own: an RMM puts its variables into a text before
PowerShell reads it, so that a free text could end a string and run as a command.
"""

import re

from plugin.domain.errors import RuleError

# Without quotes, blanks, dollars, back-ticks, and the marks of Automate's variables.
_URL = re.compile(r"https://[A-Za-z0-9.\-]{1,253}(:[0-9]{1,5})?/[A-Za-z0-9._~/?=&+,:\-]{0,1500}")
_ARGUMENTS = re.compile(r"[A-Za-z0-9 =/_.\-]{1,200}")
_SIGNER = re.compile(r"[A-Za-z0-9 ]{2,60}")


def installer_script(url: str, arguments: str, signer: str) -> str:
    """Return the text that fetches, checks and runs an installer; RuleError for an odd link.

    ``arguments`` let it run without questions; ``signer`` must stand in its signature.
    """
    if not _URL.fullmatch(url):
        raise RuleError("url", "The link holds characters that a script cannot carry safely.")
    if not _ARGUMENTS.fullmatch(arguments) or not _SIGNER.fullmatch(signer):
        raise RuleError("vendor", "It is not known how this installer runs without questions.")
    values = {"<url>": url, "<arguments>": arguments, "<signer>": signer}
    text = _SCRIPT
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text


_SCRIPT = r"""# Bridgehead: installs the vendor's protection from an installer's link.
#
# It belongs into a script step of ConnectWise Automate that runs PowerShell as an administrator.
# Whoever has the link can enrol computers into the client's group: keep this text to yourselves.
# It accepts the vendor's licence agreement, and each computer uses a seat of the client's licence.
#
# It asks for Windows PowerShell 3.0 and no module. Its makers did not run it on Windows: try it on
# one computer before you rely on it.
$ErrorActionPreference = 'Stop'
$url = '<url>'
$arguments = '<arguments>'
$signer = '<signer>'

# Old systems do not offer TLS 1.2 by themselves; where it is not known, the download will say so.
try {
    [Net.ServicePointManager]::SecurityProtocol = [Enum]::ToObject([Net.SecurityProtocolType], 3072)
} catch { }

# Below Program Files, where nobody but an administrator can put a file beside the installer.
$folder = Join-Path $env:ProgramFiles ('Bridgehead-' + [Guid]::NewGuid().ToString('N'))
$file = Join-Path $folder 'installer.exe'
$code = 1
try {
    New-Item -ItemType Directory -Path $folder | Out-Null
    (New-Object Net.WebClient).DownloadFile($url, $file)
    $signature = Get-AuthenticodeSignature -FilePath $file
    $subject = ''
    if ($signature.SignerCertificate) { $subject = $signature.SignerCertificate.Subject }
    if ($signature.Status -ne 'Valid' -or $subject -notmatch ('O="?' + $signer + '\b')) {
        Write-Output 'Bridgehead: not installed, the file is not signed by the vendor.'
        $code = 3
    } else {
        $process = Start-Process -FilePath $file -ArgumentList $arguments -Wait -PassThru
        $code = $process.ExitCode
        Write-Output ('Bridgehead: the installer ended with code ' + $code + '.')
    }
} catch {
    Write-Output ('Bridgehead: not installed. ' + $_.Exception.Message)
} finally {
    Remove-Item -Path $folder -Recurse -Force -ErrorAction SilentlyContinue
}
exit $code
"""
