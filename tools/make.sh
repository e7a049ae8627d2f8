#!/bin/sh
# Prepares this machine and runs the shop or its checks: tools/make.sh COMMAND, or make COMMAND.
# Commands are the functions at the end. REQUIRE_ALL=1 makes PostgreSQL, nginx, PgBouncer and a
# browser compulsory.
set -eu
cd "$(dirname "$0")/.."
bin=.venv/bin

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# ---- Python and its packages

is_new_enough() {  # Runs it: a shim on PATH may be there and still not work.
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' </dev/null >/dev/null 2>&1
}

find_python() {
    for python in "${PYTHON:-python3.13}" python3.13 python3.12 python3.14 python3 python \
        /usr/local/bin/python3 /opt/homebrew/bin/python3 /usr/bin/python3; do
        if is_new_enough "$python"; then
            printf '%s\n' "$python"
            return
        fi
    done
    fail 'No Python 3.12 or newer is found: install one (https://www.python.org/downloads/), or name yours, as in PYTHON=/path/to/python3 make run.'
}

make_venv() {
    if "$bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; then
        return
    fi
    python=$(find_python)
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        fail "$python comes without its venv module: install it (on Debian and Ubuntu: sudo apt-get install python3-venv), then try again."
    say "Making .venv with $("$python" --version) ..."
    "$python" -m venv --clear .venv
}

install() {  # The copy kept in .venv says what is installed, so an unchanged file costs nothing.
    for file in "$@"; do
        if ! cmp -s "$file" ".venv/$file"; then
            say "Installing $file ..."
            "$bin/python" -m pip install --quiet --disable-pip-version-check \
                --require-hashes -r "$file" ||
                fail "The packages of $file could not be installed: check the network (the message above says what failed), then try again."
            cp "$file" ".venv/$file"
        fi
    done
}

prepare_to_run() { make_venv; install requirements.txt; }
prepare_to_check() { make_venv; install requirements.txt requirements-dev.txt; }

# ---- Browser and PostgreSQL

a_browser_starts() { CHROMIUM=$("$bin/python" -m tools.chromium 2>/dev/null) && export CHROMIUM; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install_chromium_of_debian() {
    command -v apt-get >/dev/null && as_root true 2>/dev/null || return 1
    say "Installing Debian's Chromium ..."
    {
        as_root apt-get update
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y \
            --no-install-recommends chromium
    } </dev/null >&2
}

has_chromium() {
    a_browser_starts && return
    say 'No Chromium starts here; trying to download the one of Playwright ...'
    "$bin/python" -m playwright install chromium </dev/null >/dev/null 2>&1 &&
        a_browser_starts && return
    install_chromium_of_debian && a_browser_starts
}

# For Node 20 and newer; version 11 of html-validate asks for 22.
node_tools='html-validate@10.17.0 @stripe/cli@1.52.0'

install_node_tools() {  # Optional, even where all is required: they check HTML and the stand-in.
    [ "$(cat .venv/node/installed 2>/dev/null)" != "$node_tools" ] || return 0
    # shellcheck disable=SC2086
    command -v npm >/dev/null && say "Installing $node_tools ..." &&
        npm install --silent --no-audit --no-fund --prefix .venv/node $node_tools </dev/null >&2 &&
        printf '%s\n' "$node_tools" >.venv/node/installed ||
        say "No $node_tools, so what needs them is left out: install Node 20 or newer for that."
}

has_postgresql() { "$bin/python" -m tools.postgresql --find >/dev/null 2>&1; }

has_nginx_and_pgbouncer() {
    (PATH="$PATH:/usr/sbin:/usr/local/sbin"; command -v nginx && command -v pgbouncer) >/dev/null
}

keep_files_in_memory() {  # What tests write, 200 MB at most: a disk makes them take 5 % longer.
    [ -z "${TMPDIR:-}" ] || return 0
    free=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
    [ "${free:-0}" -ge 2000000 ] && folder=$(mktemp -d /dev/shm/tests-XXXXXX) || return 0
    trap 'rm -rf "$folder"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    chmod 711 "$folder"  # PostgreSQL does not run as root
    printf '#!/bin/sh\n' >"$folder/program" && chmod +x "$folder/program"
    # Some systems let nothing run there.
    ! "$folder/program" 2>/dev/null || export TMPDIR="$folder"
}

can_use() {  # can_use NAME TEST
    "$2" && return
    [ -z "${REQUIRE_ALL:-}" ] || fail "$1 is required here: install it, then try again."
    say "No $1 is found, so what needs it is left out: install it to test that as well."
    return 1
}

# ---- The commands

run() {
    prepare_to_run
    port=${PORT:-$(in_dot_env PORT)}
    port=${port:-8000}
    is_free "$port" ||
        fail "Port $port is taken or not allowed: pick another one, as in PORT=8001 make run."
    if [ -z "${DEBUG+set}" ] && [ -z "$(in_dot_env DEBUG)" ]; then
        export DEBUG=true
    fi
    say 'Bringing the database up to date ...'
    "$bin/python" manage.py migrate --verbosity 0
    "$bin/python" manage.py seed_products
    say "Serving the shop at http://localhost:$port (Ctrl-C ends it)."
    exec "$bin/python" manage.py runserver "$port"
}

in_dot_env() {
    [ ! -f .env ] || sed -n "s/^ *\(export  *\)\{0,1\}$1 *= *[\"']\{0,1\}\([^\"' #]*\).*/\2/p" .env | tail -n 1
}

is_free() {
    "$bin/python" -c 'import socket, sys; socket.create_server(("127.0.0.1", int(sys.argv[1])))' "$1" 2>/dev/null
}

lint() {
    prepare_to_check
    checks
}

checks() {
    say 'Checking format, style, imports, templates, types, migrations and settings ...'
    "$bin/ruff" format --quiet --check .
    "$bin/ruff" check --quiet .
    imports=$("$bin/lint-imports" --no-logo --no-cache 2>&1) || fail "$imports"
    templates "$bin/djade" --check --target-version 6.1
    as_in_production "$bin/python" -m mypy
    as_in_production "$bin/python" manage.py makemigrations --check --dry-run
    as_in_production "$bin/python" manage.py check --deploy --fail-level WARNING
}

templates() { find templates -name '*.html' -exec "$@" {} +; }

as_in_production() {  # Nothing of this machine's environment or .env gets in.
    env -i PATH="$PATH" HOME="${HOME:-/tmp}" READ_DOT_ENV=false SITE_URL=https://shop.example \
        ALLOWED_HOSTS=shop.example SECRET_KEY=only-for-checks-Zq7vR2mXw9Kd4TnYb8Hc3LfJs6Pg5AeUoViDlErMt \
        STRIPE_PUBLISHABLE_KEY=pk_live_checks STRIPE_SECRET_KEY=sk_live_checks \
        STRIPE_WEBHOOK_SECRET=whsec_checks DATABASE_URL=sqlite:///:memory: PERSISTENT_DISK=true "$@"
}

format() {
    prepare_to_check
    "$bin/ruff" format .
    "$bin/ruff" check --fix .
    templates "$bin/djade" --target-version 6.1
}

test_all() {
    prepare_to_check
    checks
    install_node_tools
    all='browser or not browser' verdict=passed
    keep_files_in_memory
    can_use Chromium has_chromium || all='not browser'
    say 'Testing on SQLite ...'
    on_sqlite $in_parallel -m "($all) and not fleet" || verdict='did not pass'
    ! can_use PostgreSQL has_postgresql || test_on_postgresql
    [ "$verdict" = passed ]
}

# Files stay whole, as their tests share servers, and in their order: see tests/conftest.py.
# One process more than there are cores, as many tests wait for a browser or for other processes.
in_parallel="--numprocesses=$(($(getconf _NPROCESSORS_ONLN) + 1)) --maxprocesses=4"
in_parallel="$in_parallel --dist=loadfile --no-loadscope-reorder"

test_on_postgresql() {  # Last, as the line that ends its summary ends the whole.
    say "On SQLite the tests $verdict. Testing on PostgreSQL what meets a database ..."
    can_use 'nginx with PgBouncer' has_nginx_and_pgbouncer || all="($all) and not fleet"
    "$bin/python" -m tools.postgresql "$bin/python" -m pytest $in_parallel \
        -m "($all) and not once" --output=test-results-postgresql || verdict='did not pass'
}

on_sqlite() (
    unset DATABASE_URL
    exec "$bin/python" -m pytest "$@"
)

prove() {
    prepare_to_check
    export PROVE=1
    set -- tests/proof tests/races/test_chaos.py tests/races/test_worker.py \
        tests/checkout/test_deliveries_of_all_shapes.py
    if can_use PostgreSQL has_postgresql; then
        say 'Proving on SQLite, which takes long ...'
        on_sqlite "$@"
        say 'Proving on PostgreSQL ...'
        exec "$bin/python" -m tools.postgresql "$bin/python" -m pytest "$@"
    fi
    on_sqlite "$@"
}

scale() {
    prepare_to_check
    export PROVE=1
    can_use PostgreSQL has_postgresql && can_use 'nginx with PgBouncer' has_nginx_and_pgbouncer ||
        fail 'Nothing is left to test without them.'
    exec "$bin/python" -m tools.postgresql "$bin/python" -m pytest tests/scaling
}

measure() {
    prepare_to_check
    exec "$bin/python" -m tools.scaling
}

mutants() {
    prepare_to_check
    can_use PostgreSQL has_postgresql || set -- --without-postgresql
    exec "$bin/python" -m tools.mutants "$@"
}

bench() {
    prepare_to_check
    can_use PostgreSQL has_postgresql || set -- --only SQLite
    exec "$bin/python" -m tools.bench "$@"
}

growth() {
    prepare_to_check
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    (export DATABASE_URL="sqlite:///$folder/shop.sqlite3" && a_grown_shop)
    ! can_use PostgreSQL has_postgresql ||
        "$bin/python" -m tools.postgresql --durable sh "$0" a_grown_shop
}

a_grown_shop() {  # On the empty database of DATABASE_URL.
    export SITE_URL=http://127.0.0.1 SECRET_KEY=only-for-measuring READ_DOT_ENV=false
    export LOG_LEVEL=ERROR
    say "Filling ${DATABASE_URL%%:*} ..."
    "$bin/python" manage.py migrate --verbosity 0
    "$bin/python" manage.py seed_products >/dev/null
    for measure in shelf fill routes waiting desk upgrade; do
        "$bin/python" -m tools.growth "$measure"
    done
}

# Of all platforms and all versions of Python that the shop runs on, which pip-tools can't do.
uv=uv==0.13.9

requirements() {  # --upgrade renews what the packages bring along as well.
    make_venv
    "$bin/python" -m pip install --quiet --disable-pip-version-check "$uv"
    for name in requirements requirements-dev; do
        "$bin/uv" pip compile --quiet --universal --python-version 3.12 --generate-hashes \
            --no-emit-index-url --no-emit-find-links --custom-compile-command 'make requirements' \
            --output-file "$name.txt" "$@" "$name.in"
    done
}

stripe() {
    prepare_to_check
    exec "$bin/python" -m tools.stripe_stand_in
}

clean() {
    rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis staticfiles test-results*
    find . -name __pycache__ -type d -prune -exec rm -rf {} +
}

case ${1:-} in
run | lint | format | prove | scale | measure | mutants | bench | growth | stripe | clean) "$1" ;;
requirements) "$@" ;;
a_grown_shop | find_python) "$1" ;;
test) test_all ;;
*) fail 'Which command? See: make help' ;;
esac
