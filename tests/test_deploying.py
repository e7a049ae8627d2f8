"""A platform takes the code, the Procfile and an environment, and sells something with them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tools.http_shopper import HttpShopper
from tools.postgresql import free_port
from tools.shop_process import ShopProcess, new_database
from tools.signed_events import WEBHOOK, signed
from tools.stage import real_mode_with
from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.webhooks import SECRET
from tools.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.once

PROJECT = Path(__file__).parent.parent
SITE = "https://shop.example"


@dataclass(frozen=True)
class Platform:
    """One deployed shop: its code, its environment, and the port that the router asks.

    `shell` is for what no platform does, and what is done there already.
    """

    shell: ShopProcess
    folder: Path
    environment: dict[str, str]
    port: int
    stripe: StandIn

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self, line: str) -> list[str]:
        lines = dict(re.findall(r"(\w+): (.+)", (self.folder / "Procfile").read_text()))
        return ["sh", "-c", f"exec {lines[line]}"]  # or the shell alone is waited for

    def does(self, line: str) -> str:
        """Run a line of the Procfile that ends by itself; returns what it printed."""
        return run(self.command(line), self.folder, self.environment)

    @contextmanager
    def running(self, line: str) -> Iterator[None]:
        """Run one that stays, and end it as platforms do."""
        log = self.folder / f"{line}-{self.port}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.command(line),
                cwd=self.folder,
                env=self.environment | {"PORT": str(self.port)},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                yield
            except AssertionError as error:
                error.add_note(f"The {line} said:\n{log.read_text()}")
                raise
            finally:
                # Platforms tell all processes of a line, not only the shell that started them.
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(PATIENCE_SECONDS)
                finally:
                    if process.poll() is None:
                        os.killpg(process.pid, signal.SIGKILL)
                        process.wait()

    def answers(self, path: str) -> int:
        """Ask as the platform's health check does: by address, and without https."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0


def run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    result = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, as_in_production: dict[str, str]) -> Path:
    """The code alone, as a push brings it, after the build: which knows no secrets.

    What it would collect is there already.
    """
    folder = tmp_path_factory.mktemp("platform") / "app"
    unwanted = shutil.ignore_patterns(
        ".*", "__pycache__", "*.sqlite3*", "staticfiles", "test*", "node_*"
    )
    shutil.copytree(PROJECT, folder, ignore=unwanted)
    build = [sys.executable, "manage.py", "collectstatic", "--no-input", "--dry-run"]
    assert "static files" in run(build, folder, machine())
    shutil.copytree(as_in_production["STATIC_ROOT"], folder / "staticfiles")
    return folder


def machine() -> dict[str, str]:
    programs = Path(sys.executable).parent
    return {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": os.environ.get("HOME", "/tmp")}


@pytest.fixture(scope="module")
def platform(built: Path) -> Iterator[Platform]:
    with new_database(built.parent) as database, StandIn(secret=SECRET) as stripe:
        environment = machine() | {
            "SECRET_KEY": "only-for-this-platform-Zq7vR2mXw9Kd4TnYb8Hc3LfJs6Pg5AeUoViDlErMt",
            "SITE_URL": SITE,
            "DATABASE_URL": database,
            "TRUST_PROXY": "true",
            "WEB_CONCURRENCY": "2",
            "WORKER": "process",
            **real_mode_with(stripe.url),
        }
        shell = ShopProcess(folder=built, database_url=database, **environment)
        platform = Platform(shell, built, environment, free_port(), stripe)
        assert "Applying checkout" in platform.does("release")
        with ExitStack() as end, platform.running("web"):
            end.push(shell)
            shell.calls("seed_products")
            wait_until(lambda: platform.answers("/readyz") == 200, "web does not become ready")
            yield platform


@pytest.fixture
def ada(platform: Platform) -> HttpShopper:
    return HttpShopper(platform.url, SITE)


def buys_and_pays(ada: HttpShopper, platform: Platform) -> None:
    line = re.search(r'action="(/cart/\d+/)"', ada.sees().text)
    assert line
    assert ada.puts(int(line[1].split("/")[2]), 2).status == 303
    bought = ada.buys()
    assert bought.leads_to_payment
    session = list(platform.stripe.sessions)[-1]
    assert session in bought.location
    assert platform.stripe.session(session)["success_url"].startswith(SITE)
    platform.stripe.pay(session)


def is_paid(ada: HttpShopper) -> bool:
    return 'data-status="PAID"' in ada.sees().text


def test_a_purchase_goes_through_behind_the_router(platform: Platform, ada: HttpShopper):
    platform.stripe.listen(None)
    buys_and_pays(ada, platform)
    assert not is_paid(ada)
    [*_, event] = platform.stripe.events_of("checkout.session.completed")
    assert ada.asks("POST", WEBHOOK, *signed(event)).status == 200
    assert is_paid(ada)


@pytest.mark.parametrize(("line", "starts_it"), [("worker", "process"), ("web", "inline")])
def test_the_worker_finds_what_stripe_could_not_deliver(
    platform: Platform, ada: HttpShopper, line: str, starts_it: str
):
    forget_rounds = "from checkout.models import Heartbeat; Heartbeat.objects.all().delete()"
    platform.shell.runs(forget_rounds)
    # The router is passed by, so the shop refuses the host, and Stripe counts that as undelivered.
    platform.stripe.listen(f"{platform.url}/stripe/webhook/")
    buys_and_pays(ada, platform)
    wait_until(lambda: platform.stripe.attempts, "Stripe does not try")
    assert not is_paid(ada)
    environment = platform.environment | {"WORKER": starts_it}
    with replace(platform, environment=environment, port=free_port()).running(line):
        wait_until(lambda: is_paid(ada), "the worker does not find it")


def test_pages_have_the_files_that_the_build_collected(platform: Platform, ada: HttpShopper):
    style = re.search(r'rel="stylesheet" href="(/static/storefront\.\w+\.css)"', ada.sees().text)
    assert style
    assert ada.sees(style[1]).status == 200


def test_without_the_routers_https_a_page_redirects_to_it(platform: Platform):
    answer = HttpShopper(platform.url, SITE.replace("https", "http")).sees()
    assert (answer.status, answer.location) == (301, f"{SITE}/")


def test_a_second_release_finds_nothing_to_do(platform: Platform):
    release = platform.command("release")[-1].partition("manage.py ")[2]
    assert "No migrations to apply" in platform.shell.calls(*release.split())


def test_orders_in_a_file_are_refused_unless_its_disk_stays(built: Path):
    environment = machine() | {
        "SECRET_KEY": "x" * 25 + "0123456789" * 3,
        "SITE_URL": SITE,
        "STRIPE_PUBLISHABLE_KEY": "pk_live_1",
        "STRIPE_SECRET_KEY": "rk_live_1",
        "STRIPE_WEBHOOK_SECRET": SECRET,
    }
    check = [sys.executable, "manage.py", "check", "--deploy"]
    with pytest.raises(AssertionError, match=r"storefront\.E001"):
        run(check, built, environment)
    assert "no issues" in run(check, built, environment | {"PERSISTENT_DISK": "true"})


def test_the_lines_are_those_that_platforms_ask_for():
    lines = dict(
        line.split(": ", 1) for line in (PROJECT / "Procfile").read_text().splitlines() if line
    )
    assert list(lines) == ["release", "postdeploy", "web", "worker"]
    assert lines["release"] == lines["postdeploy"]
    health = json.loads((PROJECT / "app.json").read_text())["healthchecks"]["web"][0]["path"]
    assert health == "/readyz"


def test_render_asks_for_what_only_the_merchant_knows():
    asked = re.findall(r"key: (\w+).*\n +sync: false\n", (PROJECT / "render.yaml").read_text())
    assert {"SITE_URL", "STRIPE_SECRET_KEY"} <= set(asked)


def test_a_platform_pays_for_one_process():
    formation = json.loads((PROJECT / "app.json").read_text())["formation"]
    assert list(formation) == ["web"]
    assert re.findall(r"- type: (\w+)", (PROJECT / "render.yaml").read_text()) == ["web"]
