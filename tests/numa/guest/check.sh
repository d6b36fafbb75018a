# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# The audit on a machine with nothing wrong on it.
echo madvise >/sys/kernel/mm/transparent_hugepage/enabled
echo madvise >/sys/kernel/mm/transparent_hugepage/defrag
[ ! -e /proc/sys/kernel/numa_balancing ] || echo 0 >/proc/sys/kernel/numa_balancing
echo "allocrun --check" >/tmp/ran
status=0
allocrun --check -v >/tmp/out 2>/tmp/err || status=$?
is "no failure" 0 "$status"
is "nothing unknown" "" "$(grep '^ *unknown' /tmp/out)"
is "no warning" "" "$(grep '^ *warn' /tmp/out)"

# And a process that was placed.
mkfifo /tmp/check
last=$(full_nodes | sed 's/ *$//; s/.* //')
allocrun --numa "$last" -- probe-dynamic hold 8 </tmp/check >/tmp/held 2>&1 &
pid=$!
exec 9>/tmp/check
holds "a placed process waits" "$(wait_for 30 grep -q ready /tmp/held && echo yes)" = yes
status=0
allocrun --check -v --pid $pid >/tmp/out 2>/tmp/err || status=$?
is "placed: no failure" 0 "$status"
is "placed: no warning" "" "$(grep '^ *warn' /tmp/out)"
exec 9>&-
wait $pid
