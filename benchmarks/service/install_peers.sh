#!/bin/sh
# Make .venv/peers/NAME, an environment a peer, where it is missing: `python -m
# benchmarks service` measures those that it finds. Two gigabytes.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)

install() {
	name=$1
	shift
	home="$root/.venv/peers/$name"
	[ -e "$home/.installed" ] && return
	echo "installing $name"
	"$root/.venv/bin/python" -m venv "$home"
	"$home/bin/python" -m pip install --quiet "$(grep ^onnxruntime= "$root/constraints.txt")" "$@"
	touch "$home/.installed"
}

install mlserver mlserver==1.7.1
install kserve kserve==0.21.0
install litserve litserve==0.2.19
install bentoml bentoml==1.4.40
