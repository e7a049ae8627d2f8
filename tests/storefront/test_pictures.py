"""Pictures by upload: what a merchant sends, what is kept of it, and what shoppers see."""

from io import BytesIO
from typing import Any

from PIL import Image

from storefront.models import Product
from storefront.ops.photographs import developed
from storefront.pictures import Picture, add_pictures
from tests.cast import Shopper


def file_of(image: Image.Image, kind: str = "JPEG", **options: Any) -> BytesIO:
    file = BytesIO()
    image.save(file, kind, **options)
    file.seek(0)
    return file


def give_picture(product: Product, colour: str = "red", alt: str = "", width: int = 2_000) -> None:
    photograph = developed(file_of(Image.new("RGB", (width, width * 3 // 4), colour)))
    add_pictures(product, [(photograph, alt)])


class TestAPicture:
    def test_is_kept_by_everybody_for_ever(self, ada: Shopper, mouse: Product):
        give_picture(mouse)
        digest = Picture.objects.get().digest
        answer = ada.get(f"/pictures/{digest}-480.webp")
        assert answer.status_code == 200
        with Image.open(BytesIO(answer.content)) as image:
            assert (image.format, image.size) == ("WEBP", (480, 360))
        page = ada.get("/").text
        assert f"/pictures/{digest}-1600.webp 1600w" in page
        assert ada.get("/products/mouse/").status_code == 200
