# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# A kernel before 5.15 does not know PREFERRED_MANY.
launch --numa 0-1 -- probe touch 8
is "started" 0 "$status"
is "outcome" "degraded" "$(recorded mempolicy outcome)"
like "the reason" "local: preferred-many 0-1 was refused: the kernel does not know the mode*" "$(recorded mempolicy detail)"
# What get_mempolicy calls it before 5.14.
is "policy" "preferred none" "$(value policy)"
is "policy of the mapping" "local" "$(value maps-policy)"
launch --numa 0-1 --numa-strict -- probe touch 8
is "strict needs no such mode" "bind 0-1" "$(value policy)"
