# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# A control group (v2) with the CPUs and the memory of node 1: nothing leads out of it.
root=/sys/fs/cgroup
cage=$root/cage
is "pure v2" "0::/" "$(cat /proc/self/cgroup)"
for controller in memory cpu cpuset; do echo "+$controller" >$root/cgroup.subtree_control; done
mkdir $cage
fact cpus_1 >$cage/cpuset.cpus
echo 1 >$cage/cpuset.mems
echo 268435456 >$cage/memory.max
echo "100000 100000" >$cage/cpu.max
cpus=$(fact cpus_1)

# caged ARGUMENT...: launch from inside
caged() {
  echo "allocrun $* (in the control group)" >/tmp/ran
  status=0
  rm -f /tmp/record
  sh -c 'echo $$ >/sys/fs/cgroup/cage/cgroup.procs && exec allocrun --record /tmp/record "$@"' sh "$@" \
    >/tmp/out 2>/tmp/err || status=$?
}

caged -- probe touch 8
is "by itself: CPUs" "$cpus" "$(value cpus)"
is "by itself: memory" 1 "$(value status-mems)"
is "by itself: pages" 1 "$(pages)"
is "by itself: no policy" "default none" "$(value policy)"

caged --numa 1 -- probe touch 8
is "its own node: CPUs" "$cpus" "$(value cpus)"
is "its own node: policy" "preferred 1" "$(value policy)"
is "its own node: pages" 1 "$(pages)"

caged --numa 0 -- probe touch 8
is "the other node: started" 0 "$status"
is "the other node: affinity" "refused" "$(recorded affinity outcome)"
like "the other node: why no CPUs" "node 0 has no CPU that this process may use (allowed: $cpus)" "$(recorded affinity why)"
is "the other node: memory policy" "refused" "$(recorded mempolicy outcome)"
like "the other node: why no memory" "node 0 has no memory that this process may use (allowed: 1)" "$(recorded mempolicy why)"
is "the other node: CPUs" "$cpus" "$(value cpus)"
is "the other node: pages" 1 "$(pages)"
caged --numa 0 --require affinity -- probe show
is "the other node, required: refused" 125 "$status"

caged --numa 0-1 -- probe touch 8
is "both: CPUs" "$cpus" "$(value cpus)"
is "both: policy" "preferred 1" "$(value policy)"
is "both: pages" 1 "$(pages)"

caged --numa interleave -- probe touch 8
is "interleave: no policy" "default none" "$(value policy)"
is "interleave: pages" 1 "$(pages)"

# What the limits make of the allocator's options.
caged -- probe-dynamic malloc 16
like "quota of one CPU: one arena" "*narenas:1,*" "$(recorded options value)"
is "limit in the record" ' "memory_max": 268435456,' "$(grep -o ' "memory_max": .*' /tmp/record)"

# Half of a node: its one CPU, and again nothing beyond.
one=${cpus%-*}
echo "$one" >$cage/cpuset.cpus
caged --numa 1 -- probe touch 8
is "one CPU of the node" "$one" "$(value cpus)"

# The cpuset changes under a process that was placed: it follows, and --check says so.
all_cpus >$cage/cpuset.cpus
echo 0-1 >$cage/cpuset.mems
mkfifo /tmp/hold
sh -c 'echo $$ >/sys/fs/cgroup/cage/cgroup.procs && exec allocrun --numa 1 -- probe-dynamic hold 8' \
  </tmp/hold >/tmp/held 2>&1 &
pid=$!
exec 9>/tmp/hold
holds "a placed process waits" "$(wait_for 20 grep -q ready /tmp/held && echo yes)" = yes
fact cpus_0 >$cage/cpuset.cpus
echo 0 >$cage/cpuset.mems
is "the cpuset moved: CPUs" "$(fact cpus_0)" "$(sed -n 's/Cpus_allowed_list:\t//p' /proc/$pid/status)"
is "the cpuset moved: memory" 0 "$(sed -n 's/Mems_allowed_list:\t//p' /proc/$pid/status)"
allocrun --check --pid $pid >/tmp/out 2>/tmp/err
echo "allocrun --check --pid" >/tmp/ran
like "the cpuset moved: --check tells" "*affinity-in-force: CPUs $(fact cpus_0), launched on CPUs $(fact cpus_1)*" "$(cat /tmp/out)"
exec 9>&-
wait $pid
rmdir $cage
