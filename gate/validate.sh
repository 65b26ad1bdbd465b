#!/usr/bin/env bash
# validate.sh - the step of the Action that checks bundles
#
# MPT_PATHS and MPT_OPTIONS have one path or option a line; MPT_ALLOW_EMPTY says
# whether no bundle at all is good, too.  The exit status of mpt-validate is the
# step's, and goes to the output "status" before the step can fail.
set -u -o pipefail

# Set array $1 to the lines of $2 that are not empty.
lines()
{
	local -n into=$1
	local line

	into=()
	while IFS= read -r line; do
		line=${line%$'\r'}
		[[ ! $line ]] || into+=("$line")
	done <<<"$2"
}

paths=() options=()
lines paths "${MPT_PATHS-}"
lines options "${MPT_OPTIONS-}"
((${#paths[@]})) || paths=(.)

mpt-validate --format github "${options[@]}" -- "${paths[@]}" && status=0 ||
	status=$?
[[ ! ${GITHUB_OUTPUT-} ]] || echo "status=$status" >>"$GITHUB_OUTPUT"
if ((status == 3)) && [[ ${MPT_ALLOW_EMPTY-} == true ]]; then
	exit 0
fi
exit "$status"
