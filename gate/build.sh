#!/usr/bin/env bash
# build.sh FOLDER - build the mpt-validate of this copy of the project in FOLDER
#
# For the Action and the pre-commit hook that build what they run.  Where there
# is apt-get, and root or sudo, packages that are missing are installed.
set -eu

folder=${1:?usage: gate/build.sh FOLDER}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."

needed=()
command -v "${CC:-cc}" >/dev/null || needed+=(gcc libc6-dev)
command -v make >/dev/null || needed+=(make)
command -v pkg-config >/dev/null || needed+=(pkg-config)
pkg-config --exists zlib 2>/dev/null || needed+=(zlib1g-dev)
pkg-config --exists libcjson 2>/dev/null || needed+=(libcjson-dev)
pkg-config --exists libcrypto 2>/dev/null || needed+=(libssl-dev)
pkg-config --exists expat 2>/dev/null || needed+=(libexpat1-dev)
if ((${#needed[@]})); then
	root=()
	((EUID == 0)) || root=(sudo -n)
	echo "installing ${needed[*]}" >&2
	"${root[@]}" apt-get -q -y update >&2
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y install --no-install-recommends "${needed[@]}" >&2
fi
make -s B="$folder" "$folder/mpt-validate" >&2
[[ ! ${GITHUB_PATH-} ]] || echo "$folder" >>"$GITHUB_PATH"
