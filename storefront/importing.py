"""Products from a CSV file, as spreadsheets write it: all of them, or none and the reasons.

A product is known by its `slug`, else by the one that its name makes. A column that is not there
leaves what is there; an empty cell clears it.
"""

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import batched
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.text import slugify

from storefront.exporting import COLUMNS, FORMULA
from storefront.models import Category, Product, free_slug
from storefront.money import NotAnAmount, parse_money

BATCH = 500
CATEGORY_NAME: Any = Category._meta.get_field("name")
MOST_PIECES = 2**31 - 1
PLAIN = frozenset(["name", "price", "stock", "variant", "description"])
ANOTHER_CHANGE = "another change came in between, or two kinds swap their words. Import it again."


class Refused(Exception):
    """The file can't be taken, and nothing was changed; `reasons` name the lines."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self.reasons = list(reasons)
        super().__init__("\n".join(["Nothing was changed.", *self.reasons]))


@dataclass(frozen=True)
class Imported:
    """How many products are new, have changed, and are as they were."""

    added: int
    changed: int
    unchanged: int

    def __str__(self) -> str:
        if not self.added and not self.changed:
            return f"Nothing changed: {self.unchanged} as they were."
        return f"{self.added} added, {self.changed} changed, {self.unchanged} as they were."


class Reasons(list[tuple[int, str]]):
    """Why the file is refused, each with its line."""

    def add(self, line: int, words: str) -> None:
        self.append((line, words))

    def raise_if_any(self) -> None:
        if self:
            raise Refused(f"line {line}: {words}" for line, words in sorted(self))


@dataclass
class Row:
    """One product of the file: what its cells say, and what of that is new."""

    line: int
    values: dict[str, Any]
    product: Product
    changed: set[str] = field(default_factory=set)

    @property
    def is_new(self) -> bool:
        return self.product.pk is None


def import_products(data: bytes) -> Imported:
    """Make the shelf what the file says. Raises Refused, and changes nothing then."""
    reasons = Reasons()
    cells = _cells_of(data, reasons)
    try:
        with transaction.atomic():
            known = {product.slug: product for product in Product.objects.all()}
            rows = _rows_of(cells, known, reasons)
            _relate(rows, known, reasons)
            reasons.raise_if_any()
            _note_categories(rows)
            _store(rows)
    except IntegrityError:
        raise Refused([ANOTHER_CHANGE]) from None
    added = sum("slug" in row.changed for row in rows)
    changed = sum(bool(row.changed) for row in rows) - added
    return Imported(added, changed, len(rows) - added - changed)


# ---- Reading


def _cells_of(data: bytes, reasons: Reasons) -> list[tuple[int, dict[str, str]]]:
    """Return the cells of each row by their column, and the line that it begins in."""
    text = _decoded(data)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] = []
    found, end = [], 0
    try:
        for cells in reader:
            line, end = end + 1, reader.line_num
            if not any(map(str.strip, cells)):
                continue
            if not columns:
                columns = _columns_of(cells, line)
            elif len(cells) != len(columns):
                reasons.add(line, f"has {len(cells)} cells, but the header has {len(columns)}.")
            else:
                found.append((line, dict(zip(columns, map(_plain, cells), strict=True))))
    except csv.Error as error:
        reasons.add(end + 1, f"can't be read ({error}). Is a quotation mark missing?")
    if not columns:
        reasons.add(1, "the file is empty.")
        reasons.raise_if_any()
    return found


def _decoded(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
        where = len(text.partition("\0")[0].encode())
    except UnicodeDecodeError as error:
        text, where = "\0", error.start
    if "\0" in text:
        line = data.count(b"\n", 0, where) + 1
        raise Refused([f"line {line}: this is not UTF-8. Save the file as “CSV UTF-8”."])
    return text


def _columns_of(cells: list[str], line: int) -> list[str]:
    columns = [cell.strip().casefold().replace(" ", "_") for cell in cells]
    reasons = Reasons()
    for column in [column for column in columns if column not in COLUMNS]:
        reasons.add(line, f"there is no column “{column}”. Columns are {', '.join(COLUMNS)}.")
    for column, times in Counter(columns).items():
        if times > 1 and column in COLUMNS:
            reasons.add(line, f"the column {column} is there {times} times.")
    if not {"name", "slug"} & {*columns}:
        reasons.add(line, "the column name is missing.")
    reasons.raise_if_any()
    return columns


def _plain(cell: str) -> str:
    """Return what the cell says, without the apostrophe that keeps it from being a formula."""
    is_marked = cell.startswith("'") and FORMULA.match(cell)
    return _trimmed(cell[1:] if is_marked else cell)


def _trimmed(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


# ---- What a row says


def _rows_of(
    cells: list[tuple[int, dict[str, str]]], known: Mapping[str, Product], reasons: Reasons
) -> list[Row]:
    rows: dict[str, Row] = {}
    for line, texts in cells:
        values = _values_of(line, texts, reasons)
        slug = texts.get("slug") or _slug_of(texts)
        if not slug:
            reasons.add(line, "slug: the name makes no address; write one, such as my-product.")
        elif slug in rows:
            reasons.add(line, f"is the same product as line {rows[slug].line}: {slug}.")
        else:
            product = known.get(slug) or Product(slug=slug)
            rows[slug] = Row(line, values, product)
            if rows[slug].is_new:
                rows[slug].changed.add("slug")
                for column in {"name", "price"} - {*texts}:
                    reasons.add(line, f"{column}: a new product needs one ({slug}).")
            _note_changes(rows[slug])
    return list(rows.values())


def _slug_of(texts: Mapping[str, str]) -> str:
    """Return the address that the name makes, as of a product that the desk adds."""
    variant = texts.get("variant", "") if texts.get("variant_of") else ""
    return slugify(Product(name=texts.get("name", ""), variant=variant).full_name)


def _values_of(line: int, texts: Mapping[str, str], reasons: Reasons) -> dict[str, Any]:
    """Read the cells; what can't be read is a reason, and no value."""
    values = {}
    for column, text in texts.items():
        try:
            values[column] = _value_of(column, text)
        except NotAnAmount as refusal:
            reasons.add(line, f"{column}: {refusal}")
        except ValidationError as refusal:
            reasons.add(line, f"{column}: {' '.join(refusal.messages)}")
    return values


def _value_of(column: str, text: str) -> Any:
    """Return what the cell says. Raises ValidationError or NotAnAmount."""
    if column != "description" and "\n" in text:
        raise ValidationError("It has more than one line.")
    if column == "price" and not text:
        raise ValidationError("It is empty.")
    if column == "price":
        return parse_money(text)
    if column == "stock":
        return _pieces(text)
    if column == "category":
        names = [name.strip() for name in next(csv.reader([text], delimiter=";"), [])]
        return [CATEGORY_NAME.clean(name, None) for name in names if name]
    if column == "variant_of" or (column == "slug" and not text):
        return text
    words: Any = Product._meta.get_field(column)
    return words.clean(text, None)


def _pieces(text: str) -> int | None:
    if text and not re.fullmatch("[0-9]{1,10}", text):
        raise ValidationError(f"“{text}” is no whole number; leave it empty not to count.")
    if text and int(text) > MOST_PIECES:
        raise ValidationError(f"“{text}” is more than {MOST_PIECES}.")
    return int(text) if text else None


def _note_changes(row: Row) -> None:
    """Write the plain values into the product, and note which are new."""
    for column in PLAIN & row.values.keys():
        name = "price_cents" if column == "price" else column
        stored = getattr(row.product, name)
        was = _trimmed(stored) if isinstance(stored, str) else stored
        if was != row.values[column]:
            setattr(row.product, name, row.values[column])
            row.changed.add(name)


# ---- Families


def _relate(rows: list[Row], known: Mapping[str, Product], reasons: Reasons) -> None:
    """Give variants their families. Afterwards a family is a parent and its variants."""
    products = {**known, **{row.product.slug: row.product for row in rows}}
    parents = _parents(rows, products, known, reasons)
    with_variants = set(parents.values())
    kinds = Counter((parents[slug], products[slug].variant) for slug in parents)
    for row in rows:
        slug, parent = row.product.slug, parents.get(row.product.slug)
        if parent is None:
            continue
        if parent == slug:
            reasons.add(row.line, "variant_of: a product can't be a variant of itself.")
        elif parent in parents:
            reasons.add(row.line, f"variant_of: {parent} is a variant itself.")
        elif slug in with_variants:
            reasons.add(row.line, f"variant_of: {slug} has variants, so it can't be one.")
        elif not row.product.variant:
            reasons.add(row.line, "variant: say which kind it is, such as M.")
        elif kinds[parent, row.product.variant] > 1:
            reasons.add(row.line, f"variant: {parent} has “{row.product.variant}” twice.")


def _parents(
    rows: list[Row],
    products: Mapping[str, Product],
    known: Mapping[str, Product],
    reasons: Reasons,
) -> dict[str, str]:
    """Return the parent's slug of each variant's, as the file will have left them."""
    slugs = {product.pk: product.slug for product in known.values()}
    of = {
        product.slug: slugs[product.variant_of_id]
        for product in known.values()
        if product.variant_of_id
    }
    for row in rows:
        if "variant_of" not in row.values:
            continue
        text, slug = row.values["variant_of"], row.product.slug
        parent = text if text in products else slugify(text)
        if text and parent not in products:
            reasons.add(row.line, f"variant_of: there is no product “{text}”.")
        elif of.get(slug, "") != parent:
            row.product.variant_of = products.get(parent)
            row.changed.add("variant_of")
            of[slug] = parent
            if not parent:
                del of[slug]
    return of


# ---- Categories


def _note_categories(rows: list[Row]) -> None:
    """Note the rows whose categories are others now, however their names are written."""
    if not any("category" in row.values for row in rows):
        return
    through = Product.categories.through.objects
    stored = defaultdict(set)
    for pk, name in through.values_list("product_id", "category__name"):
        stored[pk].add(name.casefold())
    for row in rows:
        names = {name.casefold() for name in row.values.get("category", ())}
        if "category" in row.values and names != stored[row.product.pk]:
            row.changed.add("categories")


def _categories(rows: list[Row]) -> dict[str, Category]:
    """Return the categories by their folded names; what is missing is made."""
    found: dict[str, Category] = {}
    for category in Category.objects.order_by("-position", "-pk"):
        found[category.name.casefold()] = category
    taken = set(Category.objects.values_list("slug", flat=True))
    for name in [name for row in rows for name in row.values["category"]]:
        if name.casefold() not in found:
            slug = free_slug(name, taken, otherwise="category")
            taken.add(slug)
            found[name.casefold()] = Category(name=name, slug=slug)
    Category.objects.bulk_create([category for category in found.values() if category.pk is None])
    return found


def _store_categories(rows: list[Row]) -> None:
    through = Product.categories.through
    for batch in batched(rows, BATCH):
        through.objects.filter(product__in=[row.product for row in batch]).delete()
    categories = _categories(rows)
    through.objects.bulk_create(
        [
            through(product=row.product, category=category)
            for row in rows
            for category in {categories[name.casefold()] for name in row.values["category"]}
        ],
        batch_size=BATCH,
    )


# ---- Writing


def _store(rows: list[Row]) -> None:
    """Write what is new: a field that the file does not change keeps what a sale made of it."""
    _lock(rows)
    new = [row.product for row in rows if row.is_new]
    Product.objects.bulk_create([product for product in new if not product.variant_of])
    Product.objects.bulk_create([product for product in new if product.variant_of])
    _update([row for row in rows if "slug" not in row.changed])
    _store_categories([row for row in rows if "categories" in row.changed])
    changes_families = any("variant_of" in row.changed for row in rows)
    if changes_families and Product.objects.filter(variant_of__variant_of__isnull=False).exists():
        raise Refused([ANOTHER_CHANGE])


def _lock(rows: list[Row]) -> None:
    """Keep other changes of these products waiting, in the order that sales take them in."""
    touched = [row.product for row in rows if row.changed]
    parents = [row.product.variant_of for row in rows if "variant_of" in row.changed]
    keys = sorted({product.pk for product in [*touched, *parents] if product and product.pk})
    for batch in batched(keys, BATCH):
        locked = Product.objects.select_for_update(no_key=True).filter(pk__in=batch)
        list(locked.order_by("pk").values_list("pk"))


def _update(rows: list[Row]) -> None:
    alike = defaultdict(list)
    for row in rows:
        alike[frozenset(row.changed - {"categories"})].append(row.product)
    for fields, products in alike.items():
        if fields:
            Product.objects.bulk_update(products, fields, batch_size=BATCH)
