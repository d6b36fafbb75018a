#!/usr/bin/env bats
# --list, --version, --help, the manual pages and completions.
# shellcheck disable=SC2016,SC2034,SC2154 # text for another shell; what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

# Every long option that --help knows, and every key among them.
long_options() { "$allocrun" --help | sed -n 's/^  --\([a-z0-9-]*\).*/\1/p'; }
keys() { "$allocrun" --help | sed -n '/^Options (/,/^$/s/^  --\([a-z0-9-]*\).*/\1/p'; }

@test "--list: every build of the manifest, and whether it fits" {
  launch --list
  expect_status 0
  expect_quiet
  while read -r id; do
    expect_match "$ran" "$id +fits" "$out"
  done < <(jq -r '.builds[].id' "$prefix/lib/allocrun/manifest.json")
  expect_out "$(library_of jemalloc)"
  expect_out "sha256 as in the manifest"
  expect_out "glibc 2."
  expect_out "pages up to 4 KiB"
  expect_out "build ID $(jq -r '.builds[0].build_id' "$prefix/lib/allocrun/manifest.json")"
}

@test "--list --format json: the same" {
  launch --list --format json
  expect_status 0
  json=$out
  expect_of '[.builds[].id] | sort | join(" ")' "$(jq -r '[.builds[].id] | sort | join(" ")' "$prefix/lib/allocrun/manifest.json")"
  expect_of '[.builds[].fits] | all' true
  expect_of .problem null
  expect_of '.builds[0].path | test("^/")' true
  expect_of '[.builds[] | .sha256 == .sha256_found] | all' true
  expect_of '[.builds[] | {id, version, variant, machine, libc, page_size, build_id, sha256, source_sha256, flags, compiler, features, licence}]' \
    "$(jq '[.builds[] | {id, version, variant, machine, libc, page_size, build_id, sha256, source_sha256, flags, compiler, features, licence}]' "$prefix/lib/allocrun/manifest.json")"
}

@test "--list for a command: what does not fit, and why" {
  launch --list -- "$programs/show-musl"
  expect_status 0
  expect_out "does not fit: it is built for glibc, the command uses musl"
  launch --list -- "$programs/show-static"
  expect_status 0
  expect_out "statically linked"
  launch --list --format json -- "$programs/show-musl"
  json=$out
  expect_of '[.builds[].fits] | any' false
  expect_of '.builds[0].reason | length > 0' true
}

@test "--list for a static command, as JSON: nothing fits, and why" {
  launch --list --format json -- "$programs/show-static"
  json=$out
  expect_of '[.builds[].fits] | any' false
}

@test "--version" {
  launch --version
  expect_status 0
  expect_match "$ran" '^allocrun [0-9]+\.[0-9]+\.[0-9]+$' "$out"
  launch -V
  expect_match "$ran" '^allocrun [0-9]+\.[0-9]+\.[0-9]+$' "$out"
  expect_equal "version" "$(sed -n 's/.*ALLOCRUN_VERSION "\(.*\)"/allocrun \1/p' "$root/launcher/version.h")" "$out"
}

@test "--help: every key, every step, every profile, on lines that fit a terminal" {
  launch --help
  expect_status 0
  expect_quiet
  for word in profile allocator conf mimalloc glibc numa numa-strict thp memlock core oom-score-adj user keep-caps \
    no-new-privs record require prefer off policy format sysroot quiet verbose explain list check tune capture shims remove copy-to oci-hook dry-run revert atomic help version; do
    expect_out "--$word"
  done
  for word in affinity mempolicy thp rlimits oom-score preload integrity options user caps no-new-privs \
    balanced memory latency throughput embedding debug ALLOCRUN=off 125 126 127; do
    expect_out "$word"
  done
  # What --help does not list is no option.
  launch --explain --format json
  json=$out
  while read -r key; do
    expect_in "keys of --help" "$key" "$(keys)"
  done < <(of '.settings[].name')
  expect_equal "lines longer than 100" "" "$("$allocrun" --help | grep -E '.{101}' || true)"
}

@test "--help and --version with ALLOCRUN=off or a broken policy" {
  attempt env ALLOCRUN_POLICY=/nowhere ALLOCRUN_NUMA=x "$allocrun" --help
  expect_status 0
  attempt env ALLOCRUN=off "$allocrun" --version
  expect_status 0
}

@test "allocrun.8: every long option" {
  # Written as "--name" or as mdoc's "Fl -name".
  text=$(sed 's/\\-/-/g; s/Fl -/--/g; s/\\&//g' "$root/launcher/man/allocrun.8")
  for name in $(long_options); do
    [[ "$text" =~ --$name([^a-z-]|$) ]] || fails "launcher/man/allocrun.8" "--$name" "not there"
  done
}

@test "allocrun.8: every step, profile and exit code" {
  text=$(<"$root/launcher/man/allocrun.8")
  for word in affinity mempolicy rlimits oom-score preload options caps no-new-privs balanced latency throughput embedding debug 125 126 127 ALLOCRUN_POLICY; do
    expect_in "launcher/man/allocrun.8" "$word" "${text//\\-/-}"
  done
}

@test "policy.conf.5: every key" {
  text=$(sed 's/\\-/-/g' "$root/launcher/man/policy.conf.5")
  for name in $(keys) base; do
    [[ "$text" =~ (^|[^a-z-])$name([^a-z-]|$) ]] || fails "launcher/man/policy.conf.5" "$name" "not there"
  done
}

@test "policy.conf.5: its example is valid" {
  sed -n '/^\.Sh EXAMPLES/,/^\.Ed/p' "$root/launcher/man/policy.conf.5" | grep -v '^\.' >"$BATS_TEST_TMPDIR/policy"
  [ -s "$BATS_TEST_TMPDIR/policy" ] || fails "launcher/man/policy.conf.5" "an example" "none"
  explain --policy "$BATS_TEST_TMPDIR/policy"
  expect_in MALLOC_CONF dirty_decay_ms:60000 "$(of .environment.MALLOC_CONF)"
}

# completions WORD...: what bash offers for the last word of `allocrun WORD...`.
completions() {
  bash --norc -c '
    for file in /usr/share/bash-completion/bash_completion; do [ ! -e "$file" ] || . "$file"; done
    . "$1"; shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
    compopt() { :; }
    "$(complete -p allocrun | sed "s/.*-F \([^ ]*\).*/\1/")" allocrun "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    printf "%s\n" "${COMPREPLY[@]}"' completions "$root/launcher/completions/allocrun.bash" allocrun "$@"
}

@test "bash completion: every long option" {
  offered=$(completions --)
  for name in $(long_options); do
    grep -qxE -- "--$name=? ?" <<<"$offered" || fails "completion of --" "--$name" "$offered"
  done
}

@test "bash completion: values of options, each of which is taken" {
  for option in profile allocator numa thp memlock core format require prefer off keep-caps; do
    offered=$(completions "--$option" '')
    [ -n "$offered" ] || fails "completion of --$option" "values" "none"
    for value in $offered; do
      launch --explain "--$option" "$value"
      expect_status 0
    done
  done
  expect_equal "steps of --require" "$(printf '%s\n' affinity mempolicy thp rlimits oom-score preload integrity options user caps no-new-privs | sort)" "$(completions --require '' | sort)"
}

@test "bash completion: behind --check its formats and ids, each of which is taken" {
  PATH=$prefix/bin:$PATH
  for option in format fail-on only skip explain-check; do
    offered=$(completions --check "--$option" '')
    [ "$(wc -w <<<"$offered")" -ge 2 ] || fails "completion of --check --$option" "values" "$offered"
    for value in $offered; do
      launch --check --pid $$ "--$option" "$value"
      [ "$status" -le 3 ] || fails "$ran" "status 0 to 3" "$(attempt_result)"
    done
  done
  expect_equal "of --check --pid 1, a command" "" "$(completions --check --pid 1 '')"
}

@test "zsh completion: every long option" {
  for name in $(long_options); do
    grep -qE -- "--$name([^a-z-]|$)" "$root/launcher/completions/allocrun.zsh" || fails "launcher/completions/allocrun.zsh" "--$name" "not there"
  done
}
