#compdef allocrun
# SPDX-License-Identifier: Apache-2.0

local -a steps
steps=(affinity mempolicy thp rlimits oom-score preload integrity options user caps no-new-privs)

# The ids that this very program knows.
_allocrun_checks() {
  local -a ids
  ids=(${${(f)"$(_call_program checks $words[1] --check --list-checks 2>/dev/null)"}%% *})
  _sequence compadd - $ids
}

_arguments -S \
  '(- *)'{-h,--help}'[show the options]' \
  '(- *)'{-V,--version}'[show the version]' \
  '--explain[print the plan and the reason for each step, run nothing]' \
  '--list[the bundled builds, and which fit here]' \
  '--check[audit the node, and with --pid a running server]' \
  '--stat[what the allocator of a running server holds, and gave back]' \
  '--heap-profile[who allocates in a running server]' \
  '--purge[what a running server keeps for reuse goes back now]' \
  '--tune[set the node up as the policy says]' \
  '--units[the systemd services that allocrun stands in front of]' \
  '--capture=[copy what allocrun reads of this machine]:folder:_directories' \
  '--shims=[make links that stand for servers]:folder:_directories' \
  '--copy-to=[copy what a run needs of the own tree]:folder:_directories' \
  '--oci-hook[put allocrun before the command of a config.json]' \
  '--remove[take the links of --shims away]' \
  '--profile=[tuning profile]:profile:(balanced memory latency throughput embedding debug)' \
  '--allocator=[allocator, or several in order]:allocator:_sequence compadd - auto jemalloc mimalloc system' \
  '*--conf=[jemalloc options]:key\:value,...' \
  '*--mimalloc=[mimalloc options]:key=value,...' \
  '*--glibc=[glibc.malloc tunables]:key=value,...' \
  '*--purge-thread=[options of the thread that gives memory back]:key\:value,...' \
  '--children=[what it starts has the allocator too]:which:(keep drop)' \
  '--numa=[where to run]:where:(auto off gpu interleave)' \
  '--numa-strict=-[bind memory instead of preferring nodes]::switch:(yes no)' \
  '--thp=[transparent hugepages]:mode:(inherit off advised on)' \
  '--memlock=[locked memory]:size:(hard inherit unlimited)' \
  '--core=[core dumps]:size:(inherit hard unlimited)' \
  '--oom-score-adj=[oom score]:score:(inherit)' \
  '--user=[run as this user]:user:_users' \
  '--keep-caps=[capabilities to keep]:capabilities:(all none)' \
  '--no-new-privs=-[no privileges from here on]::switch:(yes no)' \
  '--record=[launch record]:file:_files' \
  '*--require=[refuse to start without the step]:step:_sequence compadd - $steps' \
  '*--prefer=[go on without the step]:step:_sequence compadd - $steps' \
  '*--off=[leave the step out]:step:_sequence compadd - $steps' \
  '--argv0=[what the command sees as its own name]:name:' \
  '--policy=[policy file]:file:_files' \
  '--format=[of --explain, --list, --check, --stat, --tune, --units]:format:(text json junit tap prometheus nagios)' \
  '(--unit --cgroup --all --here)--pid=[check this process and all below it]:process:_pids' \
  '(--pid --cgroup --all --here)--unit=[check the processes of this systemd unit]:unit:' \
  '(--pid --unit --all --here)--cgroup=[check the processes of this cgroup]:cgroup:_directories' \
  '(--pid --unit --cgroup --here)--all[check all that allocrun has started]' \
  '(--pid --unit --cgroup --all)--here[check the container that this runs in]' \
  '--accept-unknown[exit with 0 instead of 3]' \
  '*--only=[these checks and no others]:check:_allocrun_checks' \
  '*--skip=[all checks but these]:check:_allocrun_checks' \
  '--fail-on=[what the exit status is about]:level:(warn fail)' \
  '--output=[instead of standard output]:file:_files' \
  '--journal[also to the journal of systemd]' \
  '--watch=[look at the processes for so long]:seconds:' \
  '--every=[again and again]:seconds:' \
  '--timeout=[for looking at processes]:seconds:' \
  '--dry-run[print what --tune would write]' \
  '(--atomic)--revert[put back what the first --tune found]' \
  '(--revert)--atomic[when one value does not take, put all back]' \
  '--classes[--stat\: small sizes one by one]' \
  '--list-checks[all checks, a line each]' \
  '--explain-check=[what one check is about]:check:_allocrun_checks' \
  '--sysroot=[look at a captured machine]:directory:_directories' \
  '(-q --quiet)'{-q,--quiet}'[no warnings; --check\: one line]' \
  '(-v --verbose)'{-v,--verbose}'[print the plan before the start; --check\: also what is well]' \
  '(-)1:command:_command_names -e' \
  '*::arguments:_normal'
