"""What the staff needs to be allowed, where more than one page asks for it."""

SEE_ORDERS = ("checkout.view_order", "checkout.change_order")
SEE_PRODUCTS = ("storefront.view_product", "storefront.change_product")
# Whoever packs sees what an order comes to, and nothing more of its payment.
SEE_MONEY = "checkout.view_refund"
SEE_MESSAGES = "checkout.view_message"
SEE_EVENTS = "checkout.view_stripeevent"
