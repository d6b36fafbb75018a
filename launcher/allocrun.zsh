#compdef allocrun
# SPDX-License-Identifier: Apache-2.0

local -a steps
steps=(affinity mempolicy thp rlimits oom-score preload integrity options user caps no-new-privs)

_arguments -S \
  '(- *)'{-h,--help}'[show the options]' \
  '(- *)'{-V,--version}'[show the version]' \
  '--explain[print the plan and the reason for each step, run nothing]' \
  '--list[the bundled builds, and which fit here]' \
  '--check[audit the node (not in this version)]' \
  '--tune[set the node up (not in this version)]' \
  '--profile=[tuning profile]:profile:(balanced memory latency throughput embedding debug)' \
  '--allocator=[allocator, or several in order]:allocator:_sequence compadd - auto jemalloc mimalloc system' \
  '*--conf=[jemalloc options]:key\:value,...' \
  '*--mimalloc=[mimalloc options]:key=value,...' \
  '*--glibc=[glibc.malloc tunables]:key=value,...' \
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
  '--policy=[policy file]:file:_files' \
  '--format=[of --explain and --list]:format:(text json)' \
  '--sysroot=[look at a captured machine]:directory:_directories' \
  '(-q --quiet)'{-q,--quiet}'[no warnings]' \
  '(-v --verbose)'{-v,--verbose}'[print the plan before the start]' \
  '(-)1:command:_command_names -e' \
  '*::arguments:_normal'
