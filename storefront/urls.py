"""All addresses of the shop; ops/health.py answers those of its health."""

from django.contrib import admin
from django.urls import include, path

from storefront import sitemap, views
from storefront.ops import site_files

shop_front = (
    [
        path("", views.home, name="home"),
        path("c/<slug:slug>/", views.category, name="category"),
        path("products/<slug:slug>/", views.product, name="product"),
        path("cart/", views.cart, name="cart"),
        path("cart/delivery/", views.delivery, name="delivery"),
        path("cart/<int:pk>/", views.cart_line, name="cart-line"),
        path("pictures/<slug:name>.webp", views.picture, name="picture"),
        path("pictures/<str:name>", views.logo, name="logo"),
        path("brand.css", site_files.brand, name="brand"),
        path("robots.txt", site_files.robots, name="robots"),
        path("sitemap.xml", sitemap.whole, name="sitemap"),
        path("sitemap-<slug:section>.xml", sitemap.part, name="sitemap-part"),
        path("favicon.ico", site_files.favicon),
    ],
    "storefront",
)

handler400 = "storefront.ops.error_pages.bad_request"
handler403 = "storefront.ops.error_pages.forbidden"
handler404 = "storefront.ops.error_pages.not_found"
handler500 = "storefront.ops.error_pages.server_error"

urlpatterns = [
    path("", include(shop_front)),
    path("", include("checkout.urls")),
    path("admin/", admin.site.urls),
]
