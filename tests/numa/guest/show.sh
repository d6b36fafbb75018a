# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# Proves nothing: a launch next to the GPU on node 1, to be looked at. allocrun-numa(7) has
# its output.
shows() { printf '%s\n' "\$ $*" | sed 's/^/# /' >&3; "$@" 2>&1 | sed 's/^/# /' >&3; }

driver_on
export CUDA_VISIBLE_DEVICES=1
shows cat /sys/devices/system/node/node0/cpulist /sys/devices/system/node/node1/cpulist
shows cat /sys/devices/system/node/node0/distance /sys/devices/system/node/node1/distance
shows allocrun --explain -- probe-dynamic hold 64
mkfifo /tmp/show
allocrun -- probe-dynamic hold 64 </tmp/show >/tmp/out 2>&1 &
pid=$!
exec 9>/tmp/show
wait_for 20 grep -q ready /tmp/out
shows grep -E 'Cpus_allowed_list|Mems_allowed_list' /proc/$pid/status
shows grep anon=16384 /proc/$pid/numa_maps
shows allocrun --check --pid $pid --only affinity-in-force,mempolicy-in-force,local-memory,preload-effective -v
exec 9>&-
wait $pid
ok "shown"
