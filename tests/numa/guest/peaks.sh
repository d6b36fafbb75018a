# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# A sudden second peak under the limit of a control group (v2): what the first left free is back in time.
# All ten shapes, often, beside rivals: tests/torture/peaks, under version 1.
# With THP always, where the kernel keeps huge pages of which a part is in use.
echo always >/sys/kernel/mm/transparent_hugepage/enabled
root=/sys/fs/cgroup
cage=$root/tight
echo +memory >$root/cgroup.subtree_control
mkdir $cage
echo 134217728 >$cage/memory.max

# peak ALLOCATOR SHAPE: 105 MiB twice, in 128
peak() {
  echo "allocrun --allocator $1 -- peaks $2 (in 128 MiB)" >/tmp/ran
  sh -c 'echo $$ >/sys/fs/cgroup/tight/cgroup.procs &&
    exec allocrun --record none --require preload --allocator "$1" -- peaks "$2" 105' sh "$1" "$2" >/tmp/out 2>/tmp/err
  is "$1, $2: survives" 0 $?
  is "$1, $2: to its end" ok "$(cat /tmp/out)"
}

for allocator in jemalloc mimalloc; do
  for shape in small-then-big survivors-then-big one-then-threads; do
    peak $allocator $shape
  done
done
is "killed for want of memory" "oom_kill 0" "$(grep '^oom_kill ' $cage/memory.events)"
rmdir $cage
