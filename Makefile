# One command each. The work itself is in tests/machine.sh.

.PHONY: help run test lint format prove scale measure mutants bench growth requirements stripe clean

help:  ## Show this list.
	@echo 'make COMMAND, where COMMAND is one of:'
	@sed -n 's/^\([a-z]*\):  *## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-12s %s\n", $$1, $$2 }'

run:  ## Serve the shop at http://localhost:8000; PORT=8001 make run picks another port.
	@sh tests/machine.sh run

test:  ## Check everything: lint, then all tests on SQLite and, where it is installed, PostgreSQL.
	@sh tests/machine.sh test

lint:  ## Check format, style, templates, types, migrations and the settings for production.
	@sh tests/machine.sh lint

format:  ## Format code and templates, and mend what can be mended by itself.
	@sh tests/machine.sh format

prove:  ## Play shoppers, Stripe and crashes against the shop: 100,000 steps and 200 kills a database.
	@sh tests/machine.sh prove

scale:  ## Restart, kill and update three processes behind nginx under load, 20 times with each pool.
	@sh tests/machine.sh scale

measure:  ## Measure how many purchases a second one and two workers carry; docs/scaling.md has them.
	@sh tests/machine.sh measure

mutants:  ## Take the shop's guards out one by one in a copy: does a test miss each of them?
	@sh tests/machine.sh mutants

bench:  ## Measure what each request costs, beside bare Django, on SQLite and PostgreSQL.
	@sh tests/machine.sh bench

growth:  ## Fill databases with a million orders, and measure what that costs; takes ten minutes.
	@sh tests/machine.sh growth

requirements:  ## Pin what requirements*.in name, and all that it brings along, with hashes.
	@sh tests/machine.sh requirements

stripe:  ## Start the stand-in for Stripe, to try real payments with neither keys nor network.
	@sh tests/machine.sh stripe

clean:  ## Remove what these commands made; your database and .env stay.
	@sh tests/machine.sh clean
