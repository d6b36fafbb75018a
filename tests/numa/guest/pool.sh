# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# liballocpool's shards lie on the nodes that they are bound to, rows and fields; on a kernel
# without MADV_POPULATE_WRITE (before 5.14), too.
echo never >/sys/kernel/mm/transparent_hugepage/enabled

# shards POLICY NODE...: the program's answers where value reads.
shards() {
  echo "shards $*" >/tmp/ran
  status=0
  rm -f /tmp/said
  /bin/shards "$@" >/tmp/out 2>/tmp/err || status=$?
}

# nodes_of KEY: without the numbers of their pages.
nodes_of() { value "$1" | sed 's/:[0-9]*//g'; }

# shellcheck disable=SC2046 # words
shards bind $(full_nodes)
is "bind: it works" 0 "$status"
for n in $(full_nodes); do
  is "bind: the rows of the shard on node $n" "$n" "$(nodes_of "shard-$n-rows")"
  is "bind: its stamps" "$n" "$(nodes_of "shard-$n-stamps")"
done

# shellcheck disable=SC2046 # words
shards prefer $(full_nodes)
for n in $(full_nodes); do
  is "prefer: the rows of the shard on node $n" "$n" "$(nodes_of "shard-$n-rows")"
done

# shellcheck disable=SC2046 # words
shards interleave $(full_nodes)
is "interleave: the rows" "$(full_nodes)" "$(nodes_of shard-0-rows) "
least=$(value shard-0-rows | tr ' ' '\012' | sed 's/.*://' | sort -n | head -n 1)
most=$(value shard-0-rows | tr ' ' '\012' | sed 's/.*://' | sort -n | tail -n 1)
holds "interleave: even shares" "$((most - least))" -le $((most / 8))

shards bind 63
is "bind: a node that is not there" 70 "$status"
like "bind: why" "shards: the pool: Invalid argument" "$(cat /tmp/err)"
