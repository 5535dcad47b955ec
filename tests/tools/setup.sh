#!/bin/sh
# Make .venv ready for `make lab`, `make test` and the rest, from whatever folder it is called.
#   PYTHON=python3.12 sh tests/tools/setup.sh
# .venv/stamp says what was installed: requirements.txt, pyproject.toml and the version of Python. As long as that is
# what would be installed, there is nothing to do.
#
# What works is never destroyed. Only a .venv that venv itself left half made is removed; where another Python is asked
# for, or the old one no longer starts, the old .venv waits in .venv-before and comes back if its successor fails.
#
# On Linux the ordinary index's PyTorch brings gigabytes of CUDA: without an NVIDIA GPU its CPU build comes from
# PyTorch's own index, where that can be reached. TORCH_INDEX names another one.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/../.."

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
asked_for() { [ -z "${PYTHON:-}" ] || [ "$(version "$PYTHON")" = "$(version .venv/bin/python)" ]; }
ready() { asked_for && wanted | cmp -s - .venv/stamp; }
has_pip() { .venv/bin/python -m pip --version >/dev/null 2>&1; }

may_write() {
    [ -w . ] || stop "$(id -un) may not write in $PWD, where .venv has to be made: copy the project to a folder of your own and run make there."
    [ ! -e .venv ] || [ -w .venv ] || stop "$PWD/.venv is out of date and $(id -un) may not change it: run make as its owner, or in a copy of the project without .venv."
}

# The lock belongs to the open file: the system takes it away when this shell and all that it started have ended.
lock() {
    exec 9<tests/tools/setup.sh
    "$1" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null && return
    echo "Another set-up is at work in this folder: waiting until it is done."
    "$1" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' 2>/dev/null || true
}

put_back() {
    [ -e .venv-before ] || return 0
    rm -rf .venv
    mv .venv-before .venv
    echo "The .venv of before is back in its place." >&2
}

make_environment() {
    python=$(choose_python) || exit 1
    "$python" -c 'import venv, ensurepip' 2>/dev/null || stop "$python has no venv module to make .venv with: on Debian or Ubuntu install it with 'sudo apt install python3-venv', then try again."
    if [ -e .venv ]; then mv .venv .venv-before; fi
    mkdir .venv
    : >.venv/half-made
    echo "Making .venv with Python $(version "$python")."
    "$python" -m venv .venv || stop "$python could not make .venv: see the lines above, then try again."
    rm .venv/half-made
}

has_nvidia() { [ -e /proc/driver/nvidia/version ] || nvidia-smi >/dev/null 2>&1; }

# The alarm also ends a name server's silence, which no time limit of Python's reaches.
answers() { .venv/bin/python -c 'import signal, sys, urllib.request as web; signal.alarm(6); web.urlopen(sys.argv[1], timeout=4)' "$1" 2>/dev/null; }

# The last thing that pip said it does, in one place of the screen, until this shell or its pip has ended.
follow() {
    while sleep 1 && kill -0 $$ 2>/dev/null; do
        printf '\r\033[K  %.76s' "$(grep -oE '(Collecting|Downloading|Installing) .*' .venv/pip.log | tail -n 1)"
    done
}

# pip's words go to .venv/pip.log. Of its packages most files are never imported: those that are, compile_imports compiles.
pip_install() {
    : >.venv/pip.log
    follower=""
    if [ -t 1 ]; then follow 9<&- & follower=$!; fi
    status=0
    .venv/bin/python -m pip install --disable-pip-version-check --no-compile "$@" >.venv/pip.log 2>&1 || status=$?
    if [ -n "$follower" ]; then kill "$follower"; printf '\r\033[K'; fi
    [ "$status" = 0 ] || failed
}

# Where PYTHONDONTWRITEBYTECODE is set, as in many containers, every kernel would otherwise compile them again: 7 s each.
compile_imports() {
    PYTHONDONTWRITEBYTECODE="" .venv/bin/python - >/dev/null 2>&1 <<'IMPORTS' || true
from compileall import compile_dir
from contextlib import suppress
from importlib import import_module

for name in (
    "jupyterlab.labapp", "jupyter_lsp.serverextension", "jupyter_server_terminals.app", "ipykernel.kernelapp",
    "ipykernel.debugger", "IPython.core.logger", "stack_data", "pygments.formatters.terminal256", "helpers.live",
    "helpers.search", "helpers.recommender", "distributed", "nbconvert.exporters", "nbclient", "pytest", "nbval.plugin",
    "xdist.plugin", "hypothesis", "playwright.sync_api",
):
    with suppress(Exception):
        import_module(name)
compile_dir("helpers")
IMPORTS
}

failed() {
    if grep -q "No space left" .venv/pip.log; then
        why="the disk is full"
    elif grep -E "ERROR|WARNING" .venv/pip.log | grep -qiE "connection|resolution|timed out|no matching distribution"; then
        why="is there a network?"
    else
        why=$(grep "^ERROR" .venv/pip.log | tail -n 1)
    fi
    stop "The installation did not finish (${why:-pip stopped}): .venv keeps what it had, pip's own words are in .venv/pip.log, and the next make tries again."
}

install() {
    rm -f .venv/stamp
    .venv/bin/python tests/tools/pins.py --mend
    torch=$(.venv/bin/python tests/tools/pins.py | grep '^torch==') || true
    if [ -n "$torch" ] && [ -z "${PIP_NO_INDEX:-}" ] && [ "$(uname -s)" = Linux ] && ! has_nvidia; then
        index=${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}
        if answers "$index/torch/"; then
            echo "No NVIDIA GPU here: installing PyTorch's CPU build, some 200 MB."
            pip_install --no-deps --index-url "$index" "$torch"
        else
            echo "PyTorch's own index ($index) cannot be reached: taking the PyTorch that pip finds elsewhere, which may be the far larger one for NVIDIA GPUs."
        fi
    fi
    echo "Installing requirements.txt into .venv: the first time this takes a minute or more."
    pip_install -r requirements.txt
    lacks=$(.venv/bin/python tests/tools/pins.py) || [ -z "$lacks" ] ||
        stop "pip reported no error, but .venv still lacks $(echo "$lacks" | head -n 1): see whether pip's settings (pip config list) install elsewhere."
    compile_imports
}

if ready; then exit 0; fi
may_write
if new_enough .venv/bin/python; then lock .venv/bin/python; else python=$(choose_python) || exit 1; lock "$python"; fi
trap put_back EXIT
trap 'exit 130' INT TERM HUP
put_back
if [ -e .venv/half-made ]; then rm -rf .venv; fi
if ready; then exit 0; fi

if [ ! -e .venv ]; then
    make_environment
elif [ ! -e .venv/pyvenv.cfg ]; then
    stop "$PWD/.venv is not a Python environment: move it away or rename it, then try again."
elif ! old=$(version .venv/bin/python) || ! asked_for; then
    make_environment
elif ! new_enough .venv/bin/python; then
    stop ".venv holds Python $old, and the course needs 3.11 or newer: move .venv away or name a Python with PYTHON=python3.12, then try again."
fi
has_pip || .venv/bin/python -m ensurepip >/dev/null 2>&1 ||
    stop ".venv has no pip and its Python cannot install one: move .venv away, then try again."
.venv/bin/python tests/tools/pins.py >/dev/null || install
wanted >.venv/stamp
rm -rf .venv-before
