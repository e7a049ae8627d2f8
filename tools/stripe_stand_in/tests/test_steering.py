"""The stand-in in a process of its own, steered from another one."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools.stripe_stand_in import Refusal, RemoteStandIn, StandIn
from tools.stripe_stand_in.server import VERBS
from tools.stripe_stand_in.tests.shop import Shop, call, opened
from tools.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.once


ROOT = Path(__file__).resolve().parents[3]


class TestSteeringFromAnotherProcess:
    def test_every_verb_exists(self) -> None:
        assert [verb for verb in VERBS if not callable(getattr(StandIn, verb, None))] == []

    def test_it_does_what_the_stand_in_does(self, s: StandIn, shop: Shop) -> None:
        remote = RemoteStandIn(s.url)
        remote.hold()
        id = opened(s)
        assert remote.pay(id, email="bo@example.com")["payment_status"] == "paid"
        assert remote.refund(id, amount=100)["amount"] == 100
        remote.release(order="reversed")
        remote.wait_until_quiet()
        assert shop.heard[-1] == "completed"
        assert remote.sessions == s.sessions
        assert remote.events == s.events
        assert [d["status"] for d in remote.attempts] == [200] * len(shop.heard)
        assert remote.requests[0]["path"] == "/v1/checkout/sessions"

    def test_it_orders_faults_and_time(self, s: StandIn) -> None:
        remote = RemoteStandIn(s.url)
        before = remote.now()
        remote.advance(1000)
        assert remote.now() >= before + 1000
        remote.fault("GET", "/v1/events", status=500)
        assert call(s, "GET", "/v1/events")[0] == 500

    def test_what_is_refused_is_refused_there_too(self, s: StandIn) -> None:
        remote = RemoteStandIn(s.url)
        with pytest.raises(Refusal, match="No such"):
            remote.pay("cs_test_nobody")
        with pytest.raises(AttributeError):
            remote.steal("cs_test_nobody")
        with pytest.raises(TypeError):
            remote.pay()

    def test_a_form_from_a_web_page_moves_nothing(self, s: StandIn) -> None:
        id = opened(s)
        assert call(s, "POST", "/_stand_in/pay", {"id": id})[0] == 404
        assert s.session(id)["status"] == "open"


class TestRunningAlone:
    def test_it_says_how_to_start_the_shop_and_ends_politely(self) -> None:
        command = [sys.executable, "-u", "-m", "tools.stripe_stand_in", "--port", "0"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            said = ""
            for line in process.stdout:  # which ends with the process
                said += line
                if "Ctrl-C" in line:
                    break
            port = re.search(r"export STRIPE_API_BASE=http://localhost:(\d+)\n", said)
            assert port, said
            assert "$env:STRIPE_SECRET_KEY" in said
            assert RemoteStandIn(f"http://127.0.0.1:{port[1]}").sessions == {}
            process.send_signal(signal.SIGINT)
            assert "Nothing was charged" in process.communicate(timeout=PATIENCE_SECONDS)[0]
        assert process.returncode == 0
