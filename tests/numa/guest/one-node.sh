# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# Nothing to choose, and a choice that is asked for all the same.
launch -- probe touch 8
is "all CPUs" "$(all_cpus)" "$(value cpus)"
is "no policy" "default none" "$(value policy)"
is "why" "one NUMA node: there is nothing to choose" "$(recorded mempolicy why)"
launch --numa 0 -- probe touch 8
is "asked for: policy" "preferred 0" "$(value policy)"
is "asked for: the CPUs are those already" "nothing to do" "$(recorded affinity outcome)"
launch --numa interleave -- probe touch 8
is "interleave: no policy" "default none" "$(value policy)"
launch --numa 0-1 --require mempolicy -- probe touch 8
is "a second node: refused" 125 "$status"
launch --numa gpu --require affinity -- probe touch 8
is "without a GPU: refused" 125 "$status"
