#!/bin/sh
# Make .venv ready for `make lab`, `make test` and the rest; run it from the project's root.
#   PYTHON=python3.12 sh tests/tools/setup.sh
# It does nothing when .venv/stamp already says what would be installed: requirements.txt, pyproject.toml
# and the version of Python. An interrupted set-up leaves the word "unfinished" there and is made afresh.
set -eu

stop() { echo "$1" >&2; exit 1; }
version() { "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null; }
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

choose_python() {
    set -- python3.13 python3.12 python3.11 python3
    if [ -n "${PYTHON:-}" ]; then set -- "$PYTHON"; fi
    found=""
    for candidate in "$@"; do
        if new_enough "$candidate"; then echo "$candidate"; return; fi
        if old=$(version "$candidate"); then found="$candidate is Python $old"; fi
    done
    if [ -n "$found" ]; then
        stop "Epoch by Epoch needs Python 3.11 or newer, but $found: install a newer one from python.org, or name one with PYTHON=/path/to/python3."
    elif [ -n "${PYTHON:-}" ]; then
        stop "PYTHON=$PYTHON does not start a Python: name one of 3.11 or newer, for example PYTHON=python3.12."
    else
        stop "Epoch by Epoch needs Python 3.11 or newer and found no Python at all: install one from python.org, or name one with PYTHON=/path/to/python3."
    fi
}

wanted() { version .venv/bin/python && cat requirements.txt pyproject.toml; }
unfinished() { [ "$(head -n 1 .venv/stamp 2>/dev/null)" = unfinished ]; }
usable() { new_enough .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; }
asked_for() { [ -z "${PYTHON:-}" ] || [ "$(version "$PYTHON")" = "$(version .venv/bin/python)" ]; }

make_environment() {
    python=$(choose_python) || exit 1
    "$python" -c 'import venv, ensurepip' 2>/dev/null || stop "$python has no venv module to make .venv with: on Debian or Ubuntu install it with 'sudo apt install python3-venv', then try again."
    rm -rf .venv
    mkdir .venv
    echo unfinished >.venv/stamp
    echo "Making .venv with Python $(version "$python")."
    "$python" -m venv .venv || stop "$python could not make .venv: see the lines above, then try again."
}

if ! usable || unfinished || ! asked_for; then make_environment; fi
wanted | cmp -s - .venv/stamp && exit 0

echo "Installing requirements.txt into .venv: the first time this downloads PyTorch and takes a few minutes."
echo unfinished >.venv/stamp
.venv/bin/python -m pip install --disable-pip-version-check --quiet -r requirements.txt ||
    stop "The installation did not finish: see pip's lines above, then try again."
wanted >.venv/stamp
