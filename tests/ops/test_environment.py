"""The environment: a value that can't be read stops the start and says what is allowed."""

import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from storefront.ops import dot_env
from tools.environment import NAMES

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
SERVER = "import storefront.wsgi"
PROBE = """
from django.conf import settings
print({name})
"""
MODULES = "import sys, storefront.wsgi; print(*sys.modules)"
OURS = ("storefront", "checkout", "merchant", "__main__")
# A process that has loaded what the shop needs of others, but no line of the shop nor a setting:
# a child of it loads the shop alone, in a sixth of the time that a new process takes.
NURSERY = """
import gc, json, logging, os, sys, traceback
from contextlib import suppress
from importlib import import_module
for name in sys.argv[1:]:
    with suppress(Exception):  # Django's models want settings, and are loaded by the child
        import_module(name)
sys.argv[1:] = []
gc.freeze()
for line in sys.stdin:
    code, environment, *files = json.loads(line)
    child = os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    for number, file in enumerate(files, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(environment)
    try:
        exec(code, {})
    except BaseException:
        traceback.print_exc()
        status = 1
    else:
        status = 0
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)  # to take all apart would take as long as to load it
"""
BARE = {
    "PATH": os.environ["PATH"],
    "READ_DOT_ENV": "false",
    "DJANGO_SETTINGS_MODULE": "storefront.settings",
    "SECRET_KEY": "for this test",
}
KEYS = {"STRIPE_PUBLISHABLE_KEY": "pk_test_1", "STRIPE_SECRET_KEY": "sk_test_1"}
SECRET = "whsec_planted"


@cache
def nursery() -> subprocess.Popen[str]:
    """The process whose children load the shop."""
    listed = subprocess.run(
        [sys.executable, "-c", MODULES], cwd=ROOT, env=BARE, capture_output=True, check=True
    )
    names = listed.stdout.decode().split()
    others = [name for name in names if name.partition(".")[0] not in OURS]
    return subprocess.Popen(
        [sys.executable, "-c", NURSERY, *others],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module", autouse=True)
def end_of_the_nursery() -> Iterator[None]:
    yield
    nursery().communicate()


def start(name: str = "settings.DEBUG", **environment: str) -> subprocess.CompletedProcess[str]:
    """Load the shop as a server does, with nothing but this environment."""
    return run(SERVER + PROBE.format(name=name), environment)


def run(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    to, back = nursery().stdin, nursery().stdout
    assert to
    assert back
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, stream) for stream in ("stdout", "stderr")]
        order = [code, BARE | environment, *map(str, files)]
        print(json.dumps(order), file=to, flush=True)
        status = int(back.readline())
        return subprocess.CompletedProcess([], status, *(file.read_text() for file in files))


def setting(name: str, **environment: str) -> str:
    """Load the settings alone, which takes a sixth of the time."""
    process = run(PROBE.format(name=f"settings.{name}"), environment)
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"DEBUG": "maybe"}, "DEBUG can't be read. Allowed: true or false"),
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set"),
        ({"SITE_URL": "shop.example"}, "SITE_URL can't be read"),
        ({"SITE_URL": "ftp://shop.example"}, "SITE_URL can't be read"),
        ({"SITE_URL": "https://shop.example/path"}, "SITE_URL can't be read"),
        ({"SITE_URL": "https://shop.example:port"}, "SITE_URL can't be read"),
        ({"SITE_URL": "https://your shop"}, "SITE_URL can't be read"),
        ({"SITE_URL": "https://a;https://b"}, "SITE_URL can't be read"),
        ({"SITE_URL": "https://my_shop.example"}, "SITE_URL can't be read"),
        ({"SITE_URL": "https://käse..example"}, "SITE_URL can't be read"),
        ({"SHOP_NAME": "K\udce4se"}, "SHOP_NAME can't be read. Allowed: text in UTF-8"),
        ({"SECRET_KEY": "two\nlines"}, "SECRET_KEY can't be read. Allowed: one line"),
        ({"TIME_ZONE": "Berlin"}, "TIME_ZONE can't be read. Allowed: a name such as UTC, Europe/B"),
        ({"ALLOWED_HOSTS": "https://shop.example"}, "ALLOWED_HOSTS can't be read. Allowed: names"),
        ({"ALLOWED_HOSTS": "shop.example:8000"}, "ALLOWED_HOSTS can't be read"),
        ({"CHECKOUT_ORIGINS": "https://a.example/b"}, "CHECKOUT_ORIGINS can't be read. Allowed: "),
        ({"CHECKOUT_ORIGINS": "pay;script-src"}, "CHECKOUT_ORIGINS can't be read"),
        ({"PORT": "web"}, "PORT can't be read. Allowed: a whole number from 0 to 65535"),
        ({"WEB_CONCURRENCY": "two"}, "WEB_CONCURRENCY can't be read. Allowed: a whole number"),
        ({"DATABASE_URL": "mysql://host/name"}, "DATABASE_URL can't be read"),
        ({"DATABASE_URL": "postgresql://u:p@host:port/x"}, "DATABASE_URL can't be read"),
        ({"DATABASE_URL": "postgresql://host"}, "DATABASE_URL can't be read"),
        ({"DATABASE_URL": "postgresql://u:12/3@host/x"}, "DATABASE_URL can't be read"),
        ({"DATABASE_URL": "sqlite:///x.sqlite3?timeout=9"}, "DATABASE_URL can't be read"),
        *(
            ({"DATABASE_URL": f"postgresql://host/x?{option}"}, "DATABASE_URL can't be read. Allow")
            for option in (
                *("pgbouncer=true", "schema=public", "sslmode=yes", "connect_timeout=soon"),
                *("sslmode=require&sslmode=disable", "target_session_attrs=standby"),
            )
        ),
        ({"CACHE_URL": "redis://host/0?timeout=1"}, "CACHE_URL can't be read"),
        ({"CACHE_URL": "memcached://host"}, "CACHE_URL can't be read. Allowed: redis://host"),
        ({"CACHE_URL": "redis://host:port"}, "CACHE_URL can't be read"),
        ({"CACHE_URL": "redis://"}, "CACHE_URL can't be read"),
        ({"CACHE_URL": "redis://host/name"}, "CACHE_URL can't be read"),
        ({"MAIL_URL": "mail.example"}, "MAIL_URL can't be read. Allowed: submission://user:pass"),
        ({"MAIL_FROM": "Shop <a@b.example>"}, "MAIL_FROM can't be read. Allowed: one e-mail"),
        ({"MERCHANT_MAIL": "a@b.example, c@d.example"}, "MERCHANT_MAIL can't be read"),
        ({"MERCHANT_MAIL": "desk"}, "MERCHANT_MAIL can't be read"),
        ({"LOW_STOCK": "few"}, "LOW_STOCK can't be read. Allowed: a whole number"),
        ({"BUYS_PER_MINUTE": "-1"}, "BUYS_PER_MINUTE can't be read. Allowed: a whole number"),
        ({"CURRENCY": "dollars"}, "CURRENCY can't be read"),
        ({"TAX": "vat"}, "TAX can't be read. Allowed: off, inclusive, exclusive"),
        ({"PROMOTION_CODES": "TEN"}, "PROMOTION_CODES can't be read. Allowed: true or false"),
        (
            {"EXCLUDE_PAYMENT_METHODS": "sepa"},
            "EXCLUDE_PAYMENT_METHODS can't be read. Allowed: acs",
        ),
        ({"EXCLUDE_PAYMENT_METHODS": "card link"}, "EXCLUDE_PAYMENT_METHODS can't be read"),
        ({"SHOP_ACCENT": "teal"}, "SHOP_ACCENT can't be read. Allowed: a colour like #0b6e4f"),
        ({"SHOP_ACCENT": "#12345"}, "SHOP_ACCENT can't be read"),
        ({"SHOP_ACCENT": "#fff;}*{display:none"}, "SHOP_ACCENT can't be read"),
        ({"SHOP_LOGO": "logo.svg"}, "SHOP_LOGO can't be read. Allowed: the path of a file below"),
        ({"SHOP_LOGO": "../manage.py"}, "SHOP_LOGO can't be read"),
        ({"SHOP_LINKS": "Imprint"}, "SHOP_LINKS can't be read. Allowed: Imprint=https://"),
        ({"SHOP_LINKS": "Imprint=javascript:alert(1)"}, "SHOP_LINKS can't be read"),
        ({"TRACKING_URLS": "DHL"}, "TRACKING_URLS can't be read. Allowed: DHL=https://"),
        ({"TRACKING_URLS": "https://dhl.example/{number}"}, "TRACKING_URLS can't be read"),
        ({"TRACKING_URLS": "DHL=http://dhl.example/{number}"}, "TRACKING_URLS can't be read"),
        ({"TRACKING_URLS": "DHL=javascript:alert({number})"}, "TRACKING_URLS can't be read"),
        ({"TRACKING_URLS": "DHL=https://dhl.example/"}, "TRACKING_URLS can't be read"),
        ({"TRACKING_URLS": "DHL=https://{number}.example/"}, "TRACKING_URLS can't be read"),
        ({"TRACKING_URLS": "DHL=https://dhl.example/{code}"}, "TRACKING_URLS can't be read"),
        (
            {"TRACKING_URLS": "DHL=https://a.example/{number},dhl=https://b.example/{number}"},
            "TRACKING_URLS can't be read",
        ),
        ({"HSTS_SECONDS": "-1"}, "HSTS_SECONDS can't be read. Allowed: a whole number"),
        ({"TRUST_PROXY": "2"}, "TRUST_PROXY can't be read"),
        ({"STRIPE_SECRET_KEY": "sk_test_1"}, "STRIPE_PUBLISHABLE_KEY is not set"),
        ({"STRIPE_PUBLISHABLE_KEY": "pk_test_1"}, "STRIPE_SECRET_KEY is not set"),
        (KEYS | {"STRIPE_SECRET_KEY": "sk_live_1"}, "mix test and live mode"),
        (KEYS | {"STRIPE_PUBLISHABLE_KEY": "pk_live_1"}, "mix test and live mode"),
        (KEYS | {"STRIPE_SECRET_KEY": "pk_test_1"}, "STRIPE_SECRET_KEY can't be read"),
        (KEYS | {"STRIPE_PUBLISHABLE_KEY": "sk_test_1"}, "STRIPE_PUBLISHABLE_KEY can't be read"),
        (KEYS | {"STRIPE_SECRET_KEY": "sk_test_51H…x9"}, "copy all of it"),
        (KEYS | {"STRIPE_SECRET_KEY": "rk_test_..."}, "STRIPE_SECRET_KEY can't be read"),
        (KEYS | {"STRIPE_SECRET_KEY": "sk_test_"}, "STRIPE_SECRET_KEY can't be read"),
        (KEYS | {"STRIPE_PUBLISHABLE_KEY": "pk_test_****"}, "STRIPE_PUBLISHABLE_KEY can't be"),
        (KEYS | {"STRIPE_WEBHOOK_SECRET": "whsec_•••"}, "STRIPE_WEBHOOK_SECRET can't be read"),
        (KEYS | {"STRIPE_WEBHOOK_SECRET": "sk_test_1"}, "STRIPE_WEBHOOK_SECRET can't be read"),
        (KEYS | {"STRIPE_API_BASE": "localhost:12111"}, "STRIPE_API_BASE can't be read"),
        (
            {
                "STRIPE_PUBLISHABLE_KEY": "pk_live_1",
                "STRIPE_SECRET_KEY": "rk_live_1",
                "STRIPE_API_BASE": "http://localhost:12111",
            },
            "STRIPE_API_BASE sends payments to a stand-in and needs test keys",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_read_stops_the_start(environment: dict[str, str], message: str):
    process = start(**environment)
    assert process.returncode != 0
    assert message in process.stderr


@pytest.mark.parametrize(
    "environment",
    [
        KEYS | {"STRIPE_SECRET_KEY": "pk_test_planted"},
        {"DATABASE_URL": "postgresql://shop:planted@host/x?pgbouncer=planted"},
        {"CACHE_URL": "redis://:planted@host/0?planted=planted"},
        {"MAIL_URL": "submission://shop:planted/planted@host:587"},
        {"MAIL_URL": "postmark://planted@host"},
        {"MERCHANT_MAIL": "planted"},
    ],
    ids=lambda environment: min(environment),
)
def test_a_refused_secret_is_not_repeated(environment: dict[str, str]):
    process = start(**environment)
    assert process.returncode != 0
    assert "planted" not in process.stderr + process.stdout


def test_a_command_says_in_one_sentence_why_it_does_not_start():
    process = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "READ_DOT_ENV": "false", "DEBUG": "maybe"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = "The shop does not start: DEBUG can't be read. Allowed: true or false.\n"
    assert (process.returncode, process.stderr) == (1, said)


class TestTheFileDotEnv:
    @pytest.mark.parametrize(
        ("content", "found"),
        [
            ("A=1\r\n\r\nB = 2 # two\r\n", {"A": "1", "B": "2"}),
            ("A=1\rB=2", {"A": "1", "B": "2"}),
            ("\ufeffA=ä", {"A": "ä"}),
            ("A=ä\n".encode("utf-16"), {"A": "ä"}),
            ("\n# A=\"0\n  export A='1' # one\nB=", {"A": "1", "B": ""}),
            (
                "A=it's #1\nB='it\\'s'\nC=\"a \\\"b\\\" c\"",
                {"A": "it's", "B": "it's", "C": 'a "b" c'},
            ),
            ("A=1\nA=1", {"A": "1"}),
            ("A=x${HOME}\nB=${A}/b\nC=${D:-d}", {"A": "x/home/ada", "B": "x/home/ada/b", "C": "d"}),
            (
                'A="-----BEGIN\nKx3A==\n-----END"\nB=1',
                {"A": "-----BEGIN\nKx3A==\n-----END", "B": "1"},
            ),
        ],
    )
    def test_is_read_as_people_write_it(self, content: str | bytes, found, tmp_path: Path):
        file = tmp_path / ".env"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        assert dot_env.read(file, {"HOME": "/home/ada"}) == found

    @pytest.mark.parametrize(
        ("content", "where"),
        [
            ('A=1\n\nDATABASE_URL="planted', "DATABASE_URL in line 3 of .env can't be read"),
            ('DATABASE_URL="planted\nSHOP_NAME="Tea"', "DATABASE_URL in line 1 of .env can't be"),
            ('B="x\nSECRET_KEY=planted\nC="', "B in line 1 of .env opens a quote that is not"),
            ('B="planted\n# a comment\n"', "B in line 1 of .env opens a quote that is not"),
            ("SECRET_KEY='plan'ted", "SECRET_KEY in line 1 of .env can't be read"),
            ("A=1\nplanted", "Line 2 of .env has no ="),
            ("export planted", "Line 1 of .env has no ="),
            ("SECRET_KEY: planted", "Line 1 of .env can't be read"),
            ("SECRET-KEY=planted", "Line 1 of .env does not begin with a name"),
            ("$env:SECRET_KEY='planted'", "Line 1 of .env does not begin with a name"),
            ("SECRET\u200b_KEY=planted", "Line 1 of .env does not begin with a name"),
            ("=planted", "Line 1 of .env can't be read"),
            ("A=1\nA=planted", "A in line 2 of .env is set to something else in line 1"),
            ("DATABASE_URL=${planted}", "DATABASE_URL in line 1 of .env takes a ${…} that is"),
            ("A=pl\0anted", "A in line 1 of .env has NUL characters"),
            ("A=planted".encode("utf-16-le"), "Line 1 of .env has NUL characters"),
            ("A=1\r\nSHOP_NAME=plantedä".encode("cp1252"), "SHOP_NAME in line 2 of .env is not in"),
        ],
    )
    def test_stops_the_start_where_it_cannot_be_read(
        self, content: str | bytes, where: str, tmp_path: Path
    ):
        file = tmp_path / ".env"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(ImproperlyConfigured) as refused:
            dot_env.read(file, {})
        assert str(refused.value).startswith(where)
        assert "planted" not in str(refused.value)

    def test_may_be_missing_but_not_a_folder(self, tmp_path: Path):
        assert dot_env.read(tmp_path / ".env", {}) == {}
        with pytest.raises(ImproperlyConfigured, match=r"\.env can't be read: Is a directory"):
            dot_env.read(tmp_path, {})

    def test_sets_what_the_environment_does_not(self, tmp_path: Path):
        for folder in ("storefront", "static"):
            shutil.copytree(ROOT / folder, tmp_path / folder)
        (tmp_path / ".env").write_text("SHOP_NAME=Tea\nSECRET_KEY=x\nCURRENCY=eur\n")
        process = subprocess.run(
            [
                *(sys.executable, "-c"),
                "from storefront import settings; print(settings.SHOP_NAME, settings.CURRENCY)",
            ],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "CURRENCY": "jpy"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.stdout == "Tea jpy\n", process.stderr


class TestModes:
    def test_no_key_is_the_demo(self):
        process = start("settings.STRIPE_DEMO_MODE, settings.STRIPE_KEY_PRESENT")
        assert process.stdout.strip() == "True False"
        assert "Demo mode ENABLED" in process.stderr

    def test_empty_keys_are_no_keys(self):
        empty = dict.fromkeys(KEYS, "")
        assert setting("STRIPE_DEMO_MODE", **empty) == "True"

    def test_both_keys_are_real(self):
        process = start("settings.STRIPE_DEMO_MODE, settings.STRIPE_KEY_PRESENT", **KEYS)
        assert process.stdout.strip() == "False True"
        assert "✓ Stripe keys detected. Real Stripe mode ENABLED." in process.stderr

    def test_a_missing_webhook_secret_is_warned_of_at_every_start(self):
        assert "STRIPE_WEBHOOK_SECRET is not set" in start(**KEYS).stderr
        assert "is not set" not in start(**KEYS, STRIPE_WEBHOOK_SECRET=SECRET).stderr

    def test_a_missing_way_to_mail_is_said_at_every_start(self):
        assert "messages wait at the desk" in start(**KEYS).stderr
        assert "Mails are printed" in start(**KEYS, DEBUG="true").stderr
        said = start(**KEYS, MAIL_URL="smtp://localhost").stderr
        assert not any(words in said for words in ("No mail", "Mails"))

    def test_a_missing_webhook_secret_fails_the_deployment_check(self, settings):
        from checkout.checks import webhook_secret

        settings.STRIPE_DEMO_MODE, settings.STRIPE_WEBHOOK_SECRET = False, ""
        assert [error.id for error in webhook_secret(None)] == ["checkout.E001"]
        settings.STRIPE_WEBHOOK_SECRET = SECRET
        assert webhook_secret(None) == []

    @pytest.mark.parametrize(
        ("environment", "refused"),
        [
            ({}, True),
            ({"PERSISTENT_DISK": "true"}, False),
            ({"DATABASE_URL": "postgresql://shop@localhost/shop"}, False),
        ],
    )
    def test_a_disk_that_may_be_wiped_fails_the_deployment_check(self, environment, refused):
        found = "[error.id for error in __import__('storefront.ops.checks').ops.checks.disk(None)]"
        process = start(found, **environment)
        assert process.stdout.strip() == ("['storefront.E001']" if refused else "[]")


@pytest.mark.parametrize(
    ("url", "is_public"),
    [
        ("https://shop.example", "True"),
        ("https://203.0.113.9", "False"),  # of documents, and of no one
        ("https://8.8.8.8", "True"),
        ("https://[::1]", "False"),
        ("https://192.168.0.7:8443", "False"),
        ("https://shop.localhost", "False"),
        ("https://nas", "False"),
        ("http://shop.example", "False"),
        ("", "True"),
    ],
)
def test_an_address_tells_whether_strangers_find_it(url: str, is_public: str):
    assert setting("IS_PUBLIC", SITE_URL=url) == is_public


class TestTheMerchantsOwnLook:
    def test_links_keep_their_order_and_their_own_equals_signs(self):
        links = "Terms=https://a.example/?x=1, Imprint = https://a.example/i"
        found = "{'Terms': 'https://a.example/?x=1', 'Imprint': 'https://a.example/i'}"
        assert setting("SHOP_LINKS", SHOP_LINKS=links) == found

    def test_carriers_keep_their_order_and_the_place_of_the_number(self):
        carriers = "UPS = https://ups.example/?n={number}&x=1, DHL=https://dhl.example#{number}"
        found = (
            "{'UPS': 'https://ups.example/?n={number}&x=1', 'DHL': 'https://dhl.example#{number}'}"
        )
        assert setting("TRACKING_URLS", TRACKING_URLS=carriers) == found

    def test_colour_and_logo_are_taken_as_they_are(self):
        own = {"SHOP_ACCENT": "#A30", "SHOP_LOGO": "products/mouse.svg"}
        assert setting("SHOP_ACCENT, settings.SHOP_LOGO", **own) == "#A30 products/mouse.svg"


class TestSafeByDefault:
    def test_debug_is_off_and_cookies_need_https(self):
        names = "DEBUG settings.CSRF_COOKIE_SECURE settings.SECURE_SSL_REDIRECT"
        assert setting(names.replace(" ", ", ")) == "False True True"

    def test_the_sites_scheme_decides(self):
        names = "SESSION_COOKIE_SECURE, settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS"
        assert setting(names, SITE_URL="http://localhost:8000") == "False False 0"
        assert setting(names, SITE_URL="https://shop.example") == "True True 31536000"

    def test_cookies_of_an_https_site_belong_to_its_host_alone(self):
        names = "CSRF_COOKIE_NAME, settings.SESSION_COOKIE_NAME, settings.SHOPPER_COOKIE_NAME"
        assert setting(names) == "__Host-csrftoken __Host-sessionid __Host-shopper"
        assert setting(names, SITE_URL="http://localhost:8000") == "csrftoken sessionid shopper"

    @pytest.mark.parametrize(
        ("url", "hosts", "allowed"),
        [
            ("https://shop.example", "", ["shop.example"]),
            ("https://shop.example", "www.shop.example", ["shop.example", "www.shop.example"]),
            ("http://[::1]:8000", "", ["[::1]"]),
            (
                "https://käse.example",
                ".käse.example",
                [f"{dot}xn--kse-qla.example" for dot in (".", "")],
            ),
        ],
    )
    def test_the_sites_host_is_allowed(self, url: str, hosts: str, allowed: list[str]):
        assert setting("ALLOWED_HOSTS", SITE_URL=url, ALLOWED_HOSTS=hosts) == str(allowed)

    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("https://käse.example", "https://xn--kse-qla.example"),
            ("https://straße.example/", "https://xn--strae-oqa.example"),
            ("HTTPS://Shop.Example:443", "https://shop.example"),
            ("http://localhost:8000/", "http://localhost:8000"),
        ],
    )
    def test_an_address_is_taken_as_browsers_write_it(self, written: str, meant: str):
        assert setting("SITE_URL", SITE_URL=written) == meant

    def test_sqlite_waits_for_its_lock(self):
        options = setting('DATABASES["default"]["OPTIONS"]')
        assert "'transaction_mode': 'IMMEDIATE'" in options

    def test_sqlite_keeps_what_it_has_committed_when_the_power_fails(self):
        assert "PRAGMA synchronous=FULL" in setting('DATABASES["default"]["OPTIONS"]')

    def test_postgresql_is_pooled(self):
        url = "postgresql://ada:secret@db.example:5432/shop?sslmode=require"
        options = setting('DATABASES["default"]["OPTIONS"]', DATABASE_URL=url)
        assert "'pool'" in options
        assert "'sslmode': 'require'" in options

    def test_what_may_be_sent_in_a_minute_is_limited(self):
        known = "{'changes': (300, 30000), 'checkout:checkout-session': (6, 600), "
        assert setting("BUDGETS") == known + "'admin:login': (0, 10)}"
        own = {"BUYS_PER_MINUTE": "0", "LOGINS_PER_MINUTE": "3", "SHOPPERS_PER_ADDRESS": "2"}
        known = "{'changes': (300, 600), 'checkout:checkout-session': (0, 0), "
        assert setting("BUDGETS", **own) == known + "'admin:login': (0, 3)}"

    def test_requests_are_counted_in_redis_if_there_is_one(self):
        assert "locmem" in setting("CACHES")
        cache = setting("CACHES", CACHE_URL="rediss://:a,b;c@cache.example:6380/1")
        assert "'LOCATION': ['rediss://:a,b;c@cache.example:6380/1']" in cache
        assert "redis.RedisCache" in cache


class TestTheTests:
    def test_see_nothing_of_the_developers_own_environment(self):
        process = subprocess.run(
            [sys.executable, "-c", "import os, tools.environment; print(dict(os.environ))"],
            cwd=ROOT,
            env=dict.fromkeys(NAMES, "the-developers-own"),
            capture_output=True,
            text=True,
            check=True,
        )
        seen = ast.literal_eval(process.stdout)
        kept = {name for name, value in seen.items() if value == "the-developers-own"}
        assert kept == {"DATABASE_URL"}
