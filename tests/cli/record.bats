#!/usr/bin/env bats
# The launch record.
# shellcheck disable=SC2016,SC2034,SC2154 # text for another shell; what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

setup() {
  record=$BATS_TEST_TMPDIR/folder/record.json
  mkdir "$BATS_TEST_TMPDIR/folder"
}

files() { find "$BATS_TEST_TMPDIR/folder" -mindepth 1 -printf '%P\n' | sort; }

@test "record: valid JSON with version, build, facts, plan, variables" {
  launch --record "$record" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  json=$(<"$record")
  expect_of .record 2
  expect_of .allocrun "$("$allocrun" --version | cut -d' ' -f2)"
  expect_of .build.id "$(build_of jemalloc)"
  expect_of .build.build_id "$(readelf -n "$(library_of jemalloc)" | sed -n 's/.*Build ID: //p')"
  expect_of .environment.LD_PRELOAD "$(variable LD_PRELOAD)"
  expect_of .environment.MALLOC_CONF "$(variable MALLOC_CONF)"
  expect_of .facts.kernel "$(uname -r)"
  expect_of .command.path "$show"
  expect_of '.plan | length >= 10' true
  expect_step preload "done"
}

@test "record: PID and start time are those of the process" {
  launch --record "$record" -- cat /proc/self/stat
  expect_status 0
  json=$(<"$record")
  expect_of .pid "${out%% *}"
  # Field 22, counted behind the name in parentheses.
  read -ra fields <<<"${out##*) }"
  expect_of .start_time "${fields[19]}"
}

@test "record: atomic, no temporary file is left" {
  launch --record "$record" -- true
  expect_equal "files" record.json "$(files)"
  attempt strace -e trace=openat,rename,renameat,renameat2,unlink -o "$BATS_TEST_TMPDIR/trace" "$allocrun" --record "$record" -- true
  expect_status 0
  expect_in "what was opened for writing" "$record." "$(grep -E 'O_(WRONLY|RDWR)' "$BATS_TEST_TMPDIR/trace")"
  expect_in "what was renamed" "$record\"" "$(grep rename "$BATS_TEST_TMPDIR/trace")"
}

@test "record: readers see the old one or the whole new one" {
  launch --record "$record" -- true
  (
    for _ in {1..30}; do
      "$allocrun" --record "$record" -- "$programs/show-static" /dev/null
    done
  ) </dev/null >/dev/null 2>&1 3>&- &
  echo "$!" >"$BATS_TEST_TMPDIR/pid"
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    jq -e '.record == 2 and (.plan | length) > 0' "$record" >/dev/null || fails "a reader of $record" "a whole record" "$(<"$record")"
  done
  wait "$pid"
  expect_equal "files" record.json "$(files)"
}

@test "record: replaces an older one, also a longer one" {
  head -c 100000 /dev/zero | tr '\0' x >"$record"
  launch --record "$record" -- true
  jq -e '.record == 2' "$record" >/dev/null || fails "$ran" "a record" "$(head -c 200 "$record")"
  # Written twice where privileges are given up.
  needs_root "to change the user"
  launch --user nobody --record "$record" -- true
  expect_status 0
  json=$(<"$record")
  expect_step user "done"
}

@test "record none: none" {
  needs_mounts "for a /run of its own"
  attempt in_mounts 'mount -t tmpfs none /run; "$@"; exec find /run' "$allocrun" --record none -- true
  expect_out_is /run
}

@test "record by default: /run/allocrun/PID.json" {
  needs_mounts "for a /run of its own"
  unset ALLOCRUN_RECORD
  attempt in_mounts 'mount -t tmpfs none /run; "$@"; cat /run/allocrun/*.json; exec find /run -type f >&2' "$allocrun" -- true
  expect_status 0
  json=$out
  expect_equal "files" "/run/allocrun/$(of .pid).json" "$err"
}

@test "record by default where it cannot be written: silently none" {
  needs_mounts "for a /run of its own"
  unset ALLOCRUN_RECORD
  attempt in_mounts 'mount -t tmpfs -o ro none /run' "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_quiet
  attempt in_mounts 'mount -t tmpfs none /run' "${as_nobody[@]}" "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_quiet
  attempt in_mounts 'mount -t tmpfs none /run; : >/run/allocrun' "$allocrun" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_quiet
}

# in_run COMMANDS COMMAND...: as user nobody, below a /run that root alone may write; then its files.
in_run() {
  local commands=$1
  shift
  attempt in_mounts "mount -t tmpfs -o mode=755 none /run; $commands; \"\$@\"; exec find /run -type f -o -type l" "${as_nobody[@]}" "$@"
}

@test "record by default in a service's own folder, where /run/allocrun is not its to write" {
  needs_mounts "for a /run of its own"
  unset ALLOCRUN_RECORD
  in_run "mkdir /run/server; chown $nobody /run/server" env RUNTIME_DIRECTORY=/run/server:/run/other "$allocrun" -- true
  expect_status 0
  expect_match "files" '^/run/server/allocrun/[0-9]+\.json$' "$out"
  # Where the folder of all records can be written it lies there, as without a service.
  in_run "mkdir /run/server; mkdir -m 1777 /run/allocrun; chown $nobody /run/server" \
    env RUNTIME_DIRECTORY=/run/server "$allocrun" -- true
  expect_match "files" '^/run/allocrun/[0-9]+\.json$' "$out"
  # A file that was asked for is where it was asked for.
  in_run "mkdir /run/server; chown $nobody /run/server" \
    env RUNTIME_DIRECTORY=/run/server "$allocrun" --record none -- true
  expect_out_is ""
}

@test "kind P: a service's folder for records that is a link, another's, or one that others may write: no record" {
  needs_mounts "for a /run of its own"
  unset ALLOCRUN_RECORD
  local commands
  for commands in "mkdir /run/server /run/trap; chown $nobody /run/server /run/trap; ln -s ../trap /run/server/allocrun" \
    "mkdir -p /run/server/allocrun; chown $nobody /run/server; chmod 777 /run/server/allocrun" \
    "mkdir -p /run/server/allocrun; chown $nobody /run/server/allocrun; chmod 770 /run/server/allocrun" \
    "mkdir -m 755 /run/server"; do
    in_run "$commands" env RUNTIME_DIRECTORY=/run/server "$allocrun" -- "$show" /dev/null
    expect_status 0
    expect_quiet
    expect_not_in "files after '$commands'" .json "$out"
  done
  in_run "mkdir /run/trap; chown $nobody /run/trap" env RUNTIME_DIRECTORY=/run/server/../trap "$allocrun" -- true
  expect_status 0
  expect_out_is ""
}

@test "record by default in a folder for all users: another's file in its place stays, and the command starts" {
  needs_mounts "for a /run of its own"
  unset ALLOCRUN_RECORD
  attempt in_mounts 'mount -t tmpfs none /run; mkdir -m 1777 /run/allocrun; echo kept >"/run/allocrun/$$.json"
    chown 1 "/run/allocrun/$$.json"; exec "$@"' "${as_nobody[@]}" "$allocrun" -- sh -c 'cat "/run/allocrun/$$.json"; ls /run/allocrun'
  expect_status 0
  expect_quiet
  expect_match "the file, and the names" $'^kept\n[0-9]+\\.json$' "$out"
}

@test "record FILE where it cannot be written: said, and the command starts" {
  launch --record /nowhere/record.json -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_err "no launch record: /nowhere/record.json: No such file or directory"
  launch --record "$BATS_TEST_TMPDIR/folder" -- "$show" -
  expect_malloc "$(library_of jemalloc)"
  expect_err "not a regular file"
}

@test "record on a full disk: said, no half of one, the old one stays" {
  needs_mounts "for a small file system"
  attempt in_mounts "mount -t tmpfs -o size=4k none '$BATS_TEST_TMPDIR/folder'; echo old >'$record'; \"\$@\"; cat '$record'; exec find '$BATS_TEST_TMPDIR/folder' -type f" \
    "$allocrun" --record "$record" -- true
  expect_status 0
  expect_err "no launch record: $record: No space left on device"
  expect_out_is "$(printf 'old\n%s' "$record")"
}

@test "record that is no regular file: never replaced" {
  # Devices of our own: a launcher that is broken must not replace the machine's.
  mknod "$BATS_TEST_TMPDIR/null" c 1 3
  mknod "$BATS_TEST_TMPDIR/full" c 1 7
  for file in "$BATS_TEST_TMPDIR/null" "$BATS_TEST_TMPDIR/full"; do
    kind=$(stat -c '%F %t:%T' "$file")
    launch --record "$file" -- "$show" -
    expect_malloc "$(library_of jemalloc)"
    expect_err "no launch record: $file: not a regular file"
    expect_equal "$file" "$kind" "$(stat -c '%F %t:%T' "$file")"
  done
  mkfifo "$record"
  launch --record "$record" -- true
  expect_status 0
  expect_equal "$record" fifo "$(stat -c %F "$record")"
  rm "$record"
  echo kept >"$BATS_TEST_TMPDIR/kept"
  ln -s "$BATS_TEST_TMPDIR/kept" "$record"
  launch --record "$record" -- true
  expect_status 0
  expect_equal "what the link points to" kept "$(<"$BATS_TEST_TMPDIR/kept")"
}

@test "record: a planted temporary file is not written through" {
  # The name of the temporary file is known once the PID is: exec keeps it.
  attempt bash -c "echo kept >'$BATS_TEST_TMPDIR/kept'; ln -s '$BATS_TEST_TMPDIR/kept' '$record.'\$\$.tmp; exec \"\$@\"" bash "$allocrun" --record "$record" -- true
  expect_status 0
  expect_equal "what the link points to" kept "$(<"$BATS_TEST_TMPDIR/kept")"
  expect_equal "files" record.json "$(files)"
}

@test "record of a start that was refused or failed: none" {
  launch --record "$record" --require preload -- "$programs/show-static"
  expect_status 125
  expect_equal "files" "" "$(files)"
  launch --record "$record" -- "$programs/no-loader"
  expect_status 127
  expect_equal "files" "" "$(files)"
  launch --record "$record" -- no-such-command-anywhere
  expect_status 127
  expect_equal "files" "" "$(files)"
  attempt "$programs/refuse" set_mempolicy -- "$allocrun" --record "$record" --numa 0 --require mempolicy -- true
  expect_status 125
  expect_equal "files" "" "$(files)"
}

@test "record of a start that fails after the user is changed: says that it did not start" {
  needs_root "to change the user"
  launch --record "$record" --user nobody -- "$programs/no-loader"
  expect_status 127
  expect_equal "not_started" "No such file or directory" "$(jq -r .not_started "$record")"
}

@test "record: arguments and other variables of the command are not in it" {
  attempt env SECRET=hunter2 "$allocrun" --record "$record" -- "$show" - --api-key=hunter2
  expect_status 0
  expect_not_in "$record" hunter2 "$(<"$record")"
}

@test "record: valid JSON whatever the names are" {
  name=$'sh\xff\n"\\\x01ow'
  cp "$show" "$BATS_TEST_TMPDIR/$name"
  attempt env LD_PRELOAD=$'/x\xff/libtcmalloc.so' "$allocrun" --record "$record" -- "$BATS_TEST_TMPDIR/$name" -
  expect_status 0
  jq -e .record "$record" >/dev/null || fails "$ran" "JSON" "$(<"$record")"
}

# What the shell of a test does in a /run of its own with 200 records of ended processes:
# launches until about 64 are left, within bounds. $1: what else it does for each launch.
clear_records='mount -t tmpfs none /run; mkdir /run/allocrun; cd /run/allocrun
  for i in {1..200}; do : >$((4000000 + i)).json; done; : >1.json; : >$$.json; : >notes.txt
  for i in {1..300}; do files=(*.json); [ ${#files[@]} -gt 80 ] || break; eval "$more"; "$@"; done
  files=(*.json); echo ${#files[@]}; exec ls 1.json notes.txt'

expect_cleared() {
  local count
  expect_status 0
  expect_out 1.json
  expect_out notes.txt
  count=$(head -n 1 <<<"$out")
  [[ "$count" -le 80 && "$count" -ge 64 ]] || fails "$ran" "64 to 80 records kept" "$count"
}

@test "records of ended processes make room, those of running ones stay" {
  needs_mounts "for a /run of its own"
  unset ALLOCRUN_RECORD
  attempt in_mounts "more=; $clear_records" "$allocrun" -- "$programs/show-static" /dev/null
  expect_cleared
}

@test "records of ended processes make room, whatever the PIDs of a crash loop" {
  needs_mounts "for a /run of its own"
  unset ALLOCRUN_RECORD
  # Two processes for each start: in a PID namespace of its own every launch has an odd PID.
  attempt unshare --mount --pid --fork --mount-proc bash -euc "more='(:)'; $clear_records" bash "$allocrun" -- "$programs/show-static" /dev/null
  expect_cleared
}

teardown() {
  [ ! -e "$BATS_TEST_TMPDIR/pid" ] || kill "$(<"$BATS_TEST_TMPDIR/pid")" 2>/dev/null || true
}
