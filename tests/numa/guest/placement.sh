# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# CPUs and memory where they were asked for, and nowhere else.
# Page by page, not in huge ones of which a small node may have none left.
echo never >/sys/kernel/mm/transparent_hugepage/enabled
every=$(all_cpus)
is_several=false
case $(full_nodes) in *" "*" "*) is_several=true ;; esac

for n in $(full_nodes); do
  launch --numa "$n" -- probe touch 8
  is "--numa $n: CPUs" "$(fact "cpus_$n")" "$(value cpus)"
  is "--numa $n: CPUs, by the status" "$(fact "cpus_$n")" "$(value status-cpus)"
  is "--numa $n: policy" "preferred $n" "$(value policy)"
  is "--numa $n: policy of the mapping" "prefer:$n" "$(value maps-policy)"
  is "--numa $n: pages" "$n" "$(pages)"
  last=$n
done

launch --numa "$last" --numa-strict -- probe touch 8
is "strict: policy" "bind $last" "$(value policy)"
is "strict: policy of the mapping" "bind:$last" "$(value maps-policy)"
is "strict: pages" "$last" "$(pages)"

launch -- probe touch 8
is "without GPUs: all CPUs" "$every" "$(value cpus)"
is "without GPUs: no policy" "default none" "$(value policy)"
is "without GPUs: nothing is the outcome" "nothing to do" "$(recorded mempolicy outcome)"

launch --numa off -- probe touch 8
is "off: all CPUs" "$every" "$(value cpus)"
is "off: no policy" "default none" "$(value policy)"

# What a launcher around us has set stays, unless a place is asked for by name.
launch --numa "$last" -- allocrun --record none -- probe touch 8
is "from outside: policy" "preferred $last" "$(value policy)"
is "from outside: CPUs" "$(fact "cpus_$last")" "$(value cpus)"

launch --numa 777 -- probe touch 8
is "a node that is not there: started" 0 "$status"
is "a node that is not there: all CPUs" "$every" "$(value cpus)"
is "a node that is not there: refused" refused "$(recorded mempolicy outcome)"
like "a node that is not there: why" "nodes 777 are asked for (--numa), and this machine has *" "$(recorded affinity why)"
launch --numa 777 --require mempolicy -- probe touch 8
is "required: refused" 125 "$status"
is "required: not started" "" "$(value cpus)"

if $is_several; then
  full=$(ranges "$(full_nodes)")
  launch --numa interleave -- probe touch 16
  is "interleave: policy" "interleave $full" "$(value policy)"
  is "interleave: policy of the mapping" "interleave:$full" "$(value maps-policy)"
  is "interleave: all CPUs" "$every" "$(value cpus)"
  is "interleave: pages on each" "$(full_nodes)" "$(pages) "
  share=$((16384 / $(full_nodes | wc -w)))
  for n in $(full_nodes); do
    holds "interleave: an even share for node $n" "$(value "node$n")" -ge $((share - share / 8)) \
      -a "$(value "node$n")" -le $((share + share / 8))
  done

  first=$(full_nodes | cut -d ' ' -f 1)
  launch --numa "$first,$last" -- probe touch 8
  both=$(ranges "$first $last")
  is "two nodes: CPUs" "$(ranges "$(fact "cpus_$first"),$(fact "cpus_$last")")" "$(value cpus)"
  if kernel_has 5 15; then
    is "two nodes: policy" "preferred-many $both" "$(value policy)"
    is "two nodes: policy of the mapping" "prefer-(many):$both" "$(value maps-policy)"
    is "two nodes: done" "done" "$(recorded mempolicy outcome)"
  fi
  for n in $(pages); do
    holds "two nodes: pages on node $n" "$n" = "$first" -o "$n" = "$last"
  done
fi
