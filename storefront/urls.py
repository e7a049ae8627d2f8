"""All addresses of the shop; ops/health.py answers those of its health."""

from django.contrib import admin
from django.contrib.sitemaps.views import sitemap
from django.urls import include, path

from storefront import views
from storefront.ops import site_files
from storefront.sitemap import ShopSitemap

# The sitemap lists these, besides the products.
pages = [path("", views.home, name="home")]
sitemaps = {"shop": ShopSitemap(f"storefront:{page.name}" for page in pages)}

shop_front = (
    [
        *pages,
        path("c/<slug:slug>/", views.category, name="category"),
        path("products/<slug:slug>/", views.product, name="product"),
        path("cart/", views.cart, name="cart"),
        path("cart/<int:pk>/", views.cart_line, name="cart-line"),
        path("pictures/<slug:name>.webp", views.picture, name="picture"),
        path("brand.css", site_files.brand, name="brand"),
        path("robots.txt", site_files.robots, name="robots"),
        path("sitemap.xml", sitemap, {"sitemaps": sitemaps}, name="sitemap"),
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
