"""The guards of the shop, each taken out once: `python -m tests.mutants` says who misses it."""

from tests.mutants import (
    buying,
    forgetting,
    front,
    limits,
    link,
    money_back,
    orders,
    payments,
    stock,
    unwell,
    watching,
    worker,
)

MUTANTS = [
    *payments.MUTANTS,
    *money_back.MUTANTS,
    *orders.MUTANTS,
    *buying.MUTANTS,
    *stock.MUTANTS,
    *worker.MUTANTS,
    *forgetting.MUTANTS,
    *front.MUTANTS,
    *limits.MUTANTS,
    *link.MUTANTS,
    *unwell.MUTANTS,
    *watching.MUTANTS,
]
