# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# What the groups share. Sourced by init in a shell for each group, with the facts of
# topologies.sh as variables: nodes, cpus_N, memory_N, distance_A_B, gpu_N, absent.

# --- saying it ------------------------------------------------------------------

# A line of results, to be found again as "GROUP: NAME".
say() { printf '%s\n' "$*" >&3; }
ok() { say "ok $group: $1"; }
not_ok() {
  say "not ok $group: $1"
  shift
  printf '%s\n' "$@" | sed 's/^/#   /' >&3
}

# is NAME EXPECTED FOUND; on failure, with what the last launch said.
is() {
  if [ "$2" = "$3" ]; then
    ok "$1"
  else
    not_ok "$1" "expected: $2" "found:    $3" "$(said)"
  fi
}

# like NAME PATTERN FOUND: a pattern of the shell
like() {
  # shellcheck disable=SC2254 # a pattern
  case $3 in
    $2) ok "$1" ;;
    *) not_ok "$1" "expected: $2" "found:    $3" "$(said)" ;;
  esac
}

# holds NAME TEST...: the arguments of test(1)
holds() {
  title=$1
  shift
  if [ "$@" ]; then ok "$title"; else not_ok "$title" "does not hold: $*" "$(said)"; fi
}

said() {
  [ -e /tmp/ran ] || return 0
  # Once for each launch.
  ! cmp -s /tmp/ran /tmp/said || return 0
  cp /tmp/ran /tmp/said
  echo "after: $(cat /tmp/ran) (status $status)"
  cat /tmp/out
  grep -v 'no allocator is preloaded: /bin/probe is statically linked' /tmp/err
}

# --- launching ------------------------------------------------------------------

# launch [OPTION]... -- COMMAND: under allocrun; leaves $status, and what value reads.
launch() {
  echo "allocrun $*" >/tmp/ran
  status=0
  rm -f /tmp/record /tmp/said
  allocrun --record /tmp/record "$@" >/tmp/out 2>/tmp/err || status=$?
}

# value KEY: what probe found, empty without such a line
value() { sed -n "s/^$1 //p" /tmp/out; }

# pages: the nodes on which memory was found, such as "0 2"
pages() { sed -n 's/^node\([0-9]*\) .*/\1/p' /tmp/out | paste -s -d ' ' -; }

# recorded STEP FIELD: of the launch record's plan
recorded() {
  awk -v step="\"step\": \"$1\"" -v field="^   \"$2\": " '
    index($0, step) { here = 1 }
    here && $0 ~ field { sub(field, ""); sub(/,$/, ""); gsub(/^"|"$/, ""); print; exit }
    /^  }/ { here = 0 }' /tmp/record
}

# --- the machine ----------------------------------------------------------------

fact() { eval "printf '%s' \"\${$1-}\""; }
is_in() { case " $2 " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

# Nodes that are there, those with CPUs and memory, all CPUs.
present_nodes() { for n in $nodes; do [ "$n" = "${absent-}" ] || printf '%s ' "$n"; done; }
full_nodes() { for n in $(present_nodes); do [ -n "$(fact "cpus_$n")" ] && [ -n "$(fact "memory_$n")" ] && printf '%s ' "$n"; done; }
list() { echo "$*" | sed 's/ *$//; s/  */,/g'; }

# kernel_has MAJOR MINOR
kernel_has() {
  IFS=.- read -r major minor rest </proc/sys/kernel/osrelease
  [ "$major" -gt "$1" ] || { [ "$major" -eq "$1" ] && [ "$minor" -ge "$2" ]; }
}

# The kernel's way to write a list of CPUs or nodes: 0,1,2,5 is 0-2,5.
ranges() {
  echo "$*" | tr ', ' '\012\012' | awk -F- '
    NF { for (i = $1 + 0; i <= (NF > 1 ? $2 : $1) + 0; i++) { seen[i] = 1; if (i > top) top = i } }
    END {
      for (i = 0; i <= top; i++) {
        if (!(i in seen)) continue
        for (j = i; (j + 1) in seen; j++) ;
        printf("%s%s", separator, (j > i) ? i "-" j : i)
        separator = ","
        i = j
      }
      print ""
    }'
}
all_cpus() { ranges "$(for n in $(present_nodes); do fact "cpus_$n"; echo; done)"; }

# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
  tries=$((10 * $1))
  shift
  while ! "$@"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    usleep 100000
  done
}

# Display devices stand for GPUs. What the driver of real ones would show of them:
displays() { for d in /sys/bus/pci/devices/*; do ! grep -q '^0x03' "$d/class" || echo "${d##*/}"; done; }
driver_on() {
  mount -t tmpfs driver /proc/driver
  for address in $(displays); do
    mkdir -p "/proc/driver/nvidia/gpus/$address"
    printf 'Model: \t\t Stand-in\nBus Location: \t %s\n' "$address" >"/proc/driver/nvidia/gpus/$address/information"
  done
}
driver_off() { umount /proc/driver; }
