"""Registers the checkout's deployment check and its metrics."""

from django.apps import AppConfig


class CheckoutConfig(AppConfig):
    name = "checkout"

    def ready(self) -> None:
        from checkout import checks  # noqa: F401  (registers the deployment check)
        from checkout.metrics import OrdersAndEvents
        from storefront.ops.metrics import scrape_registry

        scrape_registry.register(OrdersAndEvents())
