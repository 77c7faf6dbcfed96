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

# The options of an apt with a state of its own in STATE and with these SUITEs
# as sources, so that the machine's own stay as they are.  The mirror is the one that the
# machine already uses.  They end up in own_apt_options.
own_apt_options=()

# use_own_apt STATE SUITE...
use_own_apt() {
    local state=$1 codename site suite
    codename=$(debian_codename)
    apt_update || return 1
    # shellcheck disable=SC2016 # apt-get expands these, not the shell
    site=$(apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(SITE)' 'Created-By: Packages' |
        sed -n "s/^Debian $codename //p" | head -1)
    [[ $site ]] || return 1
    mkdir -p "$state/lists/partial" "$state/archives/partial"
    for suite in "${@:2}"; do echo "deb $site $suite main"; done >"$state/sources.list"
    own_apt_options=(
        -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=root
        -o "Dir::Etc::sourcelist=$state/sources.list"
        -o "Dir::State::lists=$state/lists" -o "Dir::Cache::archives=$state/archives"
    )
    say "apt-get update (${*:2})"
    apt-get -qq "${own_apt_options[@]}" update
}

# shellcheck source=/dev/null
debian_codename() { (. /etc/os-release && echo "$VERSION_CODENAME"); }

# The release of Debian's backports.
backports_options=()

use_backports() {
    [[ ${#backports_options[@]} -eq 0 ]] || return 0
    use_own_apt "$build/apt-backports" "$(debian_codename)-backports" || return 1
    backports_options=("${own_apt_options[@]}")
}

# The headers package of a series in backports, after use_backports: there the metapackage
# of the newest kernel has no series in its name, so it is asked what it stands for.
backports_headers() {
    apt-cache "${backports_options[@]}" show linux-headers-amd64 |
        sed -n "s/^Depends:.*\(linux-headers-${1//./\\.}\.[^ ]*-amd64\).*/\1/p" | head -1
}
