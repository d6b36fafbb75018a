# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# The switch of the process, by what the kernel has of it.
folder=/sys/kernel/mm/transparent_hugepage
echo always >$folder/enabled
launch -- probe touch 8
is "inherit: allowed" 0 "$(value thp)"
launch --thp off -- probe touch 8
is "off: disabled" 1 "$(value thp)"
is "off: by the status" 0 "$(value status-thp)"
launch --thp off -- allocrun --record none --thp on -- probe touch 8
is "on, below off: allowed" 0 "$(value thp)"
launch --thp off -- allocrun --record none -- probe touch 8
is "inherit, below off: disabled" 1 "$(value thp)"

launch --thp advised -- probe touch 8
if kernel_has 6 18; then
  is "advised: only where advised" 3 "$(value thp)"
  is "advised: done" "done" "$(recorded thp outcome)"
else
  is "advised: it runs without" 0 "$(value thp)"
  is "advised: refused" "refused" "$(recorded thp outcome)"
  is "advised: why" "this kernel cannot (6.18 and later can)" "$(recorded thp detail)"
  launch --thp advised --require thp -- probe touch 8
  is "advised, required: refused" 125 "$status"
fi

# Per-size files came with 6.8.
if kernel_has 6 8; then
  holds "sizes of their own" -e $folder/hugepages-64kB/enabled
else
  holds "no sizes of their own" ! -e $folder/hugepages-64kB/enabled
fi
echo never >$folder/enabled
launch --thp on -- probe touch 8
is "on, where the host has none: refused" "refused" "$(recorded thp outcome)"
launch --thp advised -- probe touch 8
is "advised, where the host has none: nothing" "nothing to do" "$(recorded thp outcome)"
echo madvise >$folder/enabled
launch --thp advised -- probe touch 8
is "advised, where the host does so: nothing" "nothing to do" "$(recorded thp outcome)"
