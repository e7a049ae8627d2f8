"""CSV files for spreadsheets; `importing` reads that of the products: nothing changes then."""

import csv
import io
import re
from collections.abc import Iterable
from decimal import Decimal

from storefront.models import Product
from storefront.money import decimal_amount

COLUMNS = ("name", "price", "stock", "category", "variant_of", "variant", "description", "slug")
# Spreadsheets would run such a cell as a formula; an apostrophe before it makes it text.
FORMULA = re.compile(r"'*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")


def exported_products() -> str:
    """Return all products, those off sale too."""
    products = Product.objects.select_related("variant_of").prefetch_related("categories")
    rows = map(_cells_of, products.iterator(chunk_size=500))
    return written([COLUMNS]) + written(rows)


def written(rows: Iterable[Iterable[object]], delimiter: str = ",", point: str = ".") -> str:
    """Return the rows as lines: texts are run by no spreadsheet, decimals have this point."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    for row in rows:
        writer.writerow(_cell(value, point) for value in row)
    return file.getvalue()


def joined(names: Iterable[str]) -> str:
    """Return the names as one cell; a name with a semicolon stands in quotation marks there."""
    file = io.StringIO()
    csv.writer(file, delimiter=";", lineterminator="").writerow(names)
    return file.getvalue()


def _cells_of(product: Product) -> tuple[str, ...]:
    return (
        product.name,
        decimal_amount(product.price_cents),
        "" if product.stock is None else str(product.stock),
        joined(category.name for category in product.categories.all()),
        product.variant_of.slug if product.variant_of else "",
        product.variant,
        product.description,
        product.slug,
    )


def _cell(value: object, point: str) -> object:
    if isinstance(value, str):
        return f"'{value}" if FORMULA.match(value) else value
    return str(value).replace(".", point) if isinstance(value, Decimal) else value
