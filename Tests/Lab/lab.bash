# Shared by the lab's scripts (sourced): where the lab lives and how its parts are named.
#
# LAB_STATE   directory of everything the lab keeps (default ${TMPDIR:-/tmp}/gantry-lab); keep it short (socket paths)
# LAB_CACHE   what is slow to make and the same for every lab: images, packages (default ${TMPDIR:-/tmp}/gantry-lab-cache)
# LAB_PREFIX  begins the names of bridge, network namespaces and cgroups (default: made from LAB_STATE)
# LAB_SUBNET  first three numbers of the hosts' addresses (default: the first free of 10.77.0 to 10.77.254)
#
# Labs with different LAB_STATE run side by side: hosts-up writes the names it chose to LAB_STATE/hosts/names and every
# script reads them there.
export PATH=$PATH:/usr/sbin:/sbin
LAB_SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB_STATE=${LAB_STATE:-${TMPDIR:-/tmp}/gantry-lab}
LAB_CACHE=${LAB_CACHE:-${TMPDIR:-/tmp}/gantry-lab-cache}

die() { echo "$(basename "$0"): $*" >&2; exit 1; }

# Names of the lab that runs under $LAB_STATE; fails when none was ever started there.
lab_names() {
    [ -f "$LAB_STATE/hosts/names" ] || return 1
    # shellcheck disable=SC1091
    . "$LAB_STATE/hosts/names"
}

# The process 1 of host K as seen from here, if it runs. A number alone may have been given to another process since.
lab_init() { # K
    local pid
    pid=$(cat "$LAB_STATE/hosts/$1/init.pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ] || return 1
    tr '\0' ' ' < "/proc/$pid/cmdline" 2>/dev/null | grep -F "host-init $1 $LAB_STATE/hosts/$1" >/dev/null || return 1
    echo "$pid"
}
