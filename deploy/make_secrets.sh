#!/bin/sh
# Make the secrets of a new installation, one file each, in a new directory:
#
#     sh deploy/make_secrets.sh DIRECTORY [PREFIX]
#
# PREFIX stands before the names of the Redis hosts: in Kubernetes the chart's release
# and a hyphen. The directory is its owner's alone; the files can be read by others
# because containers see them, and only them, as the users that they run as.
set -eu
directory=$1
prefix=${2:-}

random() {
    od -An -tx1 -N32 /dev/urandom | tr -d ' \n'
}
digest() {
    printf %s "$1" | sha256sum | cut -d' ' -f1
}
write() {
    printf %s "$2" >"$directory/$1"
}

mkdir -m 700 "$directory"
umask 022
cache=$(random)
jobs=$(random)
client=$(random)
prometheus=$(random)
write LEAFPATH_CACHE_URL "redis://leafpath-cache:$cache@${prefix}redis-cache:6379/0"
write LEAFPATH_JOBS_URL "redis://leafpath-jobs:$jobs@${prefix}redis-jobs:6379/0"
write cache_key "$(random)"
write client_key "$client"
write prometheus_key "$prometheus"
write grafana_password "$(random)"
# No model is called "-": Prometheus may ask for metrics alone.
write api_keys "client $(digest "$client") *
prometheus $(digest "$prometheus") -"
sed -e "s/CACHE_PASSWORD_SHA256/$(digest "$cache")/" \
    -e "s/JOBS_PASSWORD_SHA256/$(digest "$jobs")/" \
    "$(dirname "$0")/redis/users.acl" >"$directory/users.acl"
