# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# Node 1 has a CPU and no memory; node 2 is nearest to it.
launch --numa 1 -- probe touch 8
is "started" 0 "$status"
is "CPUs" "$(fact cpus_1)" "$(value cpus)"
is "no memory to prefer" "refused" "$(recorded mempolicy outcome)"
like "why" "node 1 has no memory that this process may use*" "$(recorded mempolicy why)"
is "no policy" "default none" "$(value policy)"
is "the kernel takes the nearest" 2 "$(pages)"
launch --numa 1 --require mempolicy -- probe touch 8
is "required: refused" 125 "$status"
launch --numa 0-1 -- probe touch 8
is "with another: CPUs of both" "$(ranges "$(fact cpus_0),$(fact cpus_1)")" "$(value cpus)"
is "with another: policy" "preferred 0" "$(value policy)"
is "with another: pages" 0 "$(pages)"
launch --numa interleave -- probe touch 8
is "interleave: over those with memory" "interleave 0,2" "$(value policy)"
