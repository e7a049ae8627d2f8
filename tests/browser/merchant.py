"""The merchant, who changes the shelf while people shop."""

from typing import Any

from playwright.sync_api import Page, expect

from tools.shop_process import ShopProcess

LOGGED_IN: dict[str, tuple[str, str]] = {}
MOUSE = "products/mouse.svg"
HUNDRED_LETTERS = (
    "A lamp for the desk, the shelf and the windowsill, with a shade of linen and oak " * 2
)
PLAIN = {"price_cents": 4_000, "picture": MOUSE, "description": "Good company on a desk."}
ODD_PRODUCTS: dict[str, dict[str, Any]] = {
    "no picture": {"name": "Lamp", "picture": ""},
    "long name": {"name": HUNDRED_LETTERS[:100].strip() + "."},
    "one word": {
        "name": "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenhalternadelöhr"[:70]
    },
    "dear": {"name": "Grand piano", "price_cents": 99_999_999},
    "long text": {"name": "Encyclopedia", "description": "All that is known, and more. " * 334},
    "arabic": {"name": "مصباح مكتب 3", "description": "مصباح صغير للمكتب، يعمل 7 ساعات."},
    "sold out": {"name": "Vase", "stock": 0},
    "two left": {"name": "Bowl", "stock": 2},
}


class Merchant:
    """Sells a lamp for $40.00 that belongs to one test alone."""

    def __init__(self, shop: ShopProcess) -> None:
        self.shop = shop
        self.has_a_lamp = self.delivers = self.has_work = False

    def sends_parcels(self) -> None:
        """To Germany, for $4.90."""
        self.delivers = True
        self._do(
            "from storefront.models import ShippingRate;"
            "ShippingRate.objects.create(name='Parcel', countries='DE', amount_cents=490)"
        )

    def sends_two_ways(self) -> None:
        """To Germany and Austria for $4.90, and to Austria faster for $12.90."""
        self.delivers = True
        self._do(
            "from storefront.models import ShippingRate as Rate;"
            "Rate.objects.create(name='Parcel', countries='DE AT', amount_cents=490);"
            "Rate.objects.create(name='Express', countries='AT', amount_cents=1290, position=1)"
        )

    def sells_a_lamp(self, stock: int | None = None) -> None:
        """As if it were new, if there was one already."""
        self.has_a_lamp = True
        fields = f"dict(price_cents=4000, position=9, stock={stock}, is_on_sale=True)"
        self._do(f"Product.objects.update_or_create(name='Lamp', defaults={fields})")

    def sells_two_kinds_of_a_lamp(self) -> None:
        """One in brass, one in steel for $5 more; whoever has bought the steel one reads on.

        They stand on a shelf that is long enough to be searched.
        """
        self.has_a_lamp = True
        lamp = "name='Lamp', position=9, variant_of=lamp"
        self._do(
            "lamp = Product.objects.create(name='Lamp', price_cents=1, position=9);"
            f"Product.objects.create({lamp}, variant='brass', price_cents=4000, stock=0);"
            f"Product.objects.create({lamp}, variant='steel', price_cents=4500,"
            " after_payment='How to mount it: https://lamps.example/steel');"
            "Product.objects.bulk_create(Product(name=f'Shelf {n}', price_cents=100, position=9)"
            " for n in range(12))"
        )

    def asks_for_a_lamp(self, price_cents: int) -> None:
        self._do(f"Product.objects.filter(name='Lamp').update(price_cents={price_cents})")

    def withdraws_the_lamp(self) -> None:
        self._do("Product.objects.filter(name='Lamp').update(is_on_sale=False)")

    def clears_the_shelf(self) -> None:
        if self.has_work:
            self.has_done_it()
        if self.has_a_lamp:
            self._do("Product.objects.filter(position=9).delete()")
        if self.delivers:
            self._do(
                "from storefront.models import ShippingRate; ShippingRate.objects.all().delete()"
            )

    def sells_odd_things(self) -> None:
        """Put the eight beside the rest; each page address is the key, with dashes."""
        products = [
            {"slug": key.replace(" ", "-"), "position": 9, **PLAIN, **fields}
            for key, fields in ODD_PRODUCTS.items()
        ]
        self._do(f"Product.objects.bulk_create([Product(**fields) for fields in {products!r}])")

    def has_sold_nothing(self) -> None:
        self._do(
            "from checkout.models import *;"
            "Message.objects.all().delete(); Order.objects.all().delete()"
        )

    def has_a_lot_to_do(self) -> None:
        """Something of each kind; and a webhook was refused."""
        self._do(
            "from datetime import timedelta; from uuid import uuid4;"
            "from django.utils import timezone; from checkout.models import *;"
            "now = timezone.now(); sold = {'currency': 'usd', 'total_cents': 4_000};"
            "[Order.objects.create(shopper=uuid4(), status='PAID', paid_at=now - timedelta(days=n),"
            " shipping_name='Ada', ship_to={'city': 'Graz', 'country': 'AT'}, disputed_at=now,"
            " dispute_due_by=now, review_reason='Goods gone.', **sold) for n in range(3)];"
            "Product.objects.create(name='Lamp', price_cents=4000, position=9, stock=0);"
            "Message.objects.create(key='a/1', kind='order_confirmed', due_at=None, tries=1);"
            "Heartbeat.beat('books', note='books and Stripe differ in 1: order K7M2-PQ4X');"
            "Heartbeat.beat('refused', note='the signature does not fit')"
        )
        self.has_a_lamp = self.has_work = True

    def has_sold_abroad(self) -> None:
        """To two countries and in two currencies; one payment is settled in a third."""
        self._do(
            "from uuid import uuid4; from django.utils import timezone;"
            "from checkout.models import *;"
            "sold = {'status': 'PAID', 'paid_at': timezone.now(), 'shipping_name': 'Ada'};"
            "rows = [('usd', 4_000, 'AT', 117, 'usd'), ('usd', 9_000, 'DE', 205, 'eur'),"
            " ('jpy', 999_999_999, 'JP', None, '')];"
            "names = ('currency', 'total_cents', 'country', 'fee_cents', 'settlement_currency');"
            "[Order.objects.create(shopper=uuid4(), **sold, **dict(zip(names, r))) for r in rows]"
        )
        self.has_work = True

    def has_done_it(self) -> None:
        self._do(
            "from checkout.models import *; Heartbeat.objects.filter(name__in=['books', 'refused'])"
            ".delete(); Message.objects.filter(key='a/1').delete();"
            "Order.objects.filter(shipping_name='Ada').delete()"
        )

    def has_mailed_ada(self) -> None:
        """Know who bought last, by a name and an address of words that are too long for a phone."""
        self._do(
            "from checkout.models import Order; order = Order.objects.latest('created_at');"
            "order.email = 'Ada@example.com' + 'munication' * 6 + '.example';"
            "order.shipping_name = 'Ada ' + 'Lovelace' * 9; order.save()"
        )

    def opens_the_desk(self, page: Page) -> None:
        """Come in, by one session for each shop; what other tests have sold is shipped by now."""
        if self.shop.url not in LOGGED_IN:
            LOGGED_IN[self.shop.url] = self.shop.lets_a_merchant_in()
        self._do(
            "from django.utils import timezone; from checkout.models import Order;"
            "Order.objects.update(shipped_at=timezone.now())"
        )
        name, value = LOGGED_IN[self.shop.url]
        page.context.add_cookies([{"name": name, "value": value, "url": self.shop.url}])
        page.goto(f"{self.shop.url}/admin/")
        expect(page.get_by_role("link", name="View shop")).to_be_visible()

    def asks_stripe(self) -> None:
        """Have looked how the shop stands, as the worker does."""
        self._do("from checkout import doctor; doctor.ask_stripe()")

    def _do(self, code: str) -> str:
        return self.shop.runs(f"from storefront.models import Product; {code}")
