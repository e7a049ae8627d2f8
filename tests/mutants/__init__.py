"""The guards of the shop, each taken out once: `python -m tests.mutants` says who misses it."""

from tests.mutants import (
    buying,
    money_back,
    orders,
    payments,
    stock,
    worker,
)

MUTANTS = [
    *payments.MUTANTS,
    *money_back.MUTANTS,
    *orders.MUTANTS,
    *buying.MUTANTS,
    *stock.MUTANTS,
    *worker.MUTANTS,
]
