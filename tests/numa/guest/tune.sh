# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# --tune against this kernel: what it says, what the kernel has afterwards, and back.
thp=/sys/kernel/mm/transparent_hugepage
last=$(full_nodes | sed 's/ *$//; s/.* //')
pages() { cat "/sys/devices/system/node/node$1/hugepages/hugepages-2048kB/nr_hugepages"; }
before=$(pages "$last")
mkdir -p /etc/allocrun
cat >/etc/allocrun/policy.conf <<CONF
[node]
thp-enabled = madvise
thp-defrag = defer+madvise
khugepaged-max-ptes-none = 0
hugetlb.2M.node$last = $((before + 16))
numa-balancing = 0
zone-reclaim-mode = 0
max-map-count = 262144
CONF
kernel_has 6 8 && echo "thp-enabled.64K = madvise" >>/etc/allocrun/policy.conf
kernel_has 6 9 && echo "weighted-interleave.node0 = 5" >>/etc/allocrun/policy.conf
# Something to change, whatever the kernel began with.
echo always >$thp/enabled
echo 1 >/proc/sys/kernel/numa_balancing

# Every file that it may write, as it is now; shown as what differs.
snapshot() {
  # shellcheck disable=SC2231 # no spaces there
  grep -s '' $thp/* $thp/khugepaged/* $thp/hugepages-*/* /sys/kernel/mm/hugepages/*/nr_* \
    /sys/devices/system/node/node*/hugepages/*/nr_hugepages /sys/kernel/mm/mempolicy/weighted_interleave/node* \
    /proc/sys/kernel/numa_balancing /proc/sys/vm/zone_reclaim_mode /proc/sys/vm/max_map_count |
    grep -v '/full_scans:\|/pages_collapsed:\|/stats/'
}
tune() {
  echo "allocrun --tune $*" >/tmp/ran
  status=0
  rm -f /tmp/said
  allocrun --tune "$@" >/tmp/out 2>/tmp/err || status=$?
}

snapshot >/tmp/before
tune --dry-run
is "dry run: status" 0 "$status"
like "dry run: says what would change" "*would change*thp-enabled*always -> madvise*" "$(cat /tmp/out)"
like "dry run: and the pool" "*would change*hugetlb.2M.node$last *$before -> $((before + 16))*" "$(cat /tmp/out)"
cp /tmp/out /tmp/promised
snapshot >/tmp/now
is "dry run: changes nothing" "" "$(diff /tmp/before /tmp/now)"

tune
is "first: status" 0 "$status"
is "first: just what was promised" "$(grep '^would change' /tmp/promised | sed 's/^would change *//')" \
  "$(grep '^changed' /tmp/out | sed 's/^changed *//')"
is "first: thp-enabled" "always [madvise] never" "$(cat $thp/enabled)"
like "first: thp-defrag" "*\[defer+madvise\]*" "$(cat $thp/defrag)"
is "first: khugepaged" 0 "$(cat $thp/khugepaged/max_ptes_none)"
is "first: the pool of node $last" "$((before + 16))" "$(pages "$last")"
for n in $(present_nodes); do
  [ "$n" = "$last" ] || is "first: no pool on node $n" 0 "$(pages "$n")"
done
is "first: numa_balancing" 0 "$(cat /proc/sys/kernel/numa_balancing)"
is "first: max_map_count" 262144 "$(cat /proc/sys/vm/max_map_count)"
! kernel_has 6 8 || like "first: 64K" "*\[madvise\]*" "$(cat $thp/hugepages-64kB/enabled)"
! kernel_has 6 9 || is "first: weight of node 0" 5 "$(cat /sys/kernel/mm/mempolicy/weighted_interleave/node0)"

# A launch that interleaves goes by the weights that differ now.
case " $(full_nodes)" in
  " 0 "*" "*)
    if kernel_has 6 9; then
      full=$(ranges "$(full_nodes)")
      launch --numa interleave -- probe touch 16
      is "weights: policy" "weighted-interleave $full" "$(value policy)"
      is "weights: policy of the mapping" "weighted-interleave:$full" "$(value maps-policy)"
      is "weights: done" "done" "$(recorded mempolicy outcome)"
      share=$((16384 / ($(full_nodes | wc -w) + 4)))
      for n in $(full_nodes); do
        wanted=$share
        [ "$n" != 0 ] || wanted=$((5 * share))
        holds "weights: KiB on node $n" "$(value "node$n")" -ge $((wanted - wanted / 8)) \
          -a "$(value "node$n")" -le $((wanted + wanted / 8))
      done
    fi ;;
esac

snapshot >/tmp/tuned
tune
is "second: status" 0 "$status"
is "second: nothing changed" "" "$(grep '^changed' /tmp/out)"
snapshot >/tmp/now
is "second: nothing is different" "" "$(diff /tmp/tuned /tmp/now)"
tune --dry-run
is "after it: nothing to do" "" "$(grep '^would change' /tmp/out)"

# What the node was set to is what --check expects.
# (Pages of the kernel command line that lie idle are a warning of their own.)
# shellcheck disable=SC2046 # words
allocrun --check -v $([ "$before" -eq 0 ] || echo --skip hugetlb-pools) >/tmp/out 2>/tmp/err
is "--check agrees" "" "$(grep '^ *\(warn\|FAIL\|fail\)' /tmp/out)"

# More pages than there are: counted, said, and put back where that is asked for.
sed -i "s/^hugetlb.*/hugetlb.2M.node$last = 100000/" /etc/allocrun/policy.conf
tune --atomic
is "too many, --atomic: status" 1 "$status"
like "too many, --atomic: says what the kernel gave" "*the kernel gave * of 100000 pages of 2M*" "$(cat /tmp/out)"
snapshot >/tmp/now
is "too many, --atomic: put back" "" "$(diff /tmp/tuned /tmp/now)"
sed -i "s/^hugetlb.*/hugetlb.2M.node99 = 1/" /etc/allocrun/policy.conf
tune
is "a node that is not there: status" 125 "$status"
like "a node that is not there: named" "*99*" "$(cat /tmp/err)"
snapshot >/tmp/now
is "a node that is not there: nothing changed" "" "$(diff /tmp/tuned /tmp/now)"

if ! kernel_has 6 8; then
  printf '[node]\nthp-enabled.64K = madvise\nmax-map-count = 300000\n' >/etc/allocrun/policy.conf
  tune
  like "a kernel without it: said" "*6.8*" "$(cat /tmp/out /tmp/err)"
fi

# Pages of the machine as a whole, which the kernel spreads; of each node with CPUs and memory;
# what may come on demand.
total() { cat /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages; }
sum=$(total)
printf '[node]\nhugetlb.2M = %s\nhugetlb-overcommit.2M = 7\nthp-shmem = advise\n' $((sum + 8)) >/etc/allocrun/policy.conf
tune
is "the machine's pool: status" 0 "$status"
is "the machine's pool: pages" $((sum + 8)) "$(total)"
is "on demand" 7 "$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages)"
like "shared memory" "*\[advise\]*" "$(cat $thp/shmem_enabled)"
printf '[node]\nhugetlb.2M.each = 6\n' >/etc/allocrun/policy.conf
tune
is "each node's pool: status" 0 "$status"
for n in $(full_nodes); do is "each node's pool: node $n" 6 "$(pages "$n")"; done

# Two at once: one of them changes it, and both say what is true in the end.
printf '[node]\nmax-map-count = 77777\nkhugepaged-scan-sleep-ms = 4321\n' >/etc/allocrun/policy.conf
allocrun --tune >/tmp/one 2>&1 &
tune
wait $! && one=0 || one=$?
is "two at once: status" "0 0" "$status $one"
is "two at once: each file is changed once" 2 "$(cat /tmp/out /tmp/one | grep -c '^changed')"
is "two at once: max_map_count" 77777 "$(cat /proc/sys/vm/max_map_count)"

# Read-only /sys, as in a container.
mount -o remount,ro /sys
printf '[node]\nthp-enabled = never\n' >/etc/allocrun/policy.conf
tune
is "read-only: status" 125 "$status"
like "read-only: said" "*/sys is mounted read-only*" "$(cat /tmp/err)"
mount -o remount,rw /sys

tune --revert
is "revert: status" 0 "$status"
snapshot >/tmp/now
is "revert: as it was found" "" "$(diff /tmp/before /tmp/now)"
tune --revert
is "revert again: nothing" 0 "$status"
rm -r /etc/allocrun

# The presets that come with it.
for preset in /opt/allocrun/share/allocrun/presets/*.conf; do
  [ -e "$preset" ] || continue
  kind=$(basename "$preset" .conf)
  tune --policy "$preset"
  is "$kind: takes" 0 "$status"
  tune --policy "$preset"
  is "$kind: second, nothing changed" "" "$(grep '^changed' /tmp/out)"
  # shellcheck disable=SC2046 # words
  allocrun --check -v --policy "$preset" $([ "$before" -eq 0 ] || echo --skip hugetlb-pools) >/tmp/out 2>/tmp/err
  is "$kind: --check agrees" "" "$(grep '^ *\(warn\|FAIL\|fail\)' /tmp/out)"
  tune --revert
  snapshot >/tmp/now
  is "$kind: revert: as it was found" "" "$(diff /tmp/before /tmp/now)"
done
