# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# Node 2 has memory and no CPUs: it is used when wanted, and never by itself.
launch -- probe touch 16
is "by itself: not there" "" "$(value node2)"
launch --numa interleave -- probe touch 16
is "interleave: over the others" "interleave 0-1" "$(value policy)"
is "interleave: not there" "0 1" "$(pages)"
launch --numa 0 -- probe touch 16
is "next to it: not there" 0 "$(pages)"

launch --numa 2 -- probe touch 16
is "wanted: there" 2 "$(pages)"
is "wanted: policy" "preferred 2" "$(value policy)"
is "wanted: all CPUs" "$(all_cpus)" "$(value cpus)"
is "wanted: no CPUs to give" "refused" "$(recorded affinity outcome)"
like "wanted: why" "node 2 has no CPU that this process may use*" "$(recorded affinity why)"
launch --numa 2 --require affinity -- probe touch 16
is "wanted, with CPUs: refused" 125 "$status"
launch --numa 2 --off affinity --numa-strict -- probe touch 16
is "wanted, strictly: there" 2 "$(pages)"

launch --numa 0,2 -- probe touch 16
is "with another: CPUs of that" "$(fact cpus_0)" "$(value cpus)"
is "with another: policy" "preferred-many 0,2" "$(value policy)"
