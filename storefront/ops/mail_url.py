"""Reads how the shop sends its mail: MAIL_URL."""

from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from storefront.ops.environment import hide, host_of, refusal, secret

TERMINAL = {"BACKEND": "storefront.ops.mailing.Terminal"}
# The port without one in the address, and how the connection is encrypted.
SERVERS: dict[str, tuple[int, dict[str, bool]]] = {
    "submission": (587, {"use_tls": True}),
    "smtps": (465, {"use_ssl": True}),
    "smtp": (25, {}),
}
# Over HTTPS, since some platforms let no mail out by SMTP: what Anymail calls the key of each.
PROVIDERS = {
    "postmark": "server_token",
    "resend": "api_key",
    "brevo": "api_key",
    "mailgun": "api_key",
    "sendgrid": "api_key",
}
REGIONS = {"us": "https://api.mailgun.net/v3", "eu": "https://api.eu.mailgun.net/v3"}
# Nobody waits for a mail server but the worker, and others' mails wait behind it.
SECONDS = 10
ALLOWED = (
    "submission://user:password@host:587, smtps://user:password@host:465, smtp://localhost:1025, "
    "postmark://TOKEN@, resend://KEY@, brevo://KEY@, sendgrid://KEY@ or mailgun://KEY@domain "
    "(?region=eu); what is special in a password is written as in addresses, @ as %40"
)


def mailers(name: str, *, prints: bool) -> dict[str, Any]:
    """Return Django's MAILERS; without an address there is none but the terminal, if it `prints`.

    What must never be mailed goes to the terminal, whatever the address.
    """
    terminal = {"terminal": TERMINAL} if prints else {}
    value = secret(name)
    if value:
        return {"default": _mailer(name, value)} | terminal
    return {"default": TERMINAL} | terminal if prints else {}


def _mailer(name: str, value: str) -> dict[str, Any]:
    try:
        url = urlsplit(value)
        found = _server(url) if url.scheme in SERVERS else _provider(url)
    except ValueError:
        found = None
    if not found or url.path.strip("/") or url.fragment or any(map(str.isspace, value)):
        raise refusal(name, ALLOWED)
    return found


def _server(url: SplitResult) -> dict[str, Any] | None:
    usual, encryption = SERVERS[url.scheme]
    host, port = host_of(url).strip("[]"), url.port
    user, password = unquote(url.username or ""), unquote(url.password or "")
    hide(password)
    if not host or port == 0 or bool(user) != bool(password) or url.query:
        return None
    login = {"username": user, "password": password} if user else {}
    options = {"host": host, "port": port or usual, "timeout": SECONDS}
    return {
        "BACKEND": "storefront.ops.mailing.MailServer",
        "OPTIONS": options | login | encryption,
    }


def _provider(url: SplitResult) -> dict[str, Any] | None:
    key = unquote(url.username or "")
    hide(key)
    needs_domain = url.scheme == "mailgun"
    host = host_of(url) if url.hostname else ""
    if url.scheme not in PROVIDERS or not key or url.password is not None or url.port:
        return None
    if bool(host) != needs_domain or (url.hostname and not host):
        return None
    options: dict[str, Any] = {PROVIDERS[url.scheme]: key, "timeout": SECONDS}
    query = dict(
        parse_qsl(url.query, keep_blank_values=True, strict_parsing=True, max_num_fields=1)
        if url.query
        else ()
    )
    if needs_domain:
        region = REGIONS.get(query.pop("region", "us"))
        options |= {"sender_domain": host, "api_url": region}
        if not region:
            return None
    backend = f"anymail.backends.{url.scheme}.EmailBackend"
    return None if query else {"BACKEND": backend, "OPTIONS": options}
