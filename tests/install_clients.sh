#!/bin/sh
# Make .venv/clients, the environment of the clients that the tests talk with, where it
# is missing or older than its list.
set -eu
here=$(dirname "$0")
home="$here/../.venv/clients"
[ "$home/.installed" -nt "$here/clients.txt" ] && exit 0
echo "installing the clients of other servers (half a gigabyte, once)"
"$here/../.venv/bin/python" -m venv "$home"
"$home/bin/python" -m pip install --quiet --requirement "$here/clients.txt"
touch "$home/.installed"
