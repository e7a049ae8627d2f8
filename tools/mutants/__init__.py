"""Mutants take the shop's guards out one by one: a test must notice each of them."""
