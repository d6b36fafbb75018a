# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# Display devices stand for GPUs: their nodes are real, only the driver's files are not.
# Sorted by address, those without a node come first: they are on the first bus.
wanted=$(for i in 0 1 2 3; do [ "$(fact "gpu_$i")" != - ] || echo -1; done
  for i in 0 1 2 3; do n=$(fact "gpu_$i"); [ -z "$n" ] || [ "$n" = - ] || echo "$n"; done)
found=$(for a in $(displays); do cat "/sys/bus/pci/devices/$a/numa_node"; done)
is "the nodes of the devices" "$wanted" "$found"

# The node with CPUs that is nearest, by the machine's table and not by the launcher.
nearest() {
  [ -z "$(fact "cpus_$1")" ] || { echo "$1"; return; }
  for n in $(present_nodes); do
    distance=$(fact "distance_$1_$n")
    [ -n "$distance" ] || distance=$(fact "distance_${n}_$1")
    [ -z "$(fact "cpus_$n")" ] || echo "$distance $n"
  done | sort -n | sed -n '1s/.* //p'
}

each_gpu() { # VARIABLE
  index=0
  for node in $wanted; do
    title="$1=$index"
    export "$1=$index"
    launch -- probe touch 8
    if [ "$node" = -1 ]; then
      is "$title, of no known node: all CPUs" "$(all_cpus)" "$(value cpus)"
      is "$title, of no known node: no policy" "default none" "$(value policy)"
      like "$title, of no known node: why" "the NUMA node of GPU 0000:* is not known" "$(recorded affinity why)"
      launch --numa gpu --require affinity -- probe touch 8
      is "$title, of no known node: required" 125 "$status"
    else
      near=$(nearest "$node")
      is "$title, on node $node: CPUs" "$(fact "cpus_$near")" "$(value cpus)"
      is "$title, on node $node: policy" "preferred $near" "$(value policy)"
      is "$title, on node $node: pages" "$near" "$(pages)"
    fi
    unset "$1"
    index=$((index + 1))
  done
}

# All that are visible, unless one is of no known node.
all_gpus() {
  nodes_of_all=$(for node in $wanted; do nearest "$node"; done | sort -nu | paste -s -d ' ' -)
  launch -- probe touch 8
  case $wanted in
    *-1*) is "all GPUs, one of no known node: left alone" "$(all_cpus)" "$(value cpus)" ;;
    *)
      is "all GPUs: CPUs" "$(ranges "$(for n in $nodes_of_all; do fact "cpus_$n"; echo; done)")" "$(value cpus)"
      for n in $(pages); do holds "all GPUs: pages on node $n" "$(is_in "$n" "$nodes_of_all" && echo yes)" = yes; done ;;
  esac
}

driver_on
each_gpu CUDA_VISIBLE_DEVICES
all_gpus
export CUDA_VISIBLE_DEVICES=
launch -- probe touch 8
is "none visible: all CPUs" "$(all_cpus)" "$(value cpus)"
unset CUDA_VISIBLE_DEVICES
driver_off

# The same as a driver that is known by what it has bound.
mount -t tmpfs drivers /sys/bus/pci/drivers
for address in $(displays); do mkdir -p "/sys/bus/pci/drivers/amdgpu/$address"; done
each_gpu HIP_VISIBLE_DEVICES
umount /sys/bus/pci/drivers
