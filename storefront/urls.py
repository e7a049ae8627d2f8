"""All addresses of the shop."""

from django.contrib import admin
from django.urls import include, path

from storefront import views

shop_front = (
    [
        path("", views.home, name="home"),
        path("cart/<int:pk>/", views.cart_line, name="cart-line"),
        path("healthz", views.healthz, name="healthz"),
        path("readyz", views.readyz, name="readyz"),
    ],
    "storefront",
)

urlpatterns = [
    path("", include(shop_front)),
    path("", include("checkout.urls")),
    path("admin/", admin.site.urls),
]
