#!/usr/bin/env bash
# pre-commit.sh ARGUMENT... - mpt-validate, built when it is first needed
#
# pre-commit runs this in the repository that commits; the program is built in
# pre-commit's own copy of this project.
set -eu

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=$here/build/gate/mpt-validate
[[ -x $program ]] || "$here/gate/build.sh" "${program%/*}"
exec "$program" "$@"
