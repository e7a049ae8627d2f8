"""All addresses of the shop but those of its health, which storefront/security.py answers."""

from django.contrib import admin
from django.contrib.sitemaps.views import sitemap
from django.urls import include, path

from storefront import views
from storefront.sitemap import SITEMAPS

shop_front = (
    [
        path("", views.home, name="home"),
        path("products/<slug:slug>/", views.product, name="product"),
        path("cart/<int:pk>/", views.cart_line, name="cart-line"),
        path("brand.css", views.brand, name="brand"),
        path("robots.txt", views.robots, name="robots"),
        path("sitemap.xml", sitemap, {"sitemaps": SITEMAPS}, name="sitemap"),
        path("favicon.ico", views.favicon),
    ],
    "storefront",
)

handler400 = "storefront.errors.bad_request"
handler403 = "storefront.errors.forbidden"
handler404 = "storefront.errors.not_found"
handler500 = "storefront.errors.server_error"

urlpatterns = [
    path("", include(shop_front)),
    path("", include("checkout.urls")),
    path("admin/", admin.site.urls),
]
