"""Mails leave by a real mail server or a provider, and each way to fail means one thing."""

import json
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives
from pytest_django import Settings

from storefront.ops import mail_url
from storefront.ops.mailing import Deferred, Down, MayHaveArrived, Post, Refused
from tools.mail_server import MailServer

pytestmark = pytest.mark.once

MEANS = (Deferred, Down, MayHaveArrived, Refused)


def mail(to: str = "ada@example.com", subject: str = "Order K7M2-PQ4X") -> EmailMultiAlternatives:
    mail = EmailMultiAlternatives(subject, "Grüße\n", "Shop <shop@shop.example>", [to])
    mail.attach_alternative("<p>Grüße</p>", "text/html")
    return mail


def send(*mails: EmailMultiAlternatives) -> Any:
    """Send them over one connection; return what became of the last, None if it was taken."""
    post = Post()
    try:
        for each in mails:
            post.send(each)
    except MEANS as meaning:
        return meaning
    finally:
        post.close()
    return None


def use(settings: Settings, monkeypatch: pytest.MonkeyPatch, url: str, **options: Any) -> None:
    monkeypatch.setenv("MAIL_URL", url)
    settings.MAILERS = mail_url.mailers("MAIL_URL", prints=False)
    settings.MAILERS["default"]["OPTIONS"] |= options


@pytest.fixture(scope="module")
def running() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def server(running: MailServer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> MailServer:
    running.reset()
    use(settings, monkeypatch, running.url, timeout=0.5)
    return running


class TestAPlainServer:
    def test_gets_both_parts_and_says_who_it_is_for(self, server: MailServer):
        assert send(mail()) is None
        [got] = server.mails
        assert server.recipients == [["ada@example.com"]]
        assert [part.get_content().strip() for part in got.iter_parts()] == [
            "Grüße",
            "<p>Grüße</p>",
        ]

    def test_gets_several_over_one_connection(self, server: MailServer):
        assert send(mail(), mail(), mail()) is None
        assert (len(server.mails), server.connections) == (3, 1)

    @pytest.mark.parametrize(
        "address",
        [
            "",
            "ada",
            "not an address",
            "ada@example.com, bo@example.com",
            "ada@example.com\nBcc: bo@example.com",
            "ada@example.com\r\n",
            "ädä@example.com",
        ],
    )
    def test_is_asked_to_mail_no_address_that_is_none(self, server: MailServer, address: str):
        assert isinstance(send(mail(address)), Refused)
        assert not server.mails

    def test_gets_no_header_that_a_subject_has_in_it(self, server: MailServer):
        assert isinstance(send(mail(subject="Hi\r\nBcc: bo@example.com")), Refused)
        assert not server.mails


@pytest.mark.parametrize(
    ("trouble", "means"),
    [
        ({"refusal": "550 5.1.1 no such user"}, Refused),
        ({"refusal": "553 what is that"}, Refused),
        ({"refusal": "450 4.2.0 greylisted"}, Deferred),
        ({"refusal": "554 5.7.1 relay access denied"}, Deferred),
        ({"answer": "554 5.6.0 that is spam"}, Refused),
        ({"answer": "452 4.3.1 no room"}, Deferred),
        ({"answer": "421 4.3.2 going down"}, Down),
        ({"hangs_at": "EHLO"}, Down),
        ({"drops_at": "EHLO"}, Down),
        ({"hangs_at": "DATA"}, MayHaveArrived),
        ({"drops_at": "DATA"}, MayHaveArrived),
    ],
)
def test_each_trouble_of_a_server_means_one_thing(
    server: MailServer, trouble: dict[str, str], means: type[Exception]
):
    for name, value in trouble.items():
        setattr(server, name, value)
    began = time.monotonic()
    meaning = send(mail())
    assert type(meaning) is means
    assert time.monotonic() - began < 3
    if words := server.refusal or server.answer:
        assert words.partition(" ")[2] in str(meaning)
    server.reset()
    assert send(mail()) is None


def test_a_server_that_is_not_there_takes_no_mail(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    use(settings, monkeypatch, "smtp://127.0.0.1:9")
    assert type(send(mail())) is Down


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    extra = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(
        [*command.split(), *extra, "-keyout", key, "-out", cert], check=True, capture_output=True
    )
    return key, cert


def context_of(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    key, cert = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


class TestAServerWithStarttls:
    @pytest.fixture
    def server(
        self,
        certificate: tuple[Path, Path],
        settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Iterator[MailServer]:
        with MailServer(tls=context_of(certificate), login=("shop", "p@ss word")) as server:
            use(settings, monkeypatch, f"submission://shop:p%40ss%20word@localhost:{server.port}")
            yield server

    def test_gets_it_with_name_and_password(
        self,
        server: MailServer,
        certificate: tuple[Path, Path],
        monkeypatch: pytest.MonkeyPatch,
    ):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
        assert send(mail()) is None
        assert len(server.mails) == 1

    def test_gets_nothing_with_a_certificate_of_its_own_making(self, server: MailServer):
        assert type(send(mail())) is Down
        assert not server.mails

    def test_gets_nothing_with_another_password_and_no_error_repeats_it(
        self,
        server: MailServer,
        certificate: tuple[Path, Path],
        settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
    ):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
        use(settings, monkeypatch, f"submission://shop:not-the-password@localhost:{server.port}")
        meaning = send(mail())
        assert type(meaning) is Down
        assert "not-the-password" not in str(meaning)

    def test_gets_nothing_without_encryption(
        self, server: MailServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ):
        use(settings, monkeypatch, server.url)
        assert type(send(mail())) is Down


INACTIVE = "Found inactive addresses: ada@example.com. Inactive recipients are ones that bounced."


class Provider:
    """Postmark, as far as one mail needs it."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.status, self.trouble = 200, ""
        self.body: dict[str, Any] = {"ErrorCode": 0, "MessageID": "1", "Message": "OK"}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                posted = json.loads(self.rfile.read(length))
                provider.posts.append(posted | {"token": self.headers["X-Postmark-Server-Token"]})
                if provider.trouble == "hangs":
                    time.sleep(1)
                if provider.trouble:
                    return
                body = json.dumps(provider.body | {"To": posted["To"]}).encode()
                self.send_response(provider.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_words: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)


class TestAProvider:
    @pytest.fixture
    def provider(
        self,
        certificate: tuple[Path, Path],
        settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Iterator[Provider]:
        provider = Provider()
        server = provider.server
        server.socket = context_of(certificate).wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[1]))
        url = f"https://localhost:{server.server_port}/"
        use(settings, monkeypatch, "postmark://the-token@", api_url=url, timeout=0.5)
        yield provider
        server.shutdown()
        server.server_close()

    def test_gets_both_parts_over_https(self, provider: Provider):
        assert send(mail()) is None
        [post] = provider.posts
        assert (post["token"], post["To"]) == ("the-token", "ada@example.com")
        assert (post["TextBody"], post["HtmlBody"]) == ("Grüße\n", "<p>Grüße</p>")

    @pytest.mark.parametrize(
        ("status", "body", "means"),
        [
            (422, {"ErrorCode": 406, "Message": INACTIVE}, Refused),
            (422, {"ErrorCode": 406, "Message": "in words of next year"}, Deferred),
            (422, {"ErrorCode": 12, "Message": "what is that"}, Deferred),
            (401, {"ErrorCode": 10, "Message": "no such token"}, Down),
            (429, {}, Down),
            (500, {}, Down),
            (503, {}, Down),
            (504, {}, MayHaveArrived),
        ],
    )
    def test_means_one_thing_by_each_answer(
        self, provider: Provider, status: int, body: dict[str, Any], means: type[Exception]
    ):
        provider.status, provider.body = status, body
        meaning = send(mail())
        assert type(meaning) is means
        assert "the-token" not in str(meaning)

    @pytest.mark.parametrize("trouble", ["hangs", "drops"])
    def test_may_have_taken_what_it_does_not_answer(self, provider: Provider, trouble: str):
        provider.trouble = trouble
        assert type(send(mail())) is MayHaveArrived
        assert len(provider.posts) == 1

    def test_that_is_not_there_takes_no_mail(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ):
        use(settings, monkeypatch, "resend://key@", api_url="https://127.0.0.1:9/")
        assert type(send(mail())) is Down


class TestMailUrl:
    def read(self, url: str) -> dict[str, Any]:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("MAIL_URL", url)
            mailer = mail_url.mailers("MAIL_URL", prints=False)["default"]
            return {**mailer["OPTIONS"], "by": mailer["BACKEND"].split(".")[-2]}

    @pytest.mark.parametrize(
        ("url", "means"),
        [
            ("smtp://localhost", {"host": "localhost", "port": 25}),
            ("smtp://[::1]:1025", {"host": "::1", "port": 1025}),
            ("submission://mail.example", {"port": 587, "use_tls": True}),
            ("SMTPS://u:p@mail.example/", {"port": 465, "use_ssl": True, "username": "u"}),
            ("submission://a@b.example:p%40s%2Fs@m.example", {"username": "a@b.example"}),
            ("submission://u:p%40s%2F%3As@m.example:25", {"password": "p@s/:s", "port": 25}),
            ("submission://u:p:q@käse.example", {"password": "p:q", "host": "xn--kse-qla.example"}),
            ("postmark://t@", {"server_token": "t", "by": "postmark"}),
            ("resend://re_1@", {"api_key": "re_1", "by": "resend"}),
            ("brevo://k@", {"api_key": "k", "by": "brevo"}),
            ("sendgrid://SG.a.b@", {"api_key": "SG.a.b", "by": "sendgrid"}),
            ("mailgun://k@mg.shop.example", {"api_key": "k", "sender_domain": "mg.shop.example"}),
            ("mailgun://k@d.example?region=eu", {"api_url": "https://api.eu.mailgun.net/v3"}),
        ],
    )
    def test_says_how_mails_leave(self, url: str, means: dict[str, Any]):
        assert means.items() <= self.read(url).items()
        assert self.read(url)["timeout"] == 10

    @pytest.mark.parametrize(
        "url",
        [
            *("mail.example", "http://mail.example", "submission://", "smtps://u:p@host:port"),
            *("submission://u:p@host:0", "submission://u@host", "submission://:p@host"),
            *("submission://u:p/ss@host:587", "submission://u:p@ho st", "smtp://host/path"),
            *("smtp://host?tls=no", "smtp://u:p@a;b", "smtp://host#x", "smtp://host:99999"),
            *("postmark://", "postmark://host", "postmark://t@host", "resend://u:p@"),
            *("brevo://key", "sendgrid://k@:1", "mailgun://key@", "ses://key@", "POSTMARK//k@"),
            *("mailgun://k@d?region=mars", "mailgun://k@d?eu", "mailgun://k@d?region=eu&x=1"),
            *("mailgun://key@domain/v3", "smtp://[::1", "submission://u:p@h, submission://u:p@i"),
        ],
    )
    def test_that_cannot_be_read_stops_the_start_and_is_not_repeated(self, url: str):
        with pytest.raises(ImproperlyConfigured, match="MAIL_URL can't be read") as refused:
            self.read(url)
        assert str(refused.value) == f"MAIL_URL can't be read. Allowed: {mail_url.ALLOWED}."


@pytest.mark.parametrize("scheme", ["postmark", "resend", "brevo", "sendgrid"])
def test_each_provider_can_be_asked(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, scheme: str
):
    use(settings, monkeypatch, f"{scheme}://key@", api_url="http://127.0.0.1:9/")
    assert type(send(mail())) is Down


def test_a_developer_reads_it_in_the_terminal(
    settings: Settings, capsys: pytest.CaptureFixture[str]
):
    settings.MAILERS = mail_url.mailers("NO_SUCH_NAME", prints=True)
    assert send(mail()) is None
    printed = capsys.readouterr().out
    assert "To: ada@example.com\nSubject: Order K7M2-PQ4X\n\nGrüße\n" in printed
