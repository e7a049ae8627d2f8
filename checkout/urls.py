"""Addresses of orders, payment and Stripe's webhook."""

from django.urls import path

from checkout import views, webhooks

app_name = "checkout"

urlpatterns = [
    path("create-checkout-session/", views.create_checkout_session, name="checkout-session"),
    path("orders/", views.orders, name="orders"),
    path("orders/lost/", views.lost_order, name="lost-order"),
    path("orders/<uuid:pk>/", views.order, name="order"),
    path("orders/<uuid:pk>/link/", views.order_link, name="order-link"),
    path(
        "orders/<uuid:pk>/link/revocation/",
        views.order_link_revocation,
        name="order-link-revocation",
    ),
    path("receipts/<str:token>/", views.receipt, name="receipt"),
    path("stripe/webhook/", webhooks.stripe_webhook, name="stripe-webhook"),
    # Without the slash too: a redirect would make Stripe give up.
    path("stripe/webhook", webhooks.stripe_webhook),
]
