# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Sourced by the other scripts: where things are, how to say things, and apt.

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${BUILD:-$top/build}
[[ $build == /* ]] || build=$top/$build
export LC_ALL=C

# The kernels that guests boot: Debian 12's own and the newer one it offers.
# shellcheck disable=SC2034 # used by those who source this
kernel_series=(6.1 6.12)

say() { echo "${0##*/}: $*"; }
die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# The newest release of a series whose headers are installed, as `uname -r` says it.
installed_release() {
    { dpkg-query -W -f '${db:Status-Status} ${Package}\n' "linux-headers-$1.*-amd64" 2>/dev/null || true; } |
        sed -n 's/^installed linux-headers-//p' | sort -V | tail -1
}

is_installed() {
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# --- apt -------------------------------------------------------------------------

apt_updated=

apt_update() {
    [[ $apt_updated ]] && return 0
    say "apt-get update"
    apt-get -qq update || return 1
    apt_updated=yes
}

has_candidate() { [[ $(apt-cache policy "$1") =~ Candidate:\ [^\(] ]]; }

apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@" </dev/null
}

# The release of Debian's backports, with a state of its own, so that the machine's
# sources stay as they are.  The mirror is the one that the machine already uses.
backports_options=()

use_backports() {
    [[ ${#backports_options[@]} -eq 0 ]] || return 0
    local codename site state=$build/apt-backports
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    apt_update || return 1
    # shellcheck disable=SC2016 # apt-get expands these, not the shell
    site=$(apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(SITE)' 'Created-By: Packages' |
        sed -n "s/^Debian $codename //p" | head -1)
    [[ $site ]] || return 1
    mkdir -p "$state/lists/partial" "$state/archives/partial"
    echo "deb $site $codename-backports main" >"$state/sources.list"
    backports_options=(
        -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=root
        -o "Dir::Etc::sourcelist=$state/sources.list"
        -o "Dir::State::lists=$state/lists" -o "Dir::Cache::archives=$state/archives"
    )
    say "apt-get update (backports)"
    apt-get -qq "${backports_options[@]}" update
}

# The headers package of a series in backports, after use_backports: there the metapackage
# of the newest kernel has no series in its name, so it is asked what it stands for.
backports_headers() {
    apt-cache "${backports_options[@]}" show linux-headers-amd64 |
        sed -n "s/^Depends:.*\(linux-headers-${1//./\\.}\.[^ ]*-amd64\).*/\1/p" | head -1
}
