"""The parts of the shelf."""

from collections.abc import Collection
from itertools import chain, count
from typing import Any

from django.db import models
from django.urls import reverse
from django.utils.text import slugify


def free_slug(name: str, taken: Collection[str], otherwise: str) -> str:
    """Return an address made from the name that is none of those `taken`."""
    plain = slugify(name) or otherwise
    numbered = (f"{plain}-{number}" for number in count(2))
    return next(slug for slug in chain([plain], numbered) if slug not in taken)


class Category(models.Model):
    """A part of the shelf, with a page of its own."""

    name = models.CharField(max_length=60)
    slug = models.SlugField(
        max_length=80,
        unique=True,
        blank=True,
        help_text="The end of the page's address; made from the name if you leave it empty.",
    )
    position = models.PositiveSmallIntegerField(default=0, help_text="Smaller numbers come first.")

    class Meta:
        ordering = ("position", "name", "id")
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name

    def save(self, **options: Any) -> None:
        """Give a new category its address, which stays when the name changes."""
        if not self.slug:
            taken = set(Category.objects.values_list("slug", flat=True))
            self.slug = free_slug(self.name, taken, otherwise="category")
        super().save(**options)

    def get_absolute_url(self) -> str:
        return reverse("storefront:category", args=[self.slug])

    @classmethod
    def named(cls, name: str) -> "Category":
        """Return the category of this name, however its letters are written; make a missing one."""
        folded = name.casefold()
        alike = (each for each in cls.objects.all() if each.name.casefold() == folded)
        return next(alike, None) or cls.objects.create(name=name)
