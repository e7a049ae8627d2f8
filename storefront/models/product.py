"""What is on the shelf."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any, Self

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import connection, models
from django.db.models import F, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils.text import slugify

from storefront import money
from storefront.models.category import Category, free_slug
from storefront.ops.spelling import searchable
from storefront.ops.static_files import is_collected
from storefront.pictures import Shown, show_pictures

LONGEST_NAME = 120
SEARCHED = frozenset(["name", "variant", "description"])
"""The fields of a product that its search text is made of."""
FAMILY = (
    *("any_variant", "family_is_on_sale", "family_picture", "family_slug"),
    *("variants_on_sale", "least_cents", "most_cents", "variant_left"),
)
"""What `with_family` and `read_kinds` read along."""
# In SQL, since the ORM takes as long to compile it as the page takes to be made.
KINDS = """
    SELECT variant_of_id, COUNT(*), MIN(price_cents), MAX(price_cents),
        MIN(CASE WHEN stock IS NULL OR stock > 0 THEN id END)
    FROM storefront_product WHERE variant_of_id IN ({}) AND is_on_sale GROUP BY variant_of_id
"""


class ProductQuerySet(models.QuerySet["Product"]):
    def on_sale(self) -> Self:
        """What has a page; a family that is off sale takes all its variants along."""
        return self.filter(is_on_sale=True).exclude(variant_of__is_on_sale=False)

    def on_shelf(self) -> Self:
        """What has a place of its own there: a variant is found at its family's."""
        return self.filter(is_on_sale=True, variant_of=None)

    def unread(self) -> Self:
        """Leave out the long texts that no page shows beside a product."""
        return self.defer("search_text", "after_payment")

    def with_variants(self) -> Self:
        """Read along what `has_variants` goes by, instead of asking for each product.

        Of EXISTS, PostgreSQL would rather read all variants than those of a page.
        """
        variants = Product.objects.filter(variant_of=OuterRef("pk")).order_by()
        return self.annotate(any_variant=Subquery(variants.values("pk")[:1]))

    def with_family(self) -> Self:
        """Read along what `is_for_sale` goes by."""
        return self.with_variants().annotate(
            family_is_on_sale=F("variant_of__is_on_sale"),
            family_picture=F("variant_of__picture"),
            family_slug=F("variant_of__slug"),
        )

    def bulk_create(self, objs: Iterable["Product"], *args: Any, **options: Any) -> list["Product"]:
        """Do what `save` does, which is not called here."""
        products = list(objs)
        taken = set(Product.objects.values_list("slug", flat=True))
        for product in products:
            product.slug = product.slug or free_slug(product.own_name, taken, otherwise="product")
            product.search_text = product.folded_text
            taken.add(product.slug)
        return super().bulk_create(products, *args, **options)

    def bulk_update(
        self, objs: Iterable["Product"], fields: Iterable[str], *args: Any, **options: Any
    ) -> int:
        products, names = list(objs), set(fields)
        if names & SEARCHED:
            names.add("search_text")
            for product in products:
                product.search_text = product.folded_text
        return super().bulk_update(products, sorted(names), *args, **options)

    def fold_again(self) -> int:
        """Renew the search texts that don't fit; return how many there were.

        Servers of the last release know of none, and `update` writes none.
        """
        changed = 0
        for product in self.only("pk", "search_text", *SEARCHED).order_by("pk").iterator():
            old, new = product.search_text, product.folded_text
            if old != new:  # unless another hand has written it since
                row = Product.objects.filter(pk=product.pk, search_text=old)
                changed += row.update(search_text=new)
        return changed


class Product(models.Model):
    """Something the shop sells; its price is in minor units of the shop's currency.

    A variant is a product as well, with its own price and stock. The product that it is a
    `variant_of` is one of the kinds itself if it has a `variant`, else only their common page.
    """

    # Of a family, where they were read along: `read_kinds`.
    variants_on_sale: int | None = None
    least_cents: int | None = None
    most_cents: int | None = None
    variant_left: int | None = None

    name = models.CharField(max_length=LONGEST_NAME)
    slug = models.SlugField(
        "address of the page",
        max_length=140,
        unique=True,
        blank=True,
        help_text="The end of its address; made from the name if you leave it empty. Changing it "
        "breaks links: the old address is not found any more.",
    )
    description = models.TextField(blank=True)
    price_cents = models.PositiveBigIntegerField(
        "price", validators=[MaxValueValidator(money.largest_charge)]
    )
    picture = models.CharField(
        max_length=200,
        blank=True,
        help_text="A file below static/, such as products/mouse.svg; four wide to three high.",
    )
    is_on_sale = models.BooleanField("on sale", default=True)
    stock = models.PositiveIntegerField(
        null=True, blank=True, help_text="How many are left; empty if you don't count them."
    )
    position = models.PositiveSmallIntegerField(default=0, help_text="Smaller numbers come first.")
    categories = models.ManyToManyField(Category, blank=True, related_name="products")
    # Defaults of the database, as servers of the last release still add products for a while.
    variant_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.CASCADE,  # a family goes as a whole; the desk lists it and asks first
        # The constraint below has one of what is a variant. SQLite would look for the many that
        # are none in this one, and then sort them.
        db_index=False,
        related_name="variants",
        help_text="The product of which this is one kind; empty for most.",
    )
    variant = models.CharField(
        max_length=60,
        blank=True,
        default="",
        db_default="",
        help_text="Which kind it is, such as “M, black”.",
    )
    after_payment = models.TextField(
        blank=True,
        default="",
        db_default="",
        help_text="Shown to the buyer once it is paid, such as how to get a file or a licence.",
    )
    needs_shipping = models.BooleanField(
        "needs delivery",
        default=True,
        db_default=True,
        help_text="Off for what is not sent, such as a file or a voucher.",
    )
    tax_code = models.CharField(
        max_length=20,
        blank=True,
        default="",
        db_default="",
        validators=[RegexValidator(r"^txcd_[0-9]{8}$", "Stripe’s codes look like txcd_99999999.")],
        help_text="Stripe’s code for what it is, such as txcd_99999999; empty for the account’s.",
    )
    search_text = models.TextField(blank=True, default="", db_default="", editable=False)

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ("position", "id")
        indexes = (
            models.Index(
                fields=("position", "id"),
                condition=Q(is_on_sale=True, variant_of=None),
                name="the_shelf_in_its_order",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("variant_of", "variant"),
                condition=Q(variant_of__isnull=False),
                name="a_product_has_each_variant_once",
                violation_error_message="There is such a variant already.",
            ),
            models.CheckConstraint(
                condition=Q(variant_of=None) | ~Q(variant_of=F("id")),
                name="a_product_is_no_variant_of_itself",
                violation_error_message="A product can't be a variant of itself.",
            ),
        )

    def __str__(self) -> str:
        return self.full_name

    def save(self, *, update_fields: Iterable[str] | None = None, **options: Any) -> None:
        """Give a new product its address, which stays when the name changes.

        What search looks through follows the words that it is made of.
        """
        if not self.slug:
            similar = Product.objects.filter(slug__startswith=slugify(self.own_name) or "product")
            taken = set(similar.values_list("slug", flat=True))
            self.slug = free_slug(self.own_name, taken, otherwise="product")
        if update_fields is None or SEARCHED & set(update_fields):
            self.search_text = self.folded_text
            update_fields = update_fields and {*update_fields, "search_text"}
        super().save(update_fields=update_fields, **options)

    def get_absolute_url(self) -> str:
        return reverse("storefront:product", args=[self.slug])

    @property
    def folded_text(self) -> str:
        """What search looks through: all spellings of a word are one there."""
        return searchable(f"{self.name} {self.variant} {self.description}")

    @cached_property
    def pictures(self) -> tuple[Shown, ...]:
        """The uploaded ones; a page with several products has called `show_pictures` for all."""
        show_pictures([self])
        pictures: tuple[Shown, ...] = vars(self)["pictures"]
        return pictures

    @property
    def values_beside(self) -> tuple[object, ...]:
        """What a part of a page shows of it besides its fields (fragment_cache)."""
        return (self.pictures, *map(vars(self).get, FAMILY))

    @property
    def full_name(self) -> str:
        """What is bought, such as T-shirt, M, black; it always fits into the line of an order."""
        if not self.variant:
            return self.name
        room = LONGEST_NAME - len(self.variant) - len(", ")
        name = self.name if len(self.name) <= room else f"{self.name[: room - 1]}…"
        return f"{name}, {self.variant}"

    @property
    def own_name(self) -> str:
        """What the address is made from: a family's says nothing of its first kind."""
        return self.full_name if self.variant_of_id else self.name

    @cached_property
    def any_variant(self) -> int | None:
        return self.variants.values_list("pk", flat=True).first() if self.pk else None

    @property
    def has_variants(self) -> bool:
        return self.any_variant is not None

    @cached_property
    def family_is_on_sale(self) -> bool | None:
        return self.variant_of.is_on_sale if self.variant_of else None

    @cached_property
    def family_picture(self) -> str | None:
        return self.variant_of.picture if self.variant_of else None

    @cached_property
    def family_slug(self) -> str | None:
        return self.variant_of.slug if self.variant_of else None

    @property
    def canonical_url(self) -> str:
        """The page that stands for all kinds of it, where others list it."""
        return reverse("storefront:product", args=[self.family_slug or self.slug])

    @cached_property
    def shown_description(self) -> str:
        """Its own words; a variant without any has its family's."""
        family = None if self.description else self.variant_of
        return family.description if family else self.description

    @property
    def is_choice(self) -> bool:
        """Whether it is the page of its variants alone: the shopper buys one of those."""
        return not self.variant and self.variant_of_id is None and self.has_variants

    @property
    def is_for_sale(self) -> bool:
        return self.is_on_sale and self.family_is_on_sale is not False and not self.is_choice

    @property
    def kind_count(self) -> int:
        return (self.variants_on_sale or 0) + bool(self.variant)

    @property
    def from_cents(self) -> int:
        """The price of the cheapest kind."""
        return min(self._prices_of_kinds, default=self.price_cents)

    @property
    def shown_cents(self) -> int:
        """The price on its page; what is only a choice has none itself."""
        return self.from_cents if self.is_choice else self.price_cents

    @property
    def has_one_price(self) -> bool:
        return len(self._prices_of_kinds) < 2

    @property
    def _prices_of_kinds(self) -> set[int]:
        own = None if self.is_choice else self.price_cents
        return {self.least_cents, self.most_cents, own} - {None}  # type: ignore[return-value]

    @property
    def is_sold_out(self) -> bool:
        """Whether none is left; of a choice, none of any kind."""
        return self.variant_left is None if self.is_choice else self.stock == 0

    @property
    def is_family_sold_out(self) -> bool:
        return self.variant_left is None and (self.is_choice or self.stock == 0)

    @property
    def kinds(self) -> list["Product"]:
        """The products on sale of its family, itself among them; none if it has no family."""
        if self.variant_of_id is None and not self.has_variants:
            return []
        family = self.variant_of_id or self.pk
        itself = Q(pk=family) & ~Q(variant="")
        return list(Product.objects.on_sale().filter(Q(variant_of=family) | itself))

    @property
    def picture_url(self) -> str:
        """Where its file is served; one that isn't there must not take the shop down.

        A variant without a picture shows its family's.
        """
        picture = self.picture or self.family_picture
        return staticfiles_storage.url(picture) if picture and is_collected(picture) else ""

    @property
    def shareable_picture(self) -> str:
        """Where other sites find one to show beside a link; they take no drawings."""
        if self.pictures:
            return self.pictures[0].largest
        return "" if self.picture_url.endswith(".svg") else self.picture_url

    def clean(self) -> None:
        self._refuse_a_variant_of_a_variant()
        if self.picture and not finders.find(self.picture):
            raise ValidationError({"picture": "There is no such file below static/."})

    def _refuse_a_variant_of_a_variant(self) -> None:
        """A family has one parent. Two forms at once that would make a chain wait for each other.

        They do so inside a transaction, as the desk's are.
        """
        if self.variant_of_id is None or self.variant_of is None:
            return
        if self.variant_of_id == self.pk:
            raise ValidationError({"variant_of": "A product can't be a variant of itself."})
        rows = Product.objects.filter(pk__in=[self.variant_of_id, self.pk or 0]).order_by("pk")
        if connection.in_atomic_block:
            rows = rows.select_for_update(no_key=True)
        stored = {row.pk: row for row in rows}
        parent = stored.get(self.variant_of_id, self.variant_of)
        if parent.variant_of_id or self.variant_of.variant_of_id:
            raise ValidationError(
                {"variant_of": f"{parent} is a variant itself, and can't have variants."}
            )
        if self.pk and self.variants.exists():
            raise ValidationError(
                {"variant_of": "This has variants, so it can't be a variant of another product."}
            )
        if not self.variant:
            raise ValidationError({"variant": "Say which kind it is, such as “M, black”."})


def read_kinds(products: Iterable[Product]) -> None:
    """Read what the cards of families show: how many kinds there are on sale, and their prices."""
    families = {product.pk: product for product in products if product.has_variants}
    if not families:
        return
    with connection.cursor() as cursor:
        cursor.execute(KINDS.format(", ".join(["%s"] * len(families))), [*families])
        for pk, *kinds in cursor.fetchall():
            family = families[pk]
            family.variants_on_sale, family.least_cents, family.most_cents = kinds[:3]
            family.variant_left = kinds[3]
