"""What one process changes, the pages of all others show, although each keeps parts of them."""

import re
from pathlib import Path
from urllib.request import urlopen

import pytest

from tools.shop_process import ShopProcess, new_database


def pictures_on(page: str) -> set[str]:
    with urlopen(page) as answer:
        return {*re.findall(r"/pictures/(\w+)-480", answer.read().decode())}


@pytest.mark.once
def test_two_web_processes_show_a_new_picture_at_once(tmp_path: Path):
    with new_database(tmp_path) as url:
        one = ShopProcess(url).prepare()
        with one, ShopProcess(url) as other:
            shops = (one, other)
            assert [pictures_on(shop.url) for shop in shops] == [set(), set()]
            for number, colour in enumerate(["red", "blue"]):
                digest = one.adds_picture(colour)
                for shop in shops:
                    shown = pictures_on(f"{shop.url}/products/laptop/")
                    assert digest in shown
                    assert len(shown) == number + 1
                    with urlopen(f"{shop.url}/pictures/{digest}-1600.webp") as answer:
                        assert answer.headers["Cache-Control"].endswith("immutable")
            assert pictures_on(one.url) == pictures_on(other.url) != set()
