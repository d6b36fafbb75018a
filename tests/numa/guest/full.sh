# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# A node without free memory: the default goes elsewhere, --numa-strict does not.
# What is left is more than the kernel keeps for itself: beyond that the filler would be
# the one for whom memory is short.
mkfifo /tmp/fill
probe fill 1 64 </tmp/fill >/tmp/filled 2>&1 &
filler=$!
exec 9>/tmp/fill
echo -1000 >/proc/$filler/oom_score_adj
holds "node 1 is filled" "$(wait_for 60 grep -q ready /tmp/filled && echo yes)" = yes
free=$(sed -n 's/.*MemFree: *\([0-9]*\) kB/\1/p' /sys/devices/system/node/node1/meminfo)
holds "less than 80 MiB are free" "$free" -lt 81920

# Between the look and the touch the kernel may reclaim some of its caches on node 1.
launch --numa 1 -- probe touch 224
is "default: it runs" 0 "$status"
is "default: policy" "preferred 1" "$(value policy)"
holds "default: the rest is on node 0" "$(value node0)" -gt 81920
launch --numa 1 --numa-strict -- probe touch 224
is "strict: the kernel ends it (SIGKILL)" 137 "$status"
is "strict: before that it was bound" "bind 1" "$(value policy)"
launch --numa 0 --numa-strict -- probe touch 224
is "strict, elsewhere: it runs" 0 "$status"
is "strict, elsewhere: pages" 0 "$(pages)"
holds "the one that fills it still runs" -d /proc/$filler
exec 9>&-
wait $filler
