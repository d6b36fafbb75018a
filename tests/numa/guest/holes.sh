# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# Nodes 0 and 2, and one CPU that goes offline.
echo 0 >/sys/devices/system/cpu/cpu3/online
is "the kernel took it offline" "0-2" "$(cat /sys/devices/system/cpu/online)"
launch --numa 2 -- probe touch 8
is "CPUs that are left" 2 "$(value cpus)"
is "policy" "preferred 2" "$(value policy)"
is "pages" 2 "$(pages)"
launch --numa 0,2 -- probe touch 8
is "both: nothing is taken away" "nothing to do" "$(recorded affinity outcome)"
is "both: policy" "preferred-many 0,2" "$(value policy)"
launch --numa 0-2 -- probe touch 8
like "with the hole: why" "nodes 0-2 are asked for (--numa), and this machine has 0,2" "$(recorded mempolicy why)"
is "with the hole: no policy" "default none" "$(value policy)"
launch --numa interleave -- probe touch 8
is "interleave" "interleave 0,2" "$(value policy)"

# The other one of the node as well: then it is memory alone.
echo 0 >/sys/devices/system/cpu/cpu2/online
launch --numa 2 -- probe touch 8
is "without CPUs: refused" "refused" "$(recorded affinity outcome)"
is "without CPUs: memory" 2 "$(pages)"
echo 1 >/sys/devices/system/cpu/cpu2/online
echo 1 >/sys/devices/system/cpu/cpu3/online
launch --numa 2 -- probe touch 8
is "online again: CPUs" "2-3" "$(value cpus)"
