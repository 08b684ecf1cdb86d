#!/bin/sh
# Installs everything opswright needs into .venv at this folder's root: locked versions, checked by hash.
# Needs python3 (3.11 to 3.14) and pip, or uv; changes nothing outside this folder. Quick when nothing has changed.
set -eu
cd "$(dirname "$0")"

say() { printf 'setup: %s\n' "$*" >&2; }
fail() {
    printf 'setup: error: %s\n' "$*" >&2
    exit 1
}

find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    fail "no Python 3.11 to 3.14 on PATH; install one (on Debian 12: apt-get install python3 python3-pip)"
}

# What pip is told about its index (its files and PIP_*) holds for uv too, unless uv has been told something itself.
pip_setting() {
    "$python" -m pip config list 2>/dev/null |
        sed -n "s/^\(:env:\|install\|global\)\.$1=['\"]\(.*\)['\"]\$/\2/p" | head -n 1 | sed 's/\\n/ /g'
}

adopt_pip_settings() {
    [ -z "${UV_INDEX:-}${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}${UV_EXTRA_INDEX_URL:-}${UV_CONFIG_FILE:-}" ] || return 0
    index=$(pip_setting index-url)
    extra=$(pip_setting extra-index-url)
    links=$(pip_setting find-links)
    cert=$(pip_setting cert)
    if [ -n "$index" ]; then export UV_DEFAULT_INDEX="$index"; fi
    if [ -n "$extra" ]; then export UV_INDEX="$extra"; fi
    if [ -n "$links" ]; then UV_FIND_LINKS=$(printf %s "$links" | tr -s ' ' ',') && export UV_FIND_LINKS; fi
    if [ -n "$cert" ]; then export SSL_CERT_FILE="${SSL_CERT_FILE:-$cert}"; fi
    # Every file is checked against the lock's hash, so any index that has it will do.
    export UV_INDEX_STRATEGY="${UV_INDEX_STRATEGY:-unsafe-best-match}"
}

adopt_certificates() {
    # The system's certificates, which know a company's own authority; uv by itself brings a fixed list.
    if [ -z "${SSL_CERT_FILE:-}" ] && [ -r /etc/ssl/certs/ca-certificates.crt ]; then
        export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
    fi
}

# A uv on PATH is used; otherwise pip puts one into .uv, which works where `pip install` and `python3 -m venv` do not.
find_uv() {
    if command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; then
        command -v uv
        return
    fi
    if ! .uv/bin/uv --version >/dev/null 2>&1; then
        "$python" -m pip --version >/dev/null 2>&1 ||
            fail "$python has no pip and there is no uv; install one (on Debian 12: apt-get install python3-pip)"
        say "fetching uv into .uv"
        "$python" -m pip install -q --disable-pip-version-check --root-user-action=ignore --target .uv --upgrade --require-hashes \
            -r requirements-uv.lock >&2 ||
            fail "pip could not fetch uv; is the package index reachable? ($python -m pip config list)"
    fi
    printf '%s\n' "$PWD/.uv/bin/uv"
}

installed() {
    cmp -s requirements.lock .venv/setup/requirements.lock && cmp -s pyproject.toml .venv/setup/pyproject.toml &&
        .venv/bin/opswright --version >/dev/null 2>&1
}

if [ "${1:-}" = uv ]; then # ./setup.sh uv ARGUMENTS: the same uv with the same settings, for scripts
    shift
    python=$(find_python)
    uv=$(find_uv)
    adopt_pip_settings
    adopt_certificates
    exec "$uv" "$@"
fi
if installed; then
    say ".venv is up to date"
    exit 0
fi

python=$(find_python)
uv=$(find_uv)
adopt_pip_settings
adopt_certificates
rm -rf .venv/setup
if ! .venv/bin/python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null; then
    say "making .venv with $python"
    "$uv" venv -q --clear --python "$python" .venv || fail "no environment could be made in $PWD/.venv"
fi
say "installing $(grep -c == requirements.lock) locked packages into .venv"
UV_COMPILE_BYTECODE=1 "$uv" pip sync -q --python .venv/bin/python --require-hashes requirements.lock ||
    fail "the packages could not be installed; is the package index reachable? (the lines above say which failed)"
"$uv" pip install -q --python .venv/bin/python --no-deps --no-build-isolation -e . ||
    fail "opswright itself could not be installed into .venv"
mkdir -p .venv/setup
cp requirements.lock pyproject.toml .venv/setup/
say "done: .venv/bin/opswright"
