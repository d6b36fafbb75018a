# shellcheck shell=bash disable=SC2034 # for boot
# The machines that are booted. Sourced by boot and by `boot --list`.
#
#   smp CPUS[,MORE]            as QEMU's -smp
#   node MEMORY CPUS           the next node: such as 512M 0-1, with - for none
#   distance A B VALUE         both ways; 20 where nothing is said
#   gpu NODE                   a display device on that node; - for one whose node
#                              firmware does not tell (x86_64 alone)
#   cmdline WORD...            more for the kernel's command line
#
# Each word is told to QEMU, and to the guest as a shell variable (facts), so that what a
# guest expects comes from here and not from what is tested.

qemu=()
facts=()
n_nodes=0
n_gpus=0
memory_mib=0
extra_cmdline=()

smp() { qemu+=(-smp "$1"); }
cmdline() { extra_cmdline+=("$@"); }

node() {
  local memory=$1 cpus=$2 id=$n_nodes option
  n_nodes=$((id + 1))
  option="node,nodeid=$id"
  if [ "$cpus" != - ]; then
    option+=",cpus=$cpus"
  fi
  if [ "$memory" != - ]; then
    qemu+=(-object "memory-backend-ram,id=m$id,size=$memory")
    option+=",memdev=m$id"
    memory_mib=$((memory_mib + ${memory%M}))
  fi
  qemu+=(-numa "$option")
  facts+=("cpus_$id=${cpus#-}" "memory_$id=${memory#-}")
}

distance() {
  qemu+=(-numa "dist,src=$1,dst=$2,val=$3")
  facts+=("distance_$1_$2=$3")
}

# Behind an expander bridge, whose node the firmware's tables name.
gpu() {
  local node=$1 bus=pcie.0 slot=$((16 + n_gpus))
  if [ "$node" != - ]; then
    qemu+=(-device "pxb-pcie,id=bridge$n_gpus,bus=pcie.0,addr=$slot,bus_nr=$((64 + 32 * n_gpus)),numa_node=$node"
      -device "pcie-root-port,id=port$n_gpus,bus=bridge$n_gpus,chassis=$((n_gpus + 1)),slot=$n_gpus")
    qemu+=(-device "bochs-display,bus=port$n_gpus,vgamem=4M")
  else
    qemu+=(-device "bochs-display,bus=$bus,addr=$slot,vgamem=4M")
  fi
  facts+=("gpu_$n_gpus=$node")
  n_gpus=$((n_gpus + 1))
}

# --- the machines --------------------------------------------------------------

topology_one-node() { # nothing to choose
  smp 2
  node 768M 0-1
}

topology_two-nodes() { # two sockets; a GPU at the second, one of unknown place
  smp 4,sockets=2,cores=2
  node 640M 0-1
  node 640M 2-3
  distance 0 1 21
  gpu 1
  gpu -
}

topology_two-nodes-plain() { # without PCI: aarch64 as well
  smp 4,sockets=2,cores=2
  node 640M 0-1
  node 640M 2-3
  distance 0 1 21
}

topology_four-nodes() { # one socket cut into four, GPUs at the last two
  smp 4,sockets=1,cores=4
  node 512M 0
  node 512M 1
  node 384M 2
  node 384M 3
  distance 0 1 12
  distance 0 2 12
  distance 0 3 12
  distance 1 2 12
  distance 1 3 12
  distance 2 3 12
  gpu 2
  gpu 3
}

topology_memory-only() { # a third node without CPUs, nearest to the first; a GPU on it
  smp 4,sockets=2,cores=2
  node 640M 0-1
  node 512M 2-3
  node 512M -
  distance 0 1 21
  distance 0 2 17
  distance 1 2 28
  gpu 2
}

topology_no-memory() { # the second node has CPUs and no memory, and is nearest to the third
  smp 4,sockets=4
  node 640M 0-1
  node - 2
  node 512M 3
  distance 0 1 30
  distance 0 2 21
  distance 1 2 15
}

topology_many-cpus() { # 64 CPUs over 8 nodes
  local i j
  smp 64,sockets=8,cores=8
  for i in 0 1 2 3 4 5 6 7; do
    node 256M "$((8 * i))-$((8 * i + 7))"
  done
  for i in 0 1 2 3 4 5 6 7; do
    for ((j = i + 1; j < 8; j++)); do
      distance "$i" "$j" "$((i / 4 == j / 4 ? 16 : 22))"
    done
  done
}

topology_holes() { # the second of three is empty until its CPU is plugged in; CPU 3 goes offline
  local socket
  smp 2,maxcpus=5,sockets=5
  node 640M 0-1
  node - 2
  node 512M 3-4
  distance 0 1 20
  distance 0 2 21
  distance 1 2 20
  for socket in 3 4; do
    qemu+=(-device "max-x86_64-cpu,socket-id=$socket,core-id=0,thread-id=0")
  done
  # The kernel counts those that are there.
  facts+=(absent=1 cpus_2=2-3)
}

topology_huge-pages() { # pools of both sizes on the second node only
  smp 4,sockets=2,cores=2
  node 768M 0-1
  node 2560M 2-3
  distance 0 1 21
  cmdline hugepagesz=1G hugepages=1:1 hugepagesz=2M hugepages=1:96
}

topology_thp-words() { # sizes of transparent hugepages by the command line, two of them overlapping
  smp 2
  node 768M 0-1
  cmdline "thp_anon=16K-64K:always;64K-128K:madvise"
}

topology_thp-broken() { # the same with a word that the kernel does not know
  smp 2
  node 768M 0-1
  cmdline "thp_anon=64K:always;2M:frob"
}
