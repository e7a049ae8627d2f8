"""The frame of the desk: whose it is, whether money moves, and the way about."""

import re
from pathlib import Path

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from merchant.desk import Desk
from tests.merchant.conftest import desk_of

STATIC = Path(__file__).parent.parent.parent / "static"
TOKEN = re.compile(r"(--[\w-]+):\s*([^;]+);")


def ways(desk: Client) -> list[str]:
    text = desk.get("/admin/").text
    nav = text.partition('aria-label="Desk">')[2].partition("</nav>")[0]
    return re.findall(r">([\w ]+)</a>", nav)


def test_the_desk_is_the_site_of_the_admin():
    assert isinstance(admin.site, Desk)


@pytest.mark.django_db
def test_it_says_whose_it_is_and_leads_about(settings: Settings):
    settings.SHOP_NAME, settings.SHOP_ACCENT = "Tea & <Co>", "#123456"
    client = Client()
    client.force_login(User.objects.create_superuser("merchant", password="for this test"))
    text = client.get("/admin/").text
    assert "<bdi>Tea &amp; &lt;Co&gt;</bdi>" in text
    assert 'href="/brand.css?%23123456"' in text
    assert ways(client)[:3] == ["Today", "Orders", "Products"]
    for page in (text, client.get("/admin/password_change/").text):
        for name in ("View shop", "Account", "Log out"):
            assert f">{name}</" in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("permissions", "shown"),
    [
        ([], ["Today"]),
        (["view_order"], ["Today", "Orders"]),
        (["change_product"], ["Today", "Products"]),
    ],
)
def test_it_leads_nobody_to_a_closed_door(permissions: list[str], shown: list[str]):
    assert ways(desk_of(*permissions)) == shown


def test_its_colours_are_the_shops():
    # On paper, further down, they are others.
    ours, shops = (
        dict(reversed(TOKEN.findall(" ".join((STATIC / name).read_text("utf-8").split()))))
        for name in ("desk.css", "storefront.css")
    )
    common = {*ours} & {*shops}
    assert {"--brand", "--on-brand", "--accent", "--paper", "--ink", "--alert"} <= common
    assert {name: ours[name] for name in common} == {name: shops[name] for name in common}
