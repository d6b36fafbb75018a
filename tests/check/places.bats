#!/usr/bin/env bats
# allocrun --check on processes in other places: containers, cgroups, behind hidepid, of
# other users, in trees and maps of any size.
# shellcheck disable=SC2034,SC2154 # what helpers.bash reads and sets
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and means only itself
bats_require_minimum_version 1.5.0

load helpers

both=preload-effective,options-in-force

# As a container has them: its own PIDs, mounts and /proc.
contain=(unshare --pid --fork --kill-child --mount --propagation private --mount-proc)

# is_child PID NAME: its only child runs NAME; the child's PID goes to $child.
is_child() {
  local name
  read -r child < <(children_of "$1"; echo)
  [ -n "$child" ] || return 1
  read -r name <"/proc/$child/comm" || return 1
  [ "$name" = "$2" ]
}

# --- as a health check -------------------------------------------------------

# What a HEALTHCHECK or an ExecStartPost runs. What it takes: containers.bats.
@test "health check: as PID 1 of a container, one line and 0" {
  needs_namespaces "a container"
  attempt "${contain[@]}" "$allocrun" -- sh -c "'$allocrun' --check --pid 1 --only '$both' --quiet"
  expect_status 0
  # The server alone: the audit is below it as well, and is none of its processes.
  expect_match "$ran" '^ok: [0-9]+ ok$' "$out"
  attempt "${contain[@]}" sh -c "'$allocrun' --check --pid 1 --only '$both' --quiet; exit \$?"
  expect_status 2
  expect_out "preload-effective (process 1 sh): malloc is glibc's own; its environment has no LD_PRELOAD"
}

@test "health check: few system calls, however many other processes there are" {
  start "$allocrun" -- sleep 600
  attempt strace -f -c -o "$BATS_TEST_TMPDIR/calls" "$allocrun" --check --pid "$pid" --only "$both" --quiet
  expect_status 0
  local calls
  calls=$(awk '/total$/ { print $4 }' "$BATS_TEST_TMPDIR/calls")
  report_figure "health check: $calls system calls"
  [[ $calls -gt 0 && $calls -le 350 ]] || fails "$ran" "at most 350 system calls" "$(tail -n 3 "$BATS_TEST_TMPDIR/calls")"
}

# --- namespaces --------------------------------------------------------------

@test "places: a process in a container, from outside and from inside" {
  needs_namespaces "a container"
  local child
  spawn "${contain[@]}" "$allocrun" -- sleep 600
  eventually is_child "$pid" sleep
  check --pid "$child" --only "$both"
  expect_status 0
  expect_finding preload-effective ok "$(build_of jemalloc)" "$child"
  expect_finding options-in-force ok proved: "$child"
  expect_equal "inner PID" 1 "$(process .inner_pid "$child")"
  expect_equal "other mounts" true "$(process .other_mounts "$child")"
  attempt nsenter --target "$child" --pid --mount "$allocrun" --check --format json --pid 1 --only "$both"
  json=$out
  expect_status 0
  expect_finding preload-effective ok "$(build_of jemalloc)" 1
}

@test "places: a library at a path that only the container has" {
  needs_namespaces "a container"
  local child inside=$BATS_TEST_TMPDIR/opt
  mkdir "$inside"
  # shellcheck disable=SC2016 # expanded inside
  spawn "${contain[@]}" bash -c 'mount -t tmpfs tmpfs "$1" && cp "$2" "$1/libjemalloc.so.2" &&
    LD_PRELOAD=$1/libjemalloc.so.2 exec sleep 600' bash "$inside" "$jemalloc"
  eventually is_child "$pid" sleep
  [ ! -e "$inside/libjemalloc.so.2" ] || fails "the library" "inside only" "outside as well"
  check --pid "$child" --only "$both"
  expect_status 0
  expect_finding preload-effective ok "$(build_of jemalloc)" "$child"
  expect_finding options-in-force ok proved: "$child"
  expect_equal library "$inside/libjemalloc.so.2" "$(process .library "$child")"
}

@test "places: the launch record of a container is its own" {
  needs_namespaces "a container"
  unset ALLOCRUN_RECORD
  local child
  spawn "${contain[@]}" bash -c 'mount -t tmpfs tmpfs /run && exec "$@"' bash "$allocrun" -- sleep 600
  eventually is_child "$pid" sleep
  check --pid "$child" --only launch-record
  expect_finding launch-record ok "/run/allocrun/1.json: launched by allocrun" "$child"
}

# --- what may not be seen ----------------------------------------------------

@test "places: another user's process is unknown, and the reason is said" {
  needs_root "to be someone else"
  start env LD_PRELOAD="$jemalloc" sleep 600
  attempt "${as_nobody[@]}" "$allocrun" --check --format json --pid "$pid" --only "$both"
  json=$out
  expect_status 3
  expect_finding preload-effective unknown "may not be"
  expect_in fix "run it as the process's own user, or as root with CAP_SYS_PTRACE" "$(finding preload-effective "$pid" fix)"
  expect_process .state denied
  expect_process .options_evidence null
  # Its own it may look into.
  start "${as_nobody[@]}" env LD_PRELOAD="$jemalloc" sleep 600
  attempt "${as_nobody[@]}" "$allocrun" --check --format json --pid "$pid" --only "$both"
  json=$out
  expect_status 0
  expect_finding options-in-force ok proved:
}

# As Yama has it in a container with Docker's usual capabilities: what is mapped may be seen,
# the memory not. (This kernel need not have it; strace refuses in its place.)
@test "places: where only the memory is closed, what was told is assumed, and nothing is ok" {
  start env LD_PRELOAD="$jemalloc" MALLOC_CONF=narenas:3 sleep 600
  attempt strace -f -qq -o "$BATS_TEST_TMPDIR/trace" -P "/proc/$pid/mem" -e trace=openat -e inject=openat:error=EACCES \
    "$allocrun" --check --format json --pid "$pid" --only "$both"
  json=$out
  expect_in trace INJECTED "$(cat "$BATS_TEST_TMPDIR/trace")"
  expect_status 3
  expect_finding preload-effective unknown "its memory may not be read"
  expect_finding preload-effective unknown "assumed from its mappings: $(readlink -f "$jemalloc")"
  expect_finding options-in-force unknown "assumed from its environment: narenas:3"
  expect_in fix "run it with CAP_SYS_PTRACE" "$(finding preload-effective "$pid" fix)"
  expect_process .state denied
  expect_process .allocator null
  expect_process .options_evidence assumed
}

@test "places: behind hidepid another user's process is hidden, and neither well nor gone" {
  needs_namespaces "a /proc of its own"
  start env LD_PRELOAD="$jemalloc" sleep 600
  attempt in_mounts "mount -t proc -o hidepid=2 proc /proc" \
    "${as_nobody[@]}" "$allocrun" --check --format json --pid "$pid" --only "$both"
  json=$out
  expect_status 3
  expect_finding preload-effective unknown "it is hidden from this user: /proc is mounted with hidepid"
  expect_process .state denied
  # In a cgroup it is no process that has ended meanwhile.
  local cgroup name=allocrun-test-$$-$BATS_TEST_NUMBER
  make_cgroup "$name"
  in_cgroup "$cgroup" env LD_PRELOAD="$jemalloc" sleep 600
  attempt in_mounts "mount -t proc -o hidepid=2 proc /proc" \
    "${as_nobody[@]}" "$allocrun" --check --format json --cgroup "$cgroup" --only "$both"
  json=$out
  expect_status 3
  expect_finding preload-effective unknown "it is hidden from this user"
  remove_cgroups "$cgroup"
  start env LD_PRELOAD="$jemalloc" sleep 600
  # Whoever is nobody is still not there.
  attempt in_mounts "mount -t proc -o hidepid=2 proc /proc" \
    "${as_nobody[@]}" "$allocrun" --check --pid 4194303 --only "$both"
  expect_status 3
  expect_out "there is no process 4194303"
  # Root sees it as ever.
  attempt in_mounts "mount -t proc -o hidepid=2 proc /proc" "$allocrun" --check --pid "$pid" --only "$both"
  expect_status 0
  # And one's own tree.
  start "${as_nobody[@]}" "$programs/children" 3
  eventually is_done
  attempt in_mounts "mount -t proc -o hidepid=2 proc /proc" \
    "${as_nobody[@]}" "$allocrun" --check --format json --pid "$pid" --only "$both"
  expect_equal processes 4 "$(jq .processes.count <<<"$out")"
}

# --- what does not answer ----------------------------------------------------

# silence LIBRARY: a process of its own, with the library from a file system that answers no
# more; in $child.
silence() {
  needs_namespaces "a file system of its own"
  [ -c /dev/fuse ] || skip "needs /dev/fuse: a file system that does not answer"
  local point=$BATS_TEST_TMPDIR/silent files=$BATS_TEST_TMPDIR/files
  mkdir -p "$point" "$files"
  cp "$1" "$files/libserved.so"
  # Read once as a whole: its code is in the page cache, as that of a server that works is.
  # shellcheck disable=SC2016 # expanded inside
  spawn unshare --mount --propagation private "$python" "$programs/silent.py" "$point" "$files" "$BATS_TEST_TMPDIR/switch" \
    bash -c 'cat "$1" >/dev/null && LD_PRELOAD=$1 exec sleep 600' bash "$point/libserved.so"
  eventually is_child "$pid" sleep
  eventually grep -q libserved "/proc/$child/maps"
  touch "$BATS_TEST_TMPDIR/switch"
}

@test "places: a file system that does not answer holds nobody up" {
  local child started_at=$SECONDS
  # It has options to read, in a file of which nobody knows but its own path.
  silence "$libraries/libforeign.so"
  check --pid "$pid" --only "$both"
  expect_status 2
  expect_finding preload-effective unknown "reading it did not end: a file system that it uses does not answer" "$child"
  expect_equal state unreadable "$(process .state "$child")"
  expect_finding preload-effective fail "malloc is glibc's own"
  ((SECONDS - started_at < 60)) || fails "$ran" "some seconds" "$((SECONDS - started_at)) s"
  # What is left behind there keeps no reader waiting: this was read to its end.
  launch --check --pid "$child" --only "$both" --quiet
  expect_status 3
}

@test "places: our own build is proved without its file system" {
  local child
  silence "$jemalloc"
  check --pid "$child" --only "$both"
  expect_finding preload-effective ok "$(build_of jemalloc)" "$child"
  expect_finding options-in-force ok proved: "$child"
}

@test "kind P: a record on a file system that does not answer: it holds nobody up, and the command starts" {
  needs_namespaces "a file system of its own"
  [ -c /dev/fuse ] || skip "needs /dev/fuse: a file system that does not answer"
  local point=$BATS_TEST_TMPDIR/silent files=$BATS_TEST_TMPDIR/files link=$BATS_TEST_TMPDIR/link started_at
  mkdir -p "$point" "$files"
  ln -s "$point" "$link"
  touch "$BATS_TEST_TMPDIR/switch"
  for record in "$point/record" "$link/below/record"; do
    started_at=$SECONDS
    # The command ends at once, and what was left behind is none of its children.
    # shellcheck disable=SC2016 # expanded inside
    spawn unshare --mount --propagation private "$python" "$programs/silent.py" "$point" "$files" "$BATS_TEST_TMPDIR/switch" \
      "$allocrun" --record "$record" --user nobody -- sh -c 'read -r children </proc/$$/task/$$/children; echo "started with ($children)"; sleep 600'
    eventually grep -q started "$printed"
    ((SECONDS - started_at < 20)) || fails "$record" "a start in a second or two" "$((SECONDS - started_at)) s"
    expect_in "$printed" "no launch record: $record: its file system does not answer" "$(<"$printed")"
    expect_in "$printed" "started with ()" "$(<"$printed")"
  done
}

# --- trees and maps of any size ----------------------------------------------

@test "places: children of any thread are found" {
  start "$programs/children" 2 5
  eventually is_done
  check --pid "$pid" --only preload-effective
  expect_equal processes 8 "$(jq .processes.count <<<"$json")"
  expect_equal "PIDs" "$(tree "$pid" && printf '%s\n' "${members[@]}" | sort -n)" "$(jq '.processes.list[].pid' <<<"$json" | sort -n)"
}

@test "places: the CPU of a tree of 2,000 processes is that of ten with 200" {
  local few
  start env LD_PRELOAD="$jemalloc" "$programs/children" 199
  eventually is_done
  few=$pid
  start env LD_PRELOAD="$jemalloc" "$programs/children" 1999
  eventually is_done
  expect_cpu_grows "$few" "$pid" --only "$both" --quiet
  expect_cpu_grows "$few" "$pid" --format json
  check --pid "$pid" --only "$both"
  expect_status 0
  expect_equal processes 2000 "$(jq .processes.count <<<"$json")"
  expect_equal "proved" 2000 "$(jq '[.processes.list[] | select(.options_evidence == "proved")] | length' <<<"$json")"
}

@test "places: opens grow with the processes that were asked about, 15 for each" {
  local few many
  start env LD_PRELOAD="$jemalloc" "$programs/children" 19
  eventually is_done
  without_records "$pid"
  few=$(opens "$allocrun" --check --pid "$pid" --only "$both" --quiet)
  start env LD_PRELOAD="$jemalloc" "$programs/children" 39
  eventually is_done
  without_records "$pid"
  many=$(opens "$allocrun" --check --pid "$pid" --only "$both" --quiet)
  report_figure "opens for 20 and 40 processes: $few and $many"
  ((many > few && many - few <= 20 * 15)) || fails "opens for 20 more processes" "at most 300" "$((many - few))"
}

@test "places: the CPU of maps of 60,000 lines is that of ten with 6,000" {
  local few
  start env LD_PRELOAD="$jemalloc" "$programs/mappings" 6000
  eventually is_done
  few=$pid
  start env LD_PRELOAD="$jemalloc" "$programs/mappings" 60000
  eventually is_done
  expect_cpu_grows "$few" "$pid" --only "$both" --quiet
  check --pid "$pid" --only "$both,process-mappings"
  expect_finding preload-effective ok "$(build_of jemalloc)"
  local made
  made=$(awk '{ print $2 }' "$printed")
  (($(process .mappings) >= made)) || fails mappings "at least $made" "$(process .mappings)"
  [ "$made" -lt 59000 ] || expect_finding process-mappings fail " mappings of at most "
}

# --- other ways to ask -------------------------------------------------------

# make_cgroup NAME: a folder below the first controller where one may be made, in $cgroup.
make_cgroup() {
  local mount
  for mount in /sys/fs/cgroup /sys/fs/cgroup/memory /sys/fs/cgroup/pids /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    [ -e "$mount/cgroup.procs" ] || continue
    cgroup=$mount/$1
    mkdir -p "$cgroup" 2>/dev/null && return 0
  done
  skip "needs a cgroup that may be written"
}

in_cgroup() {
  local folder=$1
  shift
  # shellcheck disable=SC2016
  start bash -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' bash "$folder" "$@"
}

remove_cgroups() {
  local one
  teardown
  for one in "$@"; do eventually rmdir "$one"; done
}

@test "places: --cgroup looks at all that is in it and below" {
  local cgroup first name=allocrun-test-$$-$BATS_TEST_NUMBER
  needs_root "a cgroup"
  make_cgroup "$name"
  mkdir "$cgroup/below"
  in_cgroup "$cgroup" env LD_PRELOAD="$jemalloc" sleep 600
  first=$pid
  in_cgroup "$cgroup/below" sleep 600
  check --cgroup "$cgroup" --only "$both"
  remove_cgroups "$cgroup/below" "$cgroup"
  expect_status 2
  expect_equal processes 2 "$(jq .processes.count <<<"$json")"
  expect_finding preload-effective ok "$(build_of jemalloc)" "$first"
  expect_finding preload-effective fail "malloc is glibc's own"
  # Nobody is in it now.
  launch --check --cgroup "$cgroup" --only "$both"
  expect_status 3
  expect_out "there is no cgroup '$cgroup'"
}

@test "places: --unit finds the cgroup of its name in a slice" {
  local cgroup name=allocrun-test-$$-$BATS_TEST_NUMBER
  needs_root "a cgroup"
  make_cgroup "$name.slice"
  mkdir "$cgroup/$name.service"
  in_cgroup "$cgroup/$name.service" env LD_PRELOAD="$jemalloc" sleep 600
  check --unit "$name" --only "$both"
  remove_cgroups "$cgroup/$name.service" "$cgroup"
  expect_status 0
  expect_equal for "unit $name" "$(jq -r .processes.for <<<"$json")"
  expect_finding preload-effective ok "$(build_of jemalloc)"
  launch --check --unit "$name" --only "$both"
  expect_status 3
  expect_out "no process of the unit $name.service is running"
}

@test "places: --all finds what allocrun has started by its launch records" {
  needs_namespaces "a /run of its own"
  unset ALLOCRUN_RECORD
  # shellcheck disable=SC2016 # expanded inside
  attempt "${contain[@]}" bash -c '
    mount -t tmpfs tmpfs /run || exit 99
    "$1" -- sleep 600 & launched=$!
    sleep 600 &
    until [ -e /run/allocrun/$launched.json ] && [ "$(</proc/$launched/comm)" = sleep ]; do :; done
    # One of a process that has ended, and one that was cut off.
    cp /run/allocrun/$launched.json /run/allocrun/99999.json
    "$1" --check --all --only "$2,launch-record" --format json; echo "status $? launched $launched"' \
    bash "$allocrun" "$both"
  local last=${out##*$'\n'}
  json=${out%$'\n'*}
  pid=${last##* }
  expect_equal "last line" "status 0 launched $pid" "$last"
  expect_equal processes 1 "$(jq .processes.count <<<"$json")"
  expect_finding preload-effective ok "$(build_of jemalloc)"
  expect_finding launch-record ok "/run/allocrun/$pid.json"
  expect_equal for "all that allocrun started" "$(jq -r .processes.for <<<"$json")"
}

# recorded COMMANDS USER COMMAND...: the audit as root of COMMAND, started by USER below a /run of its own that
# COMMANDS have made: the findings in $json, the PID in $pid. $1 is allocrun there, $2 the started PID.
recorded() {
  local commands=$1 user=$2
  shift 2
  # shellcheck disable=SC2016 # expanded inside
  attempt "${contain[@]}" bash -c '
    mount -t tmpfs -o mode=755 tmpfs /run || exit 99
    allocrun=$1 commands=$2 user=$3
    shift 3
    eval "$commands"
    setpriv --reuid "$user" --regid "$user" --clear-groups -- "$@" & launched=$!
    until [ "$(</proc/$launched/comm)" = sleep ]; do :; done
    eval "${after-}"
    "$allocrun" --check --pid "$launched" --only launch-record --format json
    "$allocrun" --check --all --only launch-record --format json | jq -c "[.processes.list[]?.pid]"
    echo "launched $launched"' bash "$allocrun" "$commands" "$user" "$@"
  pid=${out##* }
  json=$(sed '/^\[/,$d' <<<"$out")
  all=$(grep '^\[' <<<"$out")
}

@test "places: a record in a service's own folder, and in one for all users" {
  needs_namespaces "a /run of its own"
  unset ALLOCRUN_RECORD
  recorded "mkdir /run/server; chown 1 /run/server" 1 \
    env RUNTIME_DIRECTORY=/run/server "$allocrun" -- sleep 600
  expect_finding launch-record ok "/run/server/allocrun/$pid.json: launched by allocrun"
  expect_equal "found by --all" "[$pid]" "$all"
  recorded "mkdir -m 1777 /run/allocrun" 1 "$allocrun" -- sleep 600
  expect_finding launch-record ok "/run/allocrun/$pid.json: launched by allocrun"
  expect_equal "found by --all" "[$pid]" "$all"
}

@test "kind P: a record that another user has written is not believed" {
  needs_namespaces "a /run of its own"
  unset ALLOCRUN_RECORD
  # shellcheck disable=SC2016 # expanded inside
  export after='chown 2 /run/allocrun/$launched.json'
  recorded "mkdir -m 1777 /run/allocrun" 1 "$allocrun" -- sleep 600
  expect_finding launch-record skip "it has none"
  expect_equal "found by --all" "[]" "$all"
  # shellcheck disable=SC2016 # expanded inside
  after='chown 2 /run/server/allocrun/$launched.json'
  recorded "mkdir /run/server; chown 1 /run/server" 1 env RUNTIME_DIRECTORY=/run/server "$allocrun" -- sleep 600
  expect_finding launch-record skip "it has none"
  # shellcheck disable=SC2016 # expanded inside
  after='mv /run/allocrun/$launched.json /run/real; ln -s /run/real /run/allocrun/$launched.json'
  recorded "mkdir -m 1777 /run/allocrun" 1 "$allocrun" -- sleep 600
  expect_not_in "a link" "launched by allocrun" "$(jq -c '.findings' <<<"$json")"
  # root's is, whoever the process belongs to: of a launcher with --user.
  # shellcheck disable=SC2016 # expanded inside
  after='chown 0 /run/allocrun/$launched.json'
  recorded "mkdir -m 1777 /run/allocrun" 1 "$allocrun" -- sleep 600
  expect_finding launch-record ok "launched by allocrun"
}

# --- no more than was asked for ----------------------------------------------

@test "places: nothing of the process is changed, stopped or run" {
  start "$allocrun" -- sleep 600
  attempt strace -f -e trace=ptrace,process_vm_writev,kill,tgkill,execve,fork,clone,clone3,vfork,openat \
    "$allocrun" --check --pid "$pid" --only "$both" --quiet
  expect_status 0
  expect_equal "programs that were executed" 1 "$(grep -c execve <<<"$err")"
  # One that looks, and one that waits for it.
  expect_equal "processes that were started" 1 "$(grep -cE '(fork|clone3?)\(' <<<"$err")"
  # A descriptor of its own, in place of those that it closes.
  ! grep -vF '"/dev/null"' <<<"$err" | grep -E 'ptrace|writev|kill\(|O_WRONLY|O_RDWR' ||
    fails "$ran" "nothing but reads" "$err"
}
