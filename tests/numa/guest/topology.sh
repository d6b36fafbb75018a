# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# Is this the machine that was meant? Without that the other groups prove nothing.
folder=/sys/devices/system/node
is "online nodes" "$(ranges "$(present_nodes)")" "$(cat "$folder/online")"
for n in $(present_nodes); do
  is "CPUs of node $n" "$(fact "cpus_$n")" "$(cat "$folder/node$n/cpulist")"
  total=$(sed -n 's/.*MemTotal: *\([0-9]*\) kB/\1/p' "$folder/node$n/meminfo")
  if [ -n "$(fact "memory_$n")" ]; then
    holds "node $n has memory" "$total" -gt 0
  else
    is "node $n has no memory" 0 "$total"
  fi
  row=
  for m in $(present_nodes); do
    value=$(fact "distance_${n}_$m")
    [ -n "$value" ] || value=$(fact "distance_${m}_$n")
    [ "$n" != "$m" ] || value=10
    row="$row ${value:-20}"
  done
  is "distances of node $n" "${row# }" "$(cat "$folder/node$n/distance")"
done
