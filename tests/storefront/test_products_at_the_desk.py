"""Products at the desk: what a merchant types, what stays, and what is said of it."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db.models import F
from django.test import Client
from django.utils import timezone

from checkout.models import Order
from storefront import selling
from storefront.models import Category, Product
from storefront.money import largest_charge
from storefront.pictures import Picture, Rendition, body_of
from tests.cast import Shopper, deliver, event_about, picture_of, product
from tools.stripe_stand_in import StandIn

LIST = "/admin/storefront/product/"
Post = Callable[..., Any]


@pytest.fixture
def merchant(admin_client: Client) -> Client:
    return admin_client


def change(product: Product) -> str:
    return f"{LIST}{product.pk}/change/"


def sent_by(text: str) -> dict[str, Any]:
    """What a browser sends of the page's last form, if nobody touches it."""
    form = text.rpartition("<form")[2] if "changelist-form" not in text else text
    sent = {}
    for tag in re.findall(r"<input[^>]*>", form):
        said = {name: unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        is_off = said.get("type") in ("radio", "checkbox") and " checked" not in tag
        if not is_off and said.get("type") not in ("submit", "file") and "name" in said:
            sent[said["name"]] = said.get("value", "on" if " checked" in tag else "")
    areas = re.findall(r'<textarea name="([^"]*)"[^>]*>(.*?)</textarea>', form, re.S)
    return sent | {name: unescape(value).strip() for name, value in areas}


def changes(merchant: Client, product: Product, **fields: Any) -> Any:
    """Open the form, change some fields and save it."""
    page = change(product)
    return merchant.post(page, sent_by(merchant.get(page).text) | fields)


def errors_in(answer: Any) -> str:
    lists = re.findall(r'<ul class="errorlist[^>]*>(.*?)</ul>', answer.text, re.S)
    return " ".join(unescape(re.sub("<[^>]*>", " ", each)).strip() for each in lists)


def runs(merchant: Client, action: str, *chosen: Product, **fields: Any) -> Any:
    form = {"action": action, "_selected_action": [product.pk for product in chosen]}
    return merchant.post(LIST, form | fields, follow=True)


def stored(product: Product) -> Product:
    return Product.objects.get(pk=product.pk)


class TestAPrice:
    @pytest.mark.once
    def test_is_typed_as_people_write_it_and_shown_so(self, merchant: Client, mouse: Product):
        for cents, typed in enumerate(("1.00", "1,01", "$1.02", "1.03 USD", "19.99"), 100):
            assert changes(merchant, mouse, price_cents=typed).status_code == 302
            assert stored(mouse).price_cents == (1_999 if typed == "19.99" else cents)
        text = merchant.get(change(mouse)).text
        assert sent_by(text)["price_cents"] == "19.99"
        assert "In USD: $19.99." in text

    @pytest.mark.once
    def test_that_is_wrong_is_said_in_words_and_stays_to_be_mended(
        self, merchant: Client, mouse: Product
    ):
        answer = changes(merchant, mouse, price_cents="1,299", name="Rat")
        assert "“1,299” can be read in two ways: write 1299.00 if it is that." in errors_in(answer)
        assert 'value="1,299"' in answer.text
        assert 'value="Rat"' in answer.text
        assert stored(mouse).price_cents == 2_999

    @pytest.mark.parametrize("where", ["form", "list"])
    def test_that_somebody_else_has_changed_is_told_once(
        self, merchant: Client, mouse: Product, where: str
    ):
        address, name = (change(mouse), "price_cents")
        if where == "list":
            address, name = LIST, "form-0-price_cents"
        form = sent_by(merchant.get(address).text) | {name: "19.99", "_save": "Save"}
        Product.objects.update(price_cents=2_499)
        answer = merchant.post(address, form)
        assert "Meanwhile somebody has made it $24.99." in errors_in(answer)
        assert stored(mouse).price_cents == 2_499
        again = sent_by(answer.text) | {"_save": "Save"}
        assert again[name] == "19.99"
        assert merchant.post(address, again).status_code == 302
        assert stored(mouse).price_cents == 1_999

    @pytest.mark.parametrize("where", ["form", "list"])
    def test_that_was_left_alone_is_not_written(self, merchant: Client, mouse: Product, where: str):
        address, other = (change(mouse), "name") if where == "form" else (LIST, "form-0-position")
        form = sent_by(merchant.get(address).text) | {other: "7", "_save": "Save"}
        Product.objects.update(price_cents=2_499, is_on_sale=False)
        assert merchant.post(address, form).status_code == 302
        mouse = stored(mouse)
        assert (mouse.price_cents, mouse.is_on_sale) == (2_499, False)
        assert "7" in (mouse.name, str(mouse.position))

    @pytest.mark.parametrize(
        ("where", "name", "before", "after"),
        [
            ("form", "price_cents", 2_499, 1_999),
            ("list", "price_cents", 2_499, 1_999),
            ("form", "description", "Theirs.", "19.99"),
        ],
    )
    def test_that_changes_while_the_form_is_looked_at_is_looked_at_again(
        self,
        merchant: Client,
        mouse: Product,
        where: str,
        name: str,
        before: object,
        after: object,
        monkeypatch: pytest.MonkeyPatch,
    ):
        looks: list[Any] = []

        def save_form(self: Any, request: Any, form: Any, change: bool) -> Any:
            """Another hand is quicker, once; the savepoint that is left takes it back."""
            if not looks:
                Product.objects.update(**{name: before})
            looks.append(form)
            return form.save(commit=False)

        monkeypatch.setattr(admin.ModelAdmin, "save_form", save_form)
        address, field = (change(mouse), name) if where == "form" else (LIST, f"form-0-{name}")
        form = sent_by(merchant.get(address).text) | {field: "19.99", "_save": "Save"}
        assert merchant.post(address, form).status_code == 302
        assert (len(looks), getattr(stored(mouse), name)) == (2, after)

    @pytest.mark.once
    def test_of_another_currency_is_read_by_its_digits(
        self, merchant: Client, mouse: Product, settings
    ):
        settings.CURRENCY = "jpy"
        assert changes(merchant, mouse, price_cents="1.999").status_code == 302
        assert "too exact: JPY" in errors_in(changes(merchant, mouse, price_cents="19.99"))
        assert "¥1,999" in merchant.get(change(mouse)).text


class TestTheStock:
    @pytest.mark.parametrize(
        ("before", "fields", "after"),
        [
            (None, {"counts": "yes", "stock": "5"}, 5),
            (None, {"stock": "5"}, 5),
            (5, {"counts": "no"}, None),
            (5, {"counts": "no", "stock": "7"}, None),
            (5, {"stock": "7"}, 7),
            (5, {"status": "sold_out"}, 0),
            (None, {"status": "sold_out"}, 0),
            (0, {"stock": "3"}, 3),
            (0, {"status": "for_sale", "counts": "no"}, None),
        ],
    )
    def test_is_what_the_merchant_says(
        self, merchant: Client, before: int | None, fields: dict[str, str], after: int | None
    ):
        mug = product("Mug", stock=before)
        assert changes(merchant, mug, **fields).status_code == 302
        assert (stored(mug).stock, stored(mug).is_on_sale) == (after, True)

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("before", "fields", "words"),
        [
            (None, {"counts": "yes"}, "Write how many you have"),
            (5, {"stock": ""}, "Write how many you have"),
            (5, {"stock": "-1"}, "greater than or equal to 0"),
            (5, {"stock": "9999999999"}, "less than or equal to 2147483647"),
            (5, {"status": "sold_out", "stock": "7"}, "Sold out means that none is left"),
            (0, {"status": "for_sale"}, "Write how many you have"),
        ],
    )
    def test_that_does_not_fit_is_asked_for(
        self, merchant: Client, before: int | None, fields: dict[str, str], words: str
    ):
        mug = product("Mug", stock=before)
        assert words in errors_in(changes(merchant, mug, **fields))
        assert stored(mug).stock == before

    def test_tells_of_those_that_are_in_a_payment(
        self, stripe: StandIn, merchant: Client, ada: Shopper, mouse: Product
    ):
        Product.objects.update(stock=5)
        ada.puts(mouse, 3)
        ada.buys()
        text = merchant.get(change(mouse)).text
        assert "3 are in somebody's payment right now, and not among these." in text
        assert sent_by(text)["stock"] == "2"

    def test_of_the_list_is_counted_from_what_it_showed(self, merchant: Client):
        mug, tea = product("Mug", stock=5, position=0), product("Tea", position=1)
        text = merchant.get(LIST).text
        assert text.count('placeholder="not counted"') == 2
        form = sent_by(text) | {"form-0-stock": "10", "form-1-stock": "4", "_save": "Save"}
        Product.objects.filter(pk=mug.pk).update(stock=3)  # two were sold since
        assert merchant.post(LIST, form).status_code == 302
        assert (stored(mug).stock, stored(tea).stock) == (8, 4)

    def test_that_another_hand_stopped_counting_begins_anew(self, merchant: Client):
        mug = product("Mug", stock=5)
        form = sent_by(merchant.get(LIST).text) | {"form-0-stock": "10", "_save": "Save"}
        Product.objects.update(stock=None)
        merchant.post(LIST, form)
        assert stored(mug).stock == 10


class TestTheForm:
    def test_adds_a_product_with_a_new_category(self, merchant: Client):
        Category.objects.create(name="Tableware")
        form = sent_by(merchant.get(f"{LIST}add/").text)
        assert (form["status"], form["counts"]) == ("for_sale", "no")
        form |= {"name": "Mug", "price_cents": "9", "new_category": " tableWARE "}
        assert merchant.post(f"{LIST}add/", form).status_code == 302
        mug = Product.objects.get()
        assert (mug.price_cents, mug.stock, mug.is_on_sale) == (900, None, True)
        assert mug.categories.get().name == "Tableware"
        changes(merchant, mug, new_category="Gifts")
        assert {each.name for each in mug.categories.all()} == {"Tableware", "Gifts"}

    def test_leaves_the_stock_of_a_family_to_its_kinds(self, merchant: Client, mouse: Product):
        product("Mouse", variant="blue", variant_of=mouse)
        Product.objects.filter(pk=mouse.pk).update(stock=0)
        text = merchant.get(change(mouse)).text
        assert "Each kind has its own, below." in text
        assert 'value="sold_out"' not in text
        assert changes(merchant, mouse, name="Rat").status_code == 302

    @pytest.mark.parametrize("theirs", ["Theirs.\nOf two lines.", ""])
    def test_tells_once_of_a_text_that_somebody_else_has_changed(
        self, merchant: Client, mouse: Product, theirs: str
    ):
        Product.objects.update(description="Both saw it.")
        form = sent_by(merchant.get(change(mouse)).text) | {"description": "Mine."}
        Product.objects.update(description=theirs)
        answer = merchant.post(change(mouse), form)
        assert f"Meanwhile somebody {'wrote: “Theirs.' if theirs else 'has made it empty'}" in (
            errors_in(answer)
        )
        assert stored(mouse).description == theirs
        again = sent_by(answer.text)
        assert again["description"] == "Mine."
        assert merchant.post(change(mouse), again).status_code == 302
        assert (stored(mouse).description, "mine" in stored(mouse).search_text) == ("Mine.", True)

    def test_leaves_what_others_have_changed_and_it_has_only_shown(
        self, merchant: Client, mouse: Product
    ):
        kind = product("Mouse", variant_of=mouse, variant="blue", position=1)
        Product.objects.filter(pk=mouse.pk).update(description="One.\nTwo.")
        form = sent_by(merchant.get(change(mouse)).text) | {"price_cents": "9"}
        theirs = {
            **{"name": "Rat", "slug": "rat", "description": "Theirs.", "after_payment": "A key."},
            **{"picture": "", "needs_shipping": False, "tax_code": "txcd_99999999", "position": 7},
        }
        of_kind = {"variant": "red", "needs_shipping": False, "position": 2}
        Product.objects.filter(pk=mouse.pk).update(**theirs)
        Product.objects.filter(pk=kind.pk).update(**of_kind)
        # As browsers send it.
        form = {name: str(said).replace("\n", "\r\n") for name, said in form.items()}
        assert merchant.post(change(mouse), form).status_code == 302
        now, kind_now = Product.objects.values(*theirs, "price_cents", "variant").order_by("pk")
        assert now == theirs | {"price_cents": 900, "variant": ""}
        assert {name: kind_now[name] for name in of_kind} == of_kind

    def test_takes_it_off_sale_and_saves_what_was_typed(self, merchant: Client, mouse: Product):
        changes(merchant, mouse, price_cents="9", _off_sale="Take off sale")
        assert (stored(mouse).is_on_sale, stored(mouse).price_cents) == (False, 900)
        assert "Take off sale" not in merchant.get(change(mouse)).text

    @pytest.mark.once
    def test_shows_the_pictures_that_are_there_with_those_to_come(
        self, merchant: Client, mouse: Product
    ):
        picture_of(mouse, alt="red")
        text = merchant.get(change(mouse)).text
        order = [
            text.index(words) for words in (">What<", "Add pictures", ">Its pictures", ">Text<")
        ]
        assert order == sorted(order)
        assert {"uploaded_pictures-0-alt", "uploaded_pictures-0-position"} <= sent_by(text).keys()

    @pytest.mark.once
    def test_shows_all_in_words_to_who_may_only_look(self, mouse: Product):
        clerk, user = Client(), User.objects.create_user("clerk", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename="view_product"))
        clerk.force_login(user)
        for page in (LIST, change(mouse)):
            text = clerk.get(page).text
            assert "$29.99" in text
            assert "not counted" in text
            assert 'name="price_cents"' not in text
        assert clerk.get(f"{LIST}{mouse.pk}/page/").status_code == 200
        assert runs(clerk, "take_off_sale", mouse).status_code in (200, 403)
        assert stored(mouse).is_on_sale


class TestWhatWasSold:
    @pytest.fixture
    def sold(self, stripe: StandIn, ada: Shopper, mouse: Product) -> Product:
        ada.puts(mouse, 1)
        ada.buys()
        deliver(event_about(ada.order))
        return mouse

    def test_is_taken_off_sale_instead_of_deleted(
        self, merchant: Client, sold: Product, laptop: Product
    ):
        assert "deletelink" not in merchant.get(change(sold)).text
        assert "deletelink" in merchant.get(change(laptop)).text
        for answer in (
            merchant.post(f"{LIST}{sold.pk}/delete/", {"post": "yes"}, follow=True),
            runs(merchant, "delete_selected", sold, laptop, post="yes"),
        ):
            assert "take" in answer.text
            assert "off sale instead" in answer.text
        assert Product.objects.count() == 2
        runs(merchant, "delete_selected", laptop, post="yes")
        assert Product.objects.get() == sold

    def test_stays_as_a_kind_and_so_does_its_family(self, merchant: Client, sold: Product):
        family = product("Animals")
        Product.objects.filter(pk=sold.pk).update(variant_of=family, variant="mouse")
        form = {"variants-0-DELETE": "on"}
        assert "Sold before, so it stays" in errors_in(changes(merchant, family, **form))
        runs(merchant, "delete_selected", family, post="yes")
        assert Product.objects.count() == 2

    def test_is_not_what_an_order_came_to_nothing_with(self, merchant: Client, sold: Product):
        Order.objects.update(status="EXPIRED", paid_at=None)
        runs(merchant, "delete_selected", sold, post="yes")
        assert not Product.objects.exists()


class TestTheList:
    def test_filters_by_how_a_product_is_sold(self, merchant: Client, mouse: Product):
        category = Category.objects.create(name="Things")
        picture_of(mouse)
        mouse.categories.add(category)
        product("Hidden one", is_on_sale=False)
        product("Vase", stock=0, picture="products/mouse.svg")
        found = {
            "status=for-sale": {"Mouse"},
            "status=hidden": {"Hidden one"},
            "status=sold-out": {"Vase"},
            "status=no-picture": {"Hidden one"},
            f"categories__id__exact={category.pk}": {"Mouse"},
        }
        for query, names in found.items():
            text = merchant.get(f"{LIST}?{query}").text
            shown = re.findall(r'<th class="field-full_name"><a[^>]*>([^<]*)</a>', text)
            assert set(shown) == names, query

    def test_says_what_was_sold_lately(
        self,
        stripe: StandIn,
        merchant: Client,
        ada: Shopper,
        mouse: Product,
        monkeypatch: pytest.MonkeyPatch,
    ):
        product("Vase")
        for quantity in (2, 3):
            Order.objects.update(paid_at=F("paid_at") - timedelta(minutes=1))
            ada.puts(mouse, quantity)
            ada.buys()
            deliver(event_about(ada.order))
        cells = re.compile('<td class="field-sold_lately">(.*?)</td>')
        assert cells.findall(merchant.get(LIST).text) == ["5", "0"]
        monkeypatch.setattr(selling, "MOST_ORDERS", 1)
        assert cells.findall(merchant.get(LIST).text)[0] == "3 in the newest 1 orders"
        long_ago = timezone.now() - timedelta(days=31)
        Order.objects.update(paid_at=long_ago)
        assert cells.findall(merchant.get(LIST).text) == ["0", "0"]

    def test_asks_as_much_for_a_hundred_as_for_one(
        self, merchant: Client, mouse: Product, django_assert_max_num_queries
    ):
        family = product("Shirt")
        for number in range(20):
            kind = product("Shirt", variant=str(number), variant_of=family)
            picture_of(kind)
            kind.categories.add(Category.objects.create(name=f"Kind {number}"))
        merchant.get(LIST)
        with django_assert_max_num_queries(16):
            text = merchant.get(LIST).text
        assert text.count('src="/pictures/') == 20


class TestInBulk:
    def test_goes_off_sale_and_on_again(self, merchant: Client, mouse: Product, laptop: Product):
        assert "2 products taken off sale." in runs(merchant, "take_off_sale", mouse, laptop).text
        assert not Product.objects.filter(is_on_sale=True).exists()
        assert "1 product put on sale." in runs(merchant, "put_on_sale", mouse).text
        assert stored(mouse).is_on_sale
        assert "Put on sale." in merchant.get(f"{LIST}{mouse.pk}/history/").text

    @pytest.mark.parametrize(
        ("percent", "shown", "cents"),
        [
            ("-10", "$26.99", 2_699),
            ("12,5 %", "$33.74", 3_374),
            ("−100", "$0.00", 0),
            ("+0.01", "$29.99", 2_999),
        ],
    )
    def test_prices_change_by_a_percentage_that_is_shown_first(
        self, merchant: Client, mouse: Product, percent: str, shown: str, cents: int
    ):
        asked = runs(merchant, "change_prices", mouse)
        assert "Change by per cent" in asked.text
        answer = merchant.post(LIST, sent_by(asked.text) | {"percent": percent})
        assert "$29.99" in answer.text
        assert shown in answer.text
        assert stored(mouse).price_cents == 2_999
        merchant.post(LIST, sent_by(answer.text) | {"confirmed": "yes"})
        assert stored(mouse).price_cents == cents

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("percent", "words"),
        [
            ("", "required"),
            ("x", "no percentage"),
            ("-101", "below zero"),
            ("0", "changes nothing"),
            ("1001", "1000 is the most"),
            ("100", "the most that Stripe takes, would cost Mouse"),
        ],
    )
    def test_prices_that_cannot_be_are_refused(
        self, merchant: Client, mouse: Product, percent: str, words: str
    ):
        Product.objects.update(price_cents=largest_charge())
        answer = runs(merchant, "change_prices", mouse, percent=percent, confirmed="yes")
        assert words in errors_in(answer)
        assert stored(mouse).price_cents == largest_charge()

    def test_a_price_that_another_hand_has_changed_stays(
        self, merchant: Client, mouse: Product, laptop: Product
    ):
        answer = runs(merchant, "change_prices", mouse, laptop, percent="10")
        Product.objects.filter(pk=mouse.pk).update(price_cents=2_499)
        form = sent_by(answer.text) | {"_selected_action": [mouse.pk, laptop.pk], "confirmed": "1"}
        said = merchant.post(LIST, form, follow=True).text
        assert "1 price changed." in said
        assert re.search("so it stays as that made it: .?Mouse", said)
        assert (stored(mouse).price_cents, stored(laptop).price_cents) == (2_499, 109_999)

    @pytest.mark.parametrize(
        ("how", "after"), [("add", {"Old", "New"}), ("set", {"New"}), ("remove", {"Old"})]
    )
    def test_goes_into_a_category(
        self, merchant: Client, mouse: Product, how: str, after: set[str]
    ):
        old, new = (Category.objects.create(name=name) for name in ("Old", "New"))
        mouse.categories.set([old, new] if how == "remove" else [old])
        assert 'value="add"' in runs(merchant, "set_category", mouse).text
        fields = {"categories": new.pk, "how": how, "confirmed": "yes"}
        assert "1 product changed." in runs(merchant, "set_category", mouse, **fields).text
        assert {each.name for each in mouse.categories.all()} == after

    @pytest.mark.parametrize(
        ("said", "words", "after"),
        [
            ({"new_category": " Things  to hold", "how": "add"}, "1 product changed.", 1),
            ({"new_category": "Things", "how": "remove"}, "Nothing is in it yet", 0),
            ({"how": "add"}, "Please tick one, or name a new one.", 0),
        ],
    )
    def test_goes_into_a_category_that_is_made_for_it(
        self, merchant: Client, mouse: Product, said: dict[str, str], words: str, after: int
    ):
        assert words in runs(merchant, "set_category", mouse, confirmed="yes", **said).text
        names = [each.name for each in mouse.categories.all()]
        assert names == ["Things to hold"][:after]

    def test_is_copied_off_sale_with_pictures_and_kinds(self, merchant: Client, mouse: Product):
        picture = picture_of(mouse, alt="red")
        mouse.categories.add(Category.objects.create(name="Things"))
        product("Mouse", variant="blue", variant_of=mouse, stock=4)
        assert "Mouse (copy)" in runs(merchant, "duplicate", mouse).text
        copy = Product.objects.get(slug="mouse-copy")
        assert (copy.is_on_sale, copy.price_cents, copy.stock) == (False, 2_999, None)
        assert copy.categories.get().name == "Things"
        assert copy.variants.get().full_name == "Mouse (copy), blue"
        [own] = Picture.objects.filter(product=copy)
        assert (own.alt, own.digest) == ("red", picture.digest)
        assert Rendition.objects.filter(picture=own).count() == 3
        picture.delete()
        assert body_of(f"{own.digest}-480")
        runs(merchant, "duplicate", mouse, copy)
        names = set(Product.objects.filter(variant_of=None).values_list("name", flat=True))
        assert names == {"Mouse", "Mouse (copy)", "Mouse (copy 2)", "Mouse (copy) (copy)"}

    @pytest.mark.once
    def test_is_for_who_may(self, mouse: Product):
        clerk, user = Client(), User.objects.create_user("clerk", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename="change_product"))
        clerk.force_login(user)
        for action in ("duplicate", "delete_selected"):
            runs(clerk, action, mouse, post="yes")
        assert Product.objects.get() == mouse
