# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# liballocpool on reserved pages: 96 of 2 MiB, all on node 1. It asks before it takes one, so that nothing ends by a
# SIGBUS, wherever they run short.
shards() {
  echo "shards $*" >/tmp/ran
  status=0
  rm -f /tmp/said
  /bin/shards "$@" >/tmp/out 2>/tmp/err || status=$?
}

shards hugetlb-only 1 64
is "enough: it works" 0 "$status"
is "enough: all of it, huge" "64 64 nothing" "$(value got) $(value huge) $(value refused)"
is "enough: on node 1" 1:16384 "$(value shard-1-rows)"
is "enough: taken, and given back at once" "96 64 96" "$(value free)"

shards hugetlb-only 1 320
is "short, and insisted on: what there is" "0 192 192" "$status $(value got) $(value huge)"
is "short, and insisted on: why no more" "Cannot allocate memory" "$(value refused)"
is "short, and insisted on: given back" "96 0 96" "$(value free)"

shards hugetlb 1 320
is "short: all of it, in part huge" "0 320 192 nothing" "$status $(value got) $(value huge) $(value refused)"
is "short: on node 1" 1:81920 "$(value shard-1-rows)"

shards hugetlb-only 0 64
is "bound to the other node: none" "0 0 0 Cannot allocate memory" "$status $(value got) $(value huge) $(value refused)"
shards hugetlb 0 64
is "bound to the other node: small ones" "0 64 0 nothing" "$status $(value got) $(value huge) $(value refused)"
is "bound to the other node: there" 0:16384 "$(value shard-0-rows)"
