# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# Pools on node 1 alone: 96 pages of 2 MiB, one of 1 GiB. mimalloc takes them where it is
# told to, on the right node, and goes on without them where they run short.
pool() { cat "/sys/devices/system/node/node$1/hugepages/hugepages-$2kB/$3_hugepages"; }
is "node 1 has small ones" 96 "$(pool 1 2048 nr)"
is "node 1 has a large one" 1 "$(pool 1 1048576 nr)"
is "node 0 has none" "0 0" "$(pool 0 2048 nr) $(pool 0 1048576 nr)"

launch --numa 1 --allocator mimalloc --mimalloc allow_large_os_pages=1,arena_reserve=32MiB -- probe-dynamic malloc 64
is "small: it runs" 0 "$status"
holds "small: huge" "$(value huge)" -ge 65536
holds "small: on node 1" "$(value node1)" -ge 65536
holds "small: hardly any elsewhere" "$(value node0 | grep . || echo 0)" -lt 1024
is "small: given back" 96 "$(pool 1 2048 free)"

launch --numa 1 --allocator mimalloc --mimalloc reserve_huge_os_pages=1 -- probe-dynamic malloc 64
is "large: it runs" 0 "$status"
holds "large: huge" "$(value huge)" -ge 65536
holds "large: hardly any elsewhere" "$(value node0 | grep . || echo 0)" -lt 1024
is "large: given back" 1 "$(pool 1 1048576 free)"

launch --numa 1 --allocator mimalloc --mimalloc allow_large_os_pages=1,arena_reserve=32MiB -- probe-dynamic malloc 320
is "the pool is short: it runs" 0 "$status"
holds "the pool is short: on node 1" "$(value node1)" -ge 327680
holds "the pool is short: in part huge" "$(value huge)" -gt 0

launch --numa 0 --numa-strict --allocator mimalloc --mimalloc allow_large_os_pages=1,arena_reserve=32MiB -- probe-dynamic malloc 64
is "bound to the other node: it runs" 0 "$status"
is "bound to the other node: nothing huge" 0 "$(value huge)"
holds "bound to the other node: there" "$(value node0)" -ge 65536
launch --numa 0 --numa-strict --allocator mimalloc --mimalloc reserve_huge_os_pages=1,reserve_huge_os_pages_at=0 -- probe-dynamic malloc 64
is "large ones, bound to the other node: it runs" 0 "$status"
is "large ones, bound to the other node: nothing huge" 0 "$(value huge)"

# Two at once, each bound to the node, together more than the pool.
# shellcheck disable=SC2016 # for the shell that is started
launch --numa 1 --numa-strict --allocator mimalloc --mimalloc allow_large_os_pages=1,arena_reserve=32MiB -- sh -c 'probe-dynamic malloc 128 & probe-dynamic malloc 128; first=$?; wait $! && exit $first'
is "two at once: both run" 0 "$status"
