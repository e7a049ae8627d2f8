"""A shop after two years: fills its database, and measures what that costs its shoppers."""
