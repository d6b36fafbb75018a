# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# Our builds serve malloc, and the memory is where it was asked for.
pages_of=$(probe show | sed -n 's/^page-size //p')
builds=$(ls /opt/allocrun/lib/allocrun/instead-of-libtcmalloc)
jemalloc=$(echo "$builds" | grep -x "jemalloc-[0-9.]*-$machine-glibc$([ "$pages_of" -eq 4096 ] || echo -64k)")
small=$(echo "$builds" | grep -x "jemalloc-[0-9.]*-$machine-glibc")
mimalloc=$(echo "$builds" | grep -x "mimalloc-[0-9.]*-$machine-glibc")
is "the page size of the kernel" "$([ "$name" = "${name#*16k}" ] && echo 4096 || echo 16384)" "$pages_of"

launch --numa 1 -- probe-dynamic malloc 32
is "auto: loaded" "$jemalloc" "$(value loaded)"
is "auto: CPUs" "$(fact cpus_1)" "$(value cpus)"
holds "auto: memory on node 1" "$(value node1)" -ge 32768
holds "auto: hardly any elsewhere" "$(value node0 | grep . || echo 0)" -lt 1024
launch --numa 0 --allocator mimalloc -- probe-dynamic malloc 32
is "mimalloc: loaded" "$mimalloc" "$(value loaded)"
holds "mimalloc: memory on node 0" "$(value node0)" -ge 32768
holds "mimalloc: hardly any elsewhere" "$(value node1 | grep . || echo 0)" -lt 1024
launch --numa interleave -- probe-dynamic malloc 32
holds "interleaved: on node 0" "$(value node0)" -ge 14336
holds "interleaved: on node 1" "$(value node1)" -ge 14336

if [ "$pages_of" -gt 4096 ]; then
  # A build for smaller pages cannot work here.
  launch --require preload --allocator "/opt/allocrun/lib/allocrun/instead-of-libtcmalloc/$small/libjemalloc.so.2" -- probe-dynamic malloc 8
  is "for pages of 4 KiB: refused" 125 "$status"
  like "for pages of 4 KiB: why" "*page*" "$(cat /tmp/err)"
  allocrun --list >/tmp/out 2>/tmp/err
  echo "allocrun --list" >/tmp/ran
  like "for pages of 4 KiB: --list tells" "*page*" "$(grep "$small " /tmp/out)"
fi
