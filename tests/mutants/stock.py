"""Guards of the stock: nothing is sold that isn't there, and nothing comes back twice."""

from tests.mutants.mutant import DropConstraint, Mutant, Swap, mutant

SHELF = "storefront/stock.py"
PAYMENTS = "checkout/payments.py"
ORDERING = "checkout/ordering.py"
ADMIN = "storefront/admin.py"
STOCK = "checkout/test_stock"
SAME_MOMENT = "checkout/test_the_same_moment"

MUTANTS = [
    mutant(
        "more is put aside than there is",
        (SHELF, "filter(pk=product.pk, stock__gte=quantity)", "filter(pk=product.pk)"),
        at=STOCK,
    ),
    mutant(
        "an order is placed though nothing could be put aside",
        (
            SHELF,
            'if left.update(stock=F("stock") - quantity) != 1:',
            'if left.update(stock=F("stock") - quantity) > 1:',
        ),
        at=STOCK,
    ),
    mutant(
        "goods are put aside in the order of the cart",
        (SHELF, "in sorted(counted, key=lambda line: line[0].pk):", "in counted:"),
        at=STOCK,
    ),
    mutant(
        "goods come back in any order",
        (
            SHELF,
            'filter(order=order).order_by("product_id")',
            'filter(order=order).order_by("-product_id")',
        ),
        at=STOCK,
    ),
    mutant(
        "goods come back twice",
        (
            SHELF,
            "if Hold.objects.filter(pk=hold.pk).delete()[0]:",
            "if Hold.objects.filter(pk=hold.pk).delete():",
        ),
        at=SAME_MOMENT,
    ),
    mutant(
        "SoldOut keeps the order",
        (
            ORDERING,
            "            return _store_order(shopper, wanted, now)\n    except IntegrityError",
            "            try:\n"
            "                return _store_order(shopper, wanted, now)\n"
            "            except CannotOrder as error:\n"
            "                refused = error\n"
            "        raise refused\n"
            "    except IntegrityError",
        ),
        at=STOCK,
    ),
    mutant(
        "goods of an expired order stay aside",
        (
            PAYMENTS,
            "if won and fact in (Fact.FAILED, Fact.EXPIRED):",
            "if won and fact is Fact.FAILED:",
        ),
        at=STOCK,
    ),
    mutant(
        "goods of a failed payment stay aside",
        (
            PAYMENTS,
            "if won and fact in (Fact.FAILED, Fact.EXPIRED):",
            "if won and fact is Fact.EXPIRED:",
        ),
        at=STOCK,
    ),
    mutant(
        "news that changes nothing gives goods back",
        (PAYMENTS, "if won and fact in (", "if fact in ("),
        at=STOCK,
    ),
    mutant(
        "goods stay aside when no session could be opened",
        (ORDERING, "        _give_up(order)\n        if", "        if"),
        at=STOCK,
    ),
    mutant(
        "goods of an order that was replaced stay aside",
        (
            "checkout/models.py",
            "update(superseded_at=now)\n        self.give_back_stock()\n",
            "update(superseded_at=now)\n",
        ),
        at=STOCK,
    ),
    mutant(
        "the next try puts nothing aside",
        (ORDERING, "    _put_aside_again(order)\n    _keep(", "    _keep("),
        at=STOCK,
    ),
    # Either of the two guards is enough, so both are gone here.
    Mutant(
        "an order puts its goods aside twice",
        (
            Swap(ORDERING, "and not Hold.objects.filter(order=order.pk).exists():", ":"),
            DropConstraint("storefront/models.py", "an_order_holds_a_product_once"),
            DropConstraint(
                "storefront/migrations/0001_initial.py", "an_order_holds_a_product_once"
            ),
        ),
        at=STOCK,
    ),
    mutant(
        "a paid order puts goods aside again",
        (ORDERING, "is_waiting = order.lock(status=Order.Status.PENDING)", "is_waiting = True"),
        at=STOCK,
    ),
    mutant(
        "a click that fails returns the goods of one that has a session",
        (ORDERING, "    if order.lock(session_id=None):\n", "    if True:\n"),
        at=STOCK,
    ),
    mutant(
        "a session takes money for goods that were given back meanwhile",
        (
            ORDERING,
            "_refuse_the_superseded(order)\n            _put_aside_again(order)\n",
            "_refuse_the_superseded(order)\n",
        ),
        at=STOCK,
    ),
    mutant(
        "a session for goods that went meanwhile stays open",
        (ORDERING, "            gateway.close_session(session.id)\n", "            pass\n"),
        at=STOCK,
    ),
    mutant(
        "after goods that went meanwhile the old key is asked again",
        (
            ORDERING,
            "        order.begin_next_attempt(now)\n        if not settings",
            "        if not settings",
        ),
        at=STOCK,
    ),
    mutant(
        "late money takes no goods",
        (
            PAYMENTS,
            "if not order.counts_stock or stock.sell(order.pk):",
            "if stock.sell(order.pk) or True:",
        ),
        at=STOCK,
    ),
    mutant(
        "late money for goods that are gone is welcome",
        (
            PAYMENTS,
            "    except stock.SoldOut:\n        return False\n",
            "    except stock.SoldOut:\n        return True\n",
        ),
        at=STOCK,
    ),
    mutant(
        "goods that late money took stay aside",
        (PAYMENTS, "            stock.sell(order.pk)\n", ""),
        at=STOCK,
    ),
    mutant(
        "goods that are paid for stay aside",
        (
            SHELF,
            "return Hold.objects.filter(order=order).delete()[0] > 0",
            "return Hold.objects.filter(order=order).exists()",
        ),
        at=STOCK,
    ),
    mutant(
        "who has goods put aside is told that they are gone",
        ("storefront/models.py", "self.product.stock + self.held", "self.product.stock"),
        at=STOCK,
    ),
    mutant(
        "too few are not told in the cart",
        (
            "storefront/models.py",
            "return self.left is not None and self.left < self.quantity",
            "return False",
        ),
        at=STOCK,
    ),
    mutant(
        "the merchant's form overwrites the count",
        (ADMIN, "    if seen is None or product.stock is None:\n", "    if True:\n"),
        at=STOCK,
    ),
    mutant(
        "the merchant's form writes every field",
        (ADMIN, 'obj.save(update_fields=changed - {"stock"})', "obj.save()"),
        at=STOCK,
    ),
    mutant(
        "the merchant's form makes less than nothing",
        (
            ADMIN,
            'row.update(stock=Greatest(F("stock") + (product.stock - seen), 0))',
            'row.update(stock=F("stock") + (product.stock - seen))',
        ),
        at=STOCK,
    ),
]
