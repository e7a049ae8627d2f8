"""Hands a mail to the mail server or to a provider, and tells the ways apart in which that fails.

What was handed over and not answered may have arrived: it must not be sent once more.
"""

import smtplib
import sys
import warnings
from typing import Any

from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, mailers
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend
from django.core.validators import validate_email

from storefront.ops.environment import SECRETS

LONGEST_WORDS = 300
GATEWAY_TIMED_OUT = 504
# What an answer can say of one mail; all else is about the account, or the provider itself.
ABOUT_ONE_MAIL = (400, 413, 422)


class NotSent(Exception):
    """The mail did not leave; the text says why."""


class Refused(NotSent):
    """This mail, or its address, will never be taken."""


class Deferred(NotSent):
    """This mail is not taken now; others may be."""


class Down(NotSent):
    """No mail leaves at the moment."""


class MayHaveArrived(Exception):
    """The mail was handed over, and whether it was taken is not known."""


class Handing(smtplib.SMTP):
    """A connection that tells what broke before the mail was handed over from what broke after."""

    def data(self, msg: Any) -> Any:
        try:
            return super().data(msg)
        except smtplib.SMTPDataError:
            raise
        except OSError as error:
            raise MayHaveArrived(f"the mail server did not answer: {_words(error)}") from error


class HandingEncrypted(Handing, smtplib.SMTP_SSL):
    """The same, encrypted from its beginning."""


class MailServer(EmailBackend):
    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return HandingEncrypted if self.use_ssl else Handing


class Terminal(BaseEmailBackend):
    """Prints mails, as a developer reads them."""

    def send_messages(self, email_messages: Any) -> int:
        for mail in email_messages:
            rule = "-" * 72
            heading = f"To: {', '.join(mail.to) or 'nobody'}\nSubject: {mail.subject}"
            sys.stdout.write(f"{rule}\n{heading}\n\n{mail.body}\n{rule}\n")
        sys.stdout.flush()
        return len(email_messages)


class Post:
    """One connection for several mails, opened when there is one to send."""

    def __init__(self, mailer: str = "default") -> None:
        self._name = mailer
        self._connection: Any = None

    def send(self, mail: EmailMessage) -> None:
        """Send it. Raises Refused, Deferred, Down or MayHaveArrived."""
        if self._name != "terminal":
            _check_address(mail)
        try:
            if not self._connection:
                self._connection = _mailer(self._name)
                self._connection.open()
            self._connection.send_messages([mail])
            _check_answer(mail)
        except (MayHaveArrived, NotSent):
            self.close()
            raise
        except Exception as error:
            self.close()
            raise _meaning_of(error) from error

    def close(self) -> None:
        connection, self._connection = self._connection, None
        try:
            if connection:
                connection.close()
        except (OSError, smtplib.SMTPException):
            pass  # it was broken, or is now


def _mailer(name: str) -> Any:
    with warnings.catch_warnings():
        # Anymail no longer tests its way to SendGrid.
        warnings.filterwarnings("ignore", "django-anymail has dropped official support")
        return mailers[name]


def _check_address(mail: EmailMessage) -> None:
    """Refuse what is no address: of two in one, Django would mail to both."""
    for address in mail.to or [""]:
        try:
            validate_email(address)
        except ValidationError:
            raise Refused("there is no address that can be mailed") from None


def _check_answer(mail: EmailMessage) -> None:
    """Raise Deferred if a provider said no in words that Anymail did not understand."""
    response = getattr(getattr(mail, "anymail_status", None), "esp_response", None)
    if response is not None and response.status_code >= 300:
        raise Deferred(f"the provider refused the mail: {_shortened(response.text)}")


def _meaning_of(error: Exception) -> Exception:
    """Return what an error means for the mail, and for the others."""
    if type(error).__module__.startswith("anymail.") or hasattr(error, "esp_name"):
        return _meaning_at_provider(error)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        words = f"the mail server refused the address: {code} {_text(text)}"
        # 5.7 is a matter of rights: who may send from here, and not who may be sent to.
        is_final = code >= 500 and b"5.7." not in (text if isinstance(text, bytes) else b"")
        return Refused(words) if is_final else Deferred(words)
    if isinstance(error, smtplib.SMTPDataError):
        words = f"the mail server refused the mail: {error.smtp_code} {_text(error.smtp_error)}"
        if error.smtp_code == 421:
            return Down(words)
        return Refused(words) if error.smtp_code >= 500 else Deferred(words)
    if isinstance(error, OSError):  # as all of smtplib's are; one about a certificate is both
        return Down(f"the mail server takes no mail: {_words(error)}")
    if isinstance(error, ValueError):
        return Refused(f"it can't be written as a mail: {_words(error)}")
    return MayHaveArrived(f"nobody thought of this: {_words(error)}")


def _meaning_at_provider(error: Exception) -> Exception:
    """Return the same for an answer of a provider, which Anymail knows."""
    import requests
    from anymail.exceptions import AnymailInvalidAddress, AnymailRecipientsRefused
    from urllib3.exceptions import MaxRetryError

    if isinstance(error, AnymailRecipientsRefused):
        return Refused(f"the provider refused the address: {_words(error)}")
    if isinstance(error, AnymailInvalidAddress):
        return Refused(f"it can't be written as a mail: {_words(error)}")
    status, cause = getattr(error, "status_code", None), error.__cause__
    if status is None and isinstance(cause, requests.RequestException):
        never_connected = isinstance(cause, requests.ConnectTimeout) or (
            isinstance(cause, requests.ConnectionError)
            and any(isinstance(reason, MaxRetryError) for reason in cause.args)
        )
        words = f"the provider did not answer: {_words(cause)}"
        return Down(words) if never_connected else MayHaveArrived(words)
    words = f"the provider takes no mail: {_words(error)}"
    if status == GATEWAY_TIMED_OUT or (status and status < 300):
        return MayHaveArrived(words)
    return Deferred(words) if status in ABOUT_ONE_MAIL else Down(words)


def _text(answer: object) -> str:
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)
    return _shortened(text)


def _words(error: BaseException) -> str:
    return _shortened(str(error) or type(error).__name__)


def _shortened(text: str) -> str:
    """Return it as one line without secrets, which an answer may repeat."""
    for secret in SECRETS:
        text = text.replace(secret, "********")
    return " ".join(text.split())[:LONGEST_WORDS]
