# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# Proves nothing: what --tune says on two nodes, to be looked at. allocrun-tune(7) has its
# output.
shows() { printf '%s\n' "\$ $*" | sed 's/^/# /' >&3; "$@" 2>&1 | sed 's/^/# /' >&3; }

mkdir -p /etc/allocrun
cat >/etc/allocrun/policy.conf <<CONF
[node]
thp-enabled = madvise
thp-defrag = defer
numa-balancing = 0
hugetlb.2M.each = 32
weighted-interleave.node0 = 3
CONF
shows cat /etc/allocrun/policy.conf
shows allocrun --tune
shows allocrun --tune
shows sed -i 's/= 32/= 9999/' /etc/allocrun/policy.conf
shows sh -c 'allocrun --tune; echo "status $?"'
shows allocrun --tune --revert
ok "shown"
