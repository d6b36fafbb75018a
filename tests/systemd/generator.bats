#!/usr/bin/env bats
# The generator in a real systemd: what stands in front of services, what follows whose edit, and what is left alone.
# shellcheck disable=SC2016,SC2034,SC2154 # text for the shell of the node; what helpers.bash reads and sets
bats_require_minimum_version 1.5.0

load helpers

teardown() {
  on bash -c 'rm -rf /etc/allocrun /etc/systemd/system/t-* /run/systemd/system/t-*
    systemctl daemon-reload; systemctl stop "t-*" 2>/dev/null; systemctl reset-failed'
}

@test "generator: stands in front, follows the administrator's edit, and leaves nothing behind" {
  put /run/systemd/system/t-a.service <<<$'[Service]\nExecStart=/bin/sleep 600'
  policy_units "t-a.service = on"
  start_unit t-a
  expect_front t-a
  expect_equal "the command" "/bin/sleep 600 " "$(words_of t-a)"
  # What systemctl edit makes; its name sorts before ours.
  put /etc/systemd/system/t-a.service.d/override.conf <<<$'[Service]\nExecStart=\nExecStart=/bin/sleep 601'
  run_on 'systemctl daemon-reload'
  start_unit t-a
  expect_front t-a
  expect_equal "the command" "/bin/sleep 601 " "$(words_of t-a)"
  # A new version of the vendor's.
  run_on 'rm -r /etc/systemd/system/t-a.service.d'
  put /run/systemd/system/t-a.service <<<$'[Service]\nExecStart=/bin/sleep 602'
  run_on 'systemctl daemon-reload'
  start_unit t-a
  expect_front t-a
  expect_equal "the command" "/bin/sleep 602 " "$(words_of t-a)"
  # Out of the policy: as if it had never been there.
  policy_units
  start_unit t-a
  expect_plain t-a
  expect_equal "what was made" "" "$(generated)"
}

@test "generator: off for one unit by one command, and on again" {
  put /run/systemd/system/t-a.service <<<$'[Service]\nExecStart=/bin/sleep 600'
  policy_units "t-a.service = on"
  # As the drop-in itself says it.
  run_on "$(at sed -n 's/^#   //p' /run/systemd/generator.late/t-a.service.d/zz-allocrun.conf)"
  start_unit t-a
  expect_plain t-a
  on "$inside" --units
  expect_out "t-a.service: off: by /etc/systemd/system/t-a.service.d/zz-allocrun.conf"
  run_on 'rm /etc/systemd/system/t-a.service.d/zz-allocrun.conf; systemctl daemon-reload'
  start_unit t-a
  expect_front t-a
  policy_units "t-a.service = off"
  start_unit t-a
  expect_plain t-a
}

@test "generator: templates, their instances with files of their own, and one that is off" {
  put /run/systemd/system/t-w@.service <<<$'[Service]\nExecStart=/bin/sleep 60%i'
  put /etc/systemd/system/t-w@2.service.d/x.conf <<<$'[Service]\nExecStart=\nExecStart=/bin/sleep 700'
  policy_units "t-w@.service = on" "t-w@3.service = off"
  run_on 'systemctl start t-w@1 t-w@2 t-w@3'
  expect_front t-w@1
  expect_equal "the command" "/bin/sleep 601 " "$(words_of t-w@1)"
  expect_front t-w@2
  expect_equal "the command" "/bin/sleep 700 " "$(words_of t-w@2)"
  expect_plain t-w@3
}

@test "generator: several commands, prefixes, quotes, variables and specifiers do what they did" {
  put /run/systemd/system/t-many.service <<'UNIT'
[Service]
Type=oneshot
Environment=ONE=1 "TWO=2 3"
ExecStart=/bin/sh -c 'printf "<%%s>" "$0" "$@" >/run/t-many; echo >>/run/t-many' $ONE ${TWO} $TWO %n "a \" b" \x41 \\ $$X \; # not a comment
ExecStart=-/bin/false
ExecStart=:/bin/sh -c 'printf "<%%s>" "$0" >>/run/t-many' $ONE
UNIT
  run_on 'systemctl daemon-reload; systemctl start t-many; cat /run/t-many'
  local plain=$out
  expect_in "without us" "<1><2 3><2><3><t-many.service><a \" b><A><\\><\$X>" "$plain"
  policy_units "t-many.service = on"
  run_on 'rm /run/t-many; systemctl restart t-many; cat /run/t-many'
  expect_equal "with us" "$plain" "$out"
  expect_equal "commands behind allocrun" 3 "$(at systemctl show t-many --property=ExecStart | grep -c "path=$inside ; ")"
}

# Behind [Service], a unit each, up to an empty line. What systemd itself makes of them is the measure.
texts() {
  cat <<'TEXTS'
ExecStart=/bin/sleep 1

ExecStart=  /bin/sleep   1 2

	ExecStart	=	/bin/sleep	1	2

ExecStart=-/bin/sleep 1

ExecStart=:/bin/sleep $ONE ${TWO}

ExecStart=+/bin/sleep 1

ExecStart=!/bin/sleep 1

ExecStart=!!/bin/sleep 1

ExecStart=-+:/bin/sleep 1

ExecStart=@/bin/sleep other 1

ExecStart=-@/bin/bash -bash -c true

ExecStart="/bin/sleep" 1

ExecStart="-/bin/sleep" 1

ExecStart=-"/bin/sleep" 1

ExecStart='/bin/sl'eep 1

ExecStart=/bin/sleep "a b" 'c d' "e 'f'" 'g "h"' i"j k"l

ExecStart=/bin/sleep \x41 \101 \u00e4 \\ \" \' \n \t \s

ExecStart=/bin/sleep "a\"b" 'c\'d'

ExecStart=/bin/sleep $ONE ${TWO} $$ONE %n %% %i %t

ExecStart=/bin/sleep \; ; /bin/true

ExecStart=/bin/sleep \; 1

ExecStart=/bin/sleep a;b ;c

ExecStart=/bin/sleep ';' ";"

ExecStart=/bin/sleep 1 \
  2 \
# between
; another
  3

ExecStart=/bin/sleep 1 \\
Environment=A=b

ExecStart=/bin/sleep 1
ExecStart=
ExecStart=/bin/sleep 2

Type=oneshot
ExecStart=/bin/sleep 1
ExecStart=-/bin/sleep 2

ExecStart=/bin/sleep 1
[Install]
ExecStart=/bin/sleep 2

ExecStart=/bin/sleep 1
User=nobody
ProtectSystem=strict

ExecStart=/bin/sleep 1
NoExecPaths=/
ExecPaths=/bin /lib /usr

ExecStart=sleep 1

ExecStart=/bin/sleep "1

ExecStart=/bin/sleep \q

ExecStart=/usr/bin/env allocrun -- /bin/sleep 1

ExecStart=/bin/sleep 1
ExecStart=/bin/sleep "2

ExecStart=/bin/sleep 1
nonsense

ExecStart=%t/a 1

ExecStart=/bin/$sleep $ONE

ExecStart=:/bin/$sleep $ONE

ExecStart=/bin/sleep # no comment
TEXTS
}

# What systemd would execute, a line each: program, words, flags.
try_texts='
  n=0 text=
  mkdir -p /run/systemd/system
  while IFS= read -r line || [ -n "$text" ]; do
    if [ -n "$line" ]; then text+=$line$'"'\n'"'; continue; fi
    printf "[Service]\n%s" "$text" >/run/systemd/system/t-text$n.service
    text= n=$((n + 1))
  done
  show() {
    systemctl daemon-reload
    for ((i = 0; i < n; i++)); do
      systemctl show t-text$i --property=ExecStartEx |
        sed -nE "s/.*\{ path=(.*) ; argv\[\]=(.*) ; flags=(.*) ; start_time=.*/$i|\1|\2|\3/p"
    done
  }
  show >/run/t-before
  mkdir -p /etc/allocrun
  { echo "[units]"; for ((i = 0; i < n; i++)); do echo "t-text$i.service = on"; done; } >/etc/allocrun/policy.conf
  show >/run/t-after'

# What should come of a line of before: PROGRAM -- PATH ARGUMENTS, with the same flags.
expect_texts() {
  awk -F'|' -v program="$inside" '
    NR == FNR { outcome[$1] = $2; next }
    outcome[$1] != "front" { print; next }
    {
      path = $2; words = $3; named = ""
      if (index(words, path) == 1) words = substr(words, length(path) + 1)
      else { named = " --argv0 " words; sub(/ --argv0 [^ ]*/, "&", named); split(words, word, " "); named = " --argv0 " word[1]; words = substr(words, length(word[1]) + 1) }
      if ($4 !~ /no-env-expand/) gsub(/\$/, "$$", path)
      print $1 "|" program "|" program named " -- " path words "|" $4
    }' "$1" "$2"
}

@test "generator: forty texts: systemd would execute the same words behind allocrun, with the same flags" {
  texts >"$BATS_TEST_TMPDIR/texts"
  at bash -c "$try_texts" <"$BATS_TEST_TMPDIR/texts" 3>&-
  on "$inside" --units --format json
  jq -r '.[] | (.unit | ltrimstr("t-text") | rtrimstr(".service")) + "|" + .outcome' <<<"$out" >"$BATS_TEST_TMPDIR/outcomes"
  expect_equal "outcomes" "33 front 1 has 6 left" "$(cut -d'|' -f2 "$BATS_TEST_TMPDIR/outcomes" | sort | uniq -c | awk '{ print $1, $2 }' | paste -sd' ')"
  at cat /run/t-before >"$BATS_TEST_TMPDIR/before"
  at cat /run/t-after >"$BATS_TEST_TMPDIR/after"
  diff <(expect_texts "$BATS_TEST_TMPDIR/outcomes" "$BATS_TEST_TMPDIR/before") "$BATS_TEST_TMPDIR/after"
}

@test "generator: a name that is not the program's own is kept" {
  put /run/systemd/system/t-a.service <<<$'[Service]\nExecStart=@/bin/sleep "my %n" 600'
  policy_units "t-a.service = on"
  start_unit t-a
  expect_front t-a
  expect_equal "the command" "my t-a.service 600 " "$(words_of t-a)"
}

@test "generator: what it does not understand starts as it did, and the journal says why" {
  put /run/systemd/system/t-bare.service <<<$'[Service]\nExecStart=sleep 600'
  put /run/systemd/system/t-root.service <<<$'[Service]\nExecStart=/bin/sleep 600\nTemporaryFileSystem=/usr/local'
  put /run/systemd/system/t-has.service <<<$'[Service]\nExecStart=/usr/local/bin/allocrun --profile memory -- /bin/sleep 600'
  put /run/systemd/system/t-late.service <<<$'[Service]\nExecStart=/bin/sleep 600'
  put /etc/systemd/system/t-late.service.d/zzz.conf <<<$'[Service]\nExecStart=\nExecStart=/bin/sleep 601'
  run_on 'ln -s /dev/null /etc/systemd/system/t-masked.service'
  put /run/systemd/system/t-masked.service <<<$'[Service]\nExecStart=/bin/sleep 600'
  policy_units t-{bare,root,has,late,masked,nowhere}.service=on
  run_on 'systemctl start t-bare t-root t-has t-late'
  expect_plain t-bare
  expect_plain t-root
  expect_plain t-late
  expect_front t-has
  expect_equal "its own options" 1 "$(at systemctl show t-has --property=ExecStart | grep -c -- '--profile memory -- /bin/sleep')"
  expect_equal "what was made" "" "$(generated)"
  on "$inside" --units --format json
  expect_status 1
  expect_equal "outcomes" "bare left has has late left masked left nowhere left root left" \
    "$(jq -r 'sort_by(.unit)[] | (.unit | ltrimstr("t-") | rtrimstr(".service")) + " " + .outcome' <<<"$out" | paste -sd' ')"
  run_on 'journalctl --sync; journalctl -t allocrun-generator --output cat ALLOCRUN_UNIT=t-bare.service --no-pager'
  expect_out "t-bare.service: left as it is: /run/systemd/system/t-bare.service:2: the command is not named by its whole path"
  run_on 'journalctl -t allocrun-generator --output cat --no-pager'
  expect_out "t-masked.service: left as it is: it is masked: /etc/systemd/system/t-masked.service"
  expect_out "t-nowhere.service: left as it is: there is no file of this unit"
  expect_out "zzz.conf sets ExecStart= behind zz-allocrun.conf: give it another name"
  expect_no_out t-has
}

@test "generator: with an error in the policy no service is changed, and the journal says where" {
  put /run/systemd/system/t-a.service <<<$'[Service]\nExecStart=/bin/sleep 600'
  policy_units "t-a.service = on" "t-b = on"
  start_unit t-a
  expect_plain t-a
  run_on 'journalctl --sync; journalctl -t allocrun-generator --output cat --no-pager'
  expect_out "no unit was changed: /etc/allocrun/policy.conf:3: 't-b' is no service's name (write: t-b.service)"
  on "$inside" --units
  expect_status 125
}

@test "generator: removed, the next reload leaves services as they were" {
  put /run/systemd/system/t-a.service <<<$'[Service]\nExecStart=/bin/sleep 600'
  policy_units "t-a.service = on"
  expect_equal "what was made" "t-a.service.d/zz-allocrun.conf" "$(generated)"
  # A generator of this name that is nothing stands in its place (systemd.generator(7)).
  run_on 'mkdir -p /etc/systemd/system-generators; ln -s /dev/null /etc/systemd/system-generators/allocrun-generator; systemctl daemon-reload'
  expect_equal "what was made" "" "$(generated)"
  start_unit t-a
  expect_plain t-a
  run_on 'rm /etc/systemd/system-generators/allocrun-generator'
}

@test "generator: called by hand it says what it is; ALLOCRUN=off makes nothing" {
  on /usr/local/lib/systemd/system-generators/allocrun-generator
  expect_status 125
  expect_err "systemd calls it"
  put /run/systemd/system/t-a.service <<<$'[Service]\nExecStart=/bin/sleep 600'
  policy_units "t-a.service = on"
  run_on 'mkdir -p /run/t-late; cd /run; ALLOCRUN=off "$1" t-late t-late t-late; find t-late -type f' \
    /usr/local/lib/systemd/system-generators/allocrun-generator
  expect_out_is ""
  run_on 'cd /run; "$1" t-late t-late t-late; find t-late -type f; rm -r t-late' /usr/local/lib/systemd/system-generators/allocrun-generator
  expect_out "t-late/t-a.service.d/zz-allocrun.conf"
}

# Another version is behind the link tomorrow: the link's own path is what stands in the unit.
@test "generator: in a tree of versions the unit names the link to the current one" {
  put /run/systemd/system/t-a.service <<<$'[Service]\nExecStart=/bin/sleep 600'
  policy_units "t-a.service = on"
  run_on 'mkdir -p /run/t-late /run/t-generators; ln -sfn /usr/local /run/t-current; ln -sf ../t-current/bin/allocrun /run/t-generators/allocrun-generator
    cd /run; t-generators/allocrun-generator t-late t-late t-late; grep -h ^ExecStart=. t-late/*/*; rm -r t-late t-generators t-current'
  expect_out_is "ExecStart=/run/t-current/bin/allocrun -- /bin/sleep 600"
}

# 300 units, all of them listed: the time is the CPU's, which a busy machine does not add to.
@test "generator: less than 20 ms of CPU" {
  run_on 'for i in {1..300}; do printf "[Service]\nExecStart=/bin/sleep %d\n" $i >/run/systemd/system/t-x$i.service; done'
  { echo '[units]'; printf 't-x%d.service = on\n' {1..20}; } | put /etc/allocrun/policy.conf
  run_on 'cd /run; mkdir -p t-late; TIMEFORMAT="%U %S"; time for i in {1..20}; do "$1" t-late t-late t-late; done; find t-late -type f | wc -l; rm -r t-late' \
    /usr/local/lib/systemd/system-generators/allocrun-generator
  expect_out_is 20
  local milliseconds
  milliseconds=$(awk '{ printf "%d", ($1 + $2) * 1000 / 20 }' <<<"$err")
  echo "# generator: $milliseconds ms of CPU for 20 services" >&3
  [ "$milliseconds" -lt 20 ] || fails "$ran" "less than 20 ms" "$milliseconds ms"
}
