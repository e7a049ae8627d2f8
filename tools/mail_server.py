"""A mail server on this machine, which keeps what it gets and plays the troubles of real ones."""

import asyncio
import email.policy
import ssl
import time
from contextlib import suppress
from email import message_from_bytes
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from tools.postgresql import free_port

LONGER_THAN_ANYBODY_WAITS = 60


class MailServer:
    """What came is in `mails`. What it does beside taking mails is set by its attributes.

    `refusal` is what it says to each address, `answer` what it says to each mail; `hangs_at` and
    `drops_at` name the step at which it says nothing more, or ends the connection: "EHLO" or
    "DATA", which is after the whole mail has come.
    """

    def __init__(
        self, *, tls: ssl.SSLContext | None = None, login: tuple[str, str] | None = None
    ) -> None:
        self.reset()
        options: dict[str, Any] = {"tls_context": tls, "require_starttls": True} if tls else {}
        if login:
            options |= {"authenticator": _who_knows(login), "auth_required": True}
            options |= {"auth_require_tls": bool(tls)}
        self.port = free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)

    def reset(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.connections = 0
        self.refusal = self.answer = self.hangs_at = self.drops_at = ""

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._controller.stop(no_assert=True)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def wait_for(self, count: int, seconds: float = 10) -> list[EmailMessage]:
        deadline = time.monotonic() + seconds
        while len(self.mails) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.mails

    # What aiosmtpd calls

    async def handle_EHLO(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        await self._trouble("EHLO", server)
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if not self.refusal:
            envelope.rcpt_tos.append(address)
        return self.refusal or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.answer:
            return self.answer
        mail = message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients.append(list(envelope.rcpt_tos))
        await self._trouble("DATA", server)
        return "250 OK"

    async def _trouble(self, step: str, server: SMTP) -> None:
        if self.hangs_at == step:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(LONGER_THAN_ANYBODY_WAITS)
        if self.drops_at == step and isinstance(server.transport, asyncio.Transport):
            server.transport.abort()


def _who_knows(login: tuple[str, str]) -> Any:
    def authenticate(*asked: Any) -> AuthResult:
        told = asked[-1]
        is_right = isinstance(told, LoginPassword) and told == LoginPassword(
            *(word.encode() for word in login)
        )
        return AuthResult(success=is_right, handled=False)

    return authenticate
