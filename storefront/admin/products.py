"""The merchant's desk: the products."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from storefront.admin.bulk import InBulk
from storefront.admin.product_form import ProductForm, VariantRows
from storefront.admin.product_list import ListedProducts
from storefront.admin.rows import ListedRow, TypedMoney
from storefront.exporting import COLUMNS, exported_products
from storefront.importing import Refused, import_products
from storefront.models import Category, Product
from storefront.ops.shopper import shopper_of
from storefront.selling import sold_among
from storefront.stock import recount
from storefront.uploads import Pictures, develop_uploads
from storefront.views import PRODUCT, product_page


class ProductFile(forms.Form):
    file = forms.FileField(
        label="CSV file", help_text="Its columns: " + ", ".join(COLUMNS), widget=forms.FileInput
    )


class Variants(TypedMoney, admin.TabularInline):
    model = Product
    fk_name = "variant_of"
    form = ListedRow
    formset = VariantRows
    fields = ("variant", "price_cents", "stock", "needs_shipping", "is_on_sale", "position")
    extra = 1
    show_change_link, view_on_site = True, False
    verbose_name, verbose_name_plural = "kind", "kinds of it, each with its price and stock"


class ChangedMeanwhile(Exception):
    """Another hand has changed the price or a text since the form was looked at."""


@admin.register(Product)
class ProductAdmin(TypedMoney, InBulk, ListedProducts):
    form = ProductForm
    raw_id_fields = ("variant_of",)

    def get_fieldsets(self, request: HttpRequest, obj: Product | None = None) -> Any:
        if obj and not self.has_change_permission(request, obj):
            return [(None, {"fields": self.seen})]
        chosen = ("categories",) if Category.objects.exists() else ()
        more = ("slug", "needs_shipping", "after_payment", "tax_code", "position")
        return [
            ("What", {"fields": ("name", "price_cents", *chosen, "new_category", "status")}),
            ("Pictures", {"fields": ("new_pictures", "what_they_show")}),
            ("Text", {"fields": ("description",)}),
            ("Stock", {"fields": ("counts", "stock")}),
            (
                "More",
                {"classes": ("collapse",), "fields": (*more, "picture", "variant_of", "variant")},
            ),
        ]

    def get_inlines(self, request: HttpRequest, obj: Product | None) -> list[Any]:
        if not obj:
            return []
        pictures = [Pictures] if obj.uploaded_pictures.exists() else []
        has_kinds = not obj.variant_of_id and self.has_change_permission(request, obj)
        return [*pictures, *([Variants] if has_kinds else [])]

    def get_urls(self) -> Any:
        wrap = self.admin_site.admin_view
        pages = [
            path("<int:pk>/page/", wrap(require_safe(self.page)), name="storefront_product_page"),
            path("import/", wrap(self.import_view), name="storefront_product_import"),
            path("export/", wrap(require_safe(self.export_view)), name="storefront_product_export"),
        ]
        return [*pages, *super().get_urls()]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Take a file as `import_products` does, or say why not."""
        if not (self.has_add_permission(request) and self.has_change_permission(request)):
            raise PermissionDenied
        form = ProductFile(request.POST or None, request.FILES or None)
        reasons: list[str] = []
        if request.method == "POST" and form.is_valid():
            try:
                imported = import_products(form.cleaned_data["file"].read())
            except Refused as refused:
                reasons = refused.reasons
            else:
                messages.success(request, str(imported))
                return redirect("admin:storefront_product_changelist")
        context = self.admin_site.each_context(request) | {"opts": self.opts, "title": "Import"}
        context |= {"form": form, "reasons": reasons}
        return render(request, "admin/import_products.html", context)

    def export_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        headers = {"Content-Disposition": 'attachment; filename="products.csv"'}
        # With its mark: Excel would take it for another encoding.
        text = exported_products().encode("utf-8-sig")
        return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)

    def page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the product as shoppers see it, also while it is hidden."""
        product = get_object_or_404(Product.objects.with_family(), pk=pk)
        if not self.has_view_permission(request, product):
            raise PermissionDenied
        return render(request, PRODUCT, product_page(shopper_of(request), product))

    def view_on_site(self, product: Product) -> str:
        """Lead to its page; a form that was refused may have emptied its address."""
        stored = Product.objects.on_sale().filter(pk=product.pk).first()
        hidden = reverse("admin:storefront_product_page", args=[product.pk])
        return stored.get_absolute_url() if stored else hidden

    def has_delete_permission(self, request: HttpRequest, obj: Product | None = None) -> bool:
        """What was sold stays for the orders that name it."""
        may_delete = super().has_delete_permission(request, obj)
        return may_delete and not (obj and obj.pk and sold_among([obj]))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        product = self.get_object(request, object_id)
        if product and super().has_delete_permission(request) and sold_among([product]):
            words = f"{product} was sold before, so it stays: take it off sale instead."
            messages.warning(request, words)
            return redirect("admin:storefront_product_change", product.pk)
        answer: HttpResponse = super().delete_view(request, object_id, extra_context)
        return answer

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **options: Any
    ) -> Any:
        may_save = self.has_change_permission if object_id else self.has_add_permission
        if request.method == "POST" and may_save(request):
            develop_uploads(request)
        try:
            return super().changeform_view(request, object_id, *args, **options)
        except ChangedMeanwhile:  # now it is known, and told
            return super().changeform_view(request, object_id, *args, **options)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        context = {"title": "Products"} | (extra_context or {})
        try:
            return super().changelist_view(request, context)
        except ChangedMeanwhile:
            return super().changelist_view(request, context)

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        """Write what was changed and nothing else: a sale may have lowered the stock meanwhile."""
        if not change:
            obj.save()
            return
        row, changes = Product.objects.filter(pk=obj.pk), form.changes()
        looked_at = form.looked_at()
        wanted = {name: getattr(obj, name) for name in looked_at}
        if wanted and not row.filter(**looked_at).update(**wanted):
            raise ChangedMeanwhile
        of_row = {field.name for field in obj._meta.concrete_fields}
        if columns := (changes - {"stock", "price_cents"}) & of_row:
            obj.save(update_fields=columns)
        if "name" in changes:
            for kind in obj.variants.filter(name=form.initial["name"]):
                kind.name = obj.name
                kind.save(update_fields={"name"})
        if "stock" in changes:
            recount(obj, None if form.sells_out() else form.shown("stock"))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save the rows of kinds as their own forms are saved."""
        if formset.model is not Product:
            super().save_formset(request, form, formset, change)
            return
        formset.save(commit=False)  # notes what there is to do, for the history
        for product in formset.deleted_objects:
            product.delete()
        for row in formset.forms:
            if row.has_changed() and row not in formset.deleted_forms:
                row.instance.name = row.instance.name or form.instance.name
                self.save_model(request, row.instance, row, row in formset.initial_forms)
