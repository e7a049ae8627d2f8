# One command each. The work itself is in tools/make.sh.

.PHONY: help run test lint format prove scale measure mutants bench growth requirements stripe clean

help:  ## Show this list.
	@echo 'make COMMAND, where COMMAND is one of:'
	@sed -n 's/^\([a-z]*\):  *## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-12s %s\n", $$1, $$2 }'

run:  ## Serve the shop at http://localhost:8000; PORT=8001 make run picks another port.
	@sh tools/make.sh run

test:  ## Check everything: lint, then all tests on SQLite and, where it is installed, PostgreSQL.
	@sh tools/make.sh test

lint:  ## Check format, style, imports, templates, types, migrations and the settings for production.
	@sh tools/make.sh lint

format:  ## Format code and templates, and mend what can be mended by itself.
	@sh tools/make.sh format

prove:  ## Play shoppers, Stripe and crashes against the shop: 100,000 steps and 200 kills a database.
	@sh tools/make.sh prove

scale:  ## Restart, kill and update three processes behind nginx under load, 20 times with each pool.
	@sh tools/make.sh scale

measure:  ## Measure how many purchases a second one and two workers carry; docs/scaling.md has them.
	@sh tools/make.sh measure

mutants:  ## Take the shop's guards out one by one in a copy: does a test miss each of them?
	@sh tools/make.sh mutants

bench:  ## Measure what each request costs, beside bare Django, on SQLite and PostgreSQL.
	@sh tools/make.sh bench

growth:  ## Fill databases with a million orders, and measure what that costs; takes a quarter of an hour.
	@sh tools/make.sh growth

requirements:  ## Pin what requirements*.in name, and all that it brings along, with hashes.
	@sh tools/make.sh requirements

stripe:  ## Start the stand-in for Stripe, to try real payments with neither keys nor network.
	@sh tools/make.sh stripe

clean:  ## Remove what these commands made; your database and .env stay.
	@sh tools/make.sh clean
