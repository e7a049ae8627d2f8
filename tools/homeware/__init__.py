"""Fills a shop with things for the home, and with photographs of them."""
