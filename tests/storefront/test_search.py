"""Search: what is found, however it is spelled."""

import pytest

from storefront.models import Category, Product
from storefront.ops.spelling import searchable
from tests.cast import product

pytestmark = pytest.mark.django_db


class TestTheFoldedText:
    @pytest.mark.parametrize(
        ("written", "typed"),
        [
            ("Café", "cafe"),
            ("Cafe\N{COMBINING ACUTE ACCENT}", "CAFÉ"),
            ("Große STRASSE", "grosse straße"),
            ("GRO\N{LATIN CAPITAL LETTER SHARP S}", "gross"),
            ("İstanbul", "istanbul"),
            ("Smørrebrød", "smorrebrod"),
            ("ﬁne №", "fine no"),
            ("Ada’s soft\N{SOFT HYPHEN}ener", "ada's softener"),
            (" a\tb\x00c\N{NO-BREAK SPACE}d ", "A B C D"),
            ("ПРИВЕТ", "привет"),
        ],
    )
    def test_is_one_for_all_spellings(self, written: str, typed: str):
        assert searchable(written) == searchable(typed)

    def test_follows_each_way_to_write_a_product(self):
        mug = product("Mug")
        mug.name, mug.description = "Tasse", "Weiß"
        mug.save(update_fields=["name", "description"])
        pot, *_ = Product.objects.bulk_create([Product(name="Kännchen", price_cents=1)])
        lid = product("Lid")
        lid.variant = "Größe M"
        Product.objects.bulk_update([lid], ["variant"])
        texts = [Product.objects.get(pk=found.pk).search_text for found in (mug, pot, lid)]
        assert texts == ["tasse weiss", "kannchen", "lid grosse m"]

    def test_of_another_hand_is_mended(self):
        product("Mug")
        Product.objects.update(name="Écran", search_text="")
        assert Product.objects.fold_again() == 1
        assert Product.objects.get().search_text == "ecran"
        assert Product.objects.fold_again() == 0


class TestACategory:
    def test_gets_an_address_of_its_own(self):
        made = [Category.objects.create(name=name).slug for name in ("Küche", "Küche", "厨房")]
        assert made == ["kuche", "kuche-2", "category"]
