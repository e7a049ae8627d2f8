"""The merchant, who changes the shelf while people shop."""

from tools.shop_process import ShopProcess


class Merchant:
    """Sells a lamp for $40.00 that belongs to one test alone."""

    def __init__(self, shop: ShopProcess) -> None:
        self.shop = shop
        self.has_a_lamp = False

    def sells_a_lamp(self, stock: int | None = None) -> None:
        self.has_a_lamp = True
        lamp = f"name='Lamp', price_cents=4000, position=9, stock={stock}"
        self._do(f"Product.objects.create({lamp})")

    def asks_for_a_lamp(self, price_cents: int) -> None:
        self._do(f"Product.objects.filter(name='Lamp').update(price_cents={price_cents})")

    def withdraws_the_lamp(self) -> None:
        self._do("Product.objects.filter(name='Lamp').update(is_on_sale=False)")

    def clears_the_shelf(self) -> None:
        if self.has_a_lamp:
            self._do("Product.objects.filter(name='Lamp').delete()")

    def _do(self, code: str) -> None:
        code = f"from storefront.models import Product; {code}"
        self.shop.manage("shell", "--no-imports", "--command", code)
