"""Script: the PowerShell text that makes an Automate script call us, one per event.

It holds ids only and no free text of Automate's: Automate puts its variables into the text before
PowerShell reads it, so that an alert's message could end a string and run as a command. The call
is a hint; what happened is fetched from Automate again.
"""

import re
from types import MappingProxyType

from plugin.domain.errors import RuleError
from plugin.hosts.connectwise_automate.signature import (
    KEY_ID_HEADER,
    SERVER_KEY,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    computer_of,
)

EVENTS = MappingProxyType(
    {
        "alert_raised": "Alert raised",
        "alert_cleared": "Alert cleared",
        "computer_online": "Computer online",
        "computer_offline": "Computer offline",
        "bridge_result": "Bridge result",
    }
)
"""What a script can report, and how the page names it."""

SECRET_REFERENCE = "@BridgeheadSecret@"  # noqa: S105 - the name of a variable, not its value
"""The script variable that Automate replaces with the secret when the script starts."""

_WHERE = MappingProxyType(
    {
        "alert_raised": "an alert template, as the action Run Script of the failed state",
        "alert_cleared": "an alert template, as the action Run Script of the success state",
        "computer_online": "the alert template of your agent check-in monitor, success state",
        "computer_offline": "the alert template of your agent check-in monitor, failed state;\n"
        "# the script runs on the Automate server, because the computer cannot",
        "bridge_result": "the script that starts the bridge program, after that step; put its\n"
        "# exit code into the script variable BridgeheadExitCode before",
    }
)

# An address without quotes, blanks, dollars or back-ticks cannot leave its PowerShell string.
_URL = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]{1,260}/[A-Za-z0-9._~/\-]{0,500}", re.ASCII)
_REFERENCE = re.compile(r"(@[A-Za-z0-9_]{1,64}@|%[A-Za-z0-9_\-]{1,64}%)", re.ASCII)


def script_text(
    event: str, url: str, secret_reference: str = SECRET_REFERENCE, key_id: str = SERVER_KEY
) -> str:
    """Return the PowerShell text that reports ``event`` to ``url``.

    ``secret_reference`` is the Automate variable that holds the secret, such as ``@Secret@``;
    ``key_id`` says whose secret it is. RuleError names what cannot be written into a script.
    """
    if event not in EVENTS:
        raise RuleError("event", "Choose one of the events on the list.")
    if not _URL.fullmatch(url):
        raise RuleError("url", "The address holds characters that a script cannot carry safely.")
    if not _REFERENCE.fullmatch(secret_reference):
        raise RuleError(
            "secret_reference", "Name an Automate variable, such as @BridgeheadSecret@."
        )
    if key_id != SERVER_KEY and computer_of(key_id) is None:
        raise RuleError("key_id", "The key id is server or computer-<id>.")
    text = _SCRIPT
    for mark, value in _values(event, url, secret_reference, key_id).items():
        text = text.replace(mark, value)
    return text


def _values(event: str, url: str, secret_reference: str, key_id: str) -> dict[str, str]:
    result = event == "bridge_result"
    return {
        "<event>": event,
        "<title>": EVENTS[event].lower(),
        "<where>": _WHERE[event],
        "<url>": url,
        "<secret>": secret_reference,
        "<key>": key_id,
        "<exit code>": _EXIT_CODE if result else "",
        "<details>": """"exit_code":"' + $exitCode + '\"""" if result else "",
        "<timestamp header>": TIMESTAMP_HEADER,
        "<signature header>": SIGNATURE_HEADER,
        "<key header>": KEY_ID_HEADER,
    }


_EXIT_CODE = r"""
$exitCode = '@BridgeheadExitCode@'
if ($exitCode -notmatch '^-?[0-9]{1,10}$') { $exitCode = '' }
"""

_SCRIPT = r"""# Bridgehead: reports "<title>" from ConnectWise Automate.
#
# It belongs into a script step that runs PowerShell. Call that script from
# <where>.
# Set the script variable in $secret to the secret shown on the connection's page.
#
# It asks for Windows PowerShell 2.0 and no module. It keeps to the documented format, but its
# makers did not run it on Windows PowerShell: run it once, and look at the page Received calls
# before you rely on it.
$ErrorActionPreference = 'Stop'
$url = '<url>'
$keyId = '<key>'
$secret = '<secret>'

# Automate fills these in before PowerShell starts.
$computerId = '%computerid%'
$clientId = '%clientid%'
<exit code>
if ($secret -notmatch '^[A-Za-z0-9_-]{24,200}$') {
    Write-Output 'Bridgehead: the secret was not filled in.'
    exit 2
}
if ($computerId -notmatch '^[1-9][0-9]{0,17}$') {
    Write-Output 'Bridgehead: the computer id was not filled in.'
    exit 2
}
if ($clientId -notmatch '^[1-9][0-9]{0,17}$') { $clientId = '' }

$invariant = [Globalization.CultureInfo]::InvariantCulture
$utf8 = New-Object System.Text.UTF8Encoding($false)
$now = [DateTime]::UtcNow
$epoch = New-Object DateTime(1970, 1, 1, 0, 0, 0, [DateTimeKind]::Utc)
$timestamp = [Math]::Floor(($now - $epoch).TotalSeconds).ToString('0', $invariant)
$occurredAt = $now.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", $invariant)
$messageId = [Guid]::NewGuid().ToString()
$body = '{"event":"<event>","computer_id":"' + $computerId +
    '","client_id":"' + $clientId +
    '","message_id":"' + $messageId +
    '","occurred_at":"' + $occurredAt +
    '","details":{<details>}}'

# The bytes that are signed are the bytes that are sent.
$bytes = $utf8.GetBytes($body)
$hmac = New-Object System.Security.Cryptography.HMACSHA256
$hmac.Key = $utf8.GetBytes($secret)
$hash = $hmac.ComputeHash($utf8.GetBytes($timestamp + '.' + $body))
$signature = 'v1=' + [BitConverter]::ToString($hash).Replace('-', '').ToLowerInvariant()

# Old systems do not offer TLS 1.2 by themselves; where it is not known, the call will say so.
try {
    [Net.ServicePointManager]::SecurityProtocol = [Enum]::ToObject([Net.SecurityProtocolType], 3072)
} catch { }

# The same message id and body on every try: however often it arrives, it has one effect.
for ($try = 1; $try -le 3; $try++) {
    try {
        $request = [Net.WebRequest]::Create($url)
        $request.Method = 'POST'
        $request.ContentType = 'application/json'
        $request.Timeout = 15000
        $request.AllowAutoRedirect = $false
        $request.Headers.Add('<timestamp header>', $timestamp)
        $request.Headers.Add('<signature header>', $signature)
        $request.Headers.Add('<key header>', $keyId)
        $request.ContentLength = $bytes.Length
        $stream = $request.GetRequestStream()
        $stream.Write($bytes, 0, $bytes.Length)
        $stream.Close()
        $answer = $request.GetResponse()
        $status = [int]$answer.StatusCode
        $answer.Close()
        if ($status -lt 300) {
            Write-Output ('Bridgehead: reported, status ' + $status + '.')
            exit 0
        }
        Write-Output ('Bridgehead: not reported, the address answers with a redirect.')
        exit 1
    } catch {
        $status = 0
        $cause = $_.Exception
        if ($cause.InnerException) { $cause = $cause.InnerException }
        if ($cause -is [Net.WebException] -and $cause.Response) {
            $status = [int]$cause.Response.StatusCode
            $cause.Response.Close()
        }
        Write-Output ('Bridgehead: not reported, status ' + $status + '. ' + $cause.Message)
        if ($status -ge 400 -and $status -lt 500 -and $status -ne 429) { exit 1 }
        if ($try -lt 3) { Start-Sleep -Seconds (5 * $try) }
    }
}
exit 1
"""
