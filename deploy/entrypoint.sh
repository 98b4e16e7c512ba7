#!/bin/sh
# Run leafpath with those of its settings that hold passwords read from files: the file
# LEAFPATH_CACHE_URL in $CREDENTIALS_DIRECTORY becomes the variable of that name.
set -eu
for file in "$CREDENTIALS_DIRECTORY"/LEAFPATH_*; do
    if [ -f "$file" ]; then
        value=$(cat "$file")
        export "${file##*/}=$value"
    fi
done
exec leafpath "$@"
