# SPDX-License-Identifier: Apache-2.0
# bash completion for allocrun(8)

_allocrun_list() {
  # The last of several values behind commas.
  local done_part=''
  [[ $cur == *,* ]] && done_part=${cur%,*},
  mapfile -t COMPREPLY < <(compgen -P "$done_part" -W "$1" -- "${cur##*,}")
  compopt -o nospace
}

# The ids that this very program knows.
_allocrun_checks() {
  "${COMP_WORDS[0]}" --check --list-checks 2>/dev/null | while read -r word _; do echo "$word"; done
}

_allocrun_units() {
  systemctl list-units --no-legend --plain --type=service 2>/dev/null | while read -r word _; do echo "$word"; done
}

_allocrun() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i word
  local modes='--explain --list --check --stat --purge --heap-profile --tune --units --capture --shims --copy-to --oci-hook --help --version'
  local options='--profile --allocator --conf --mimalloc --glibc --purge-thread --children
    --numa --numa-strict --thp --memlock --core --oom-score-adj --user --keep-caps --no-new-privs
    --record --require --prefer --off --policy --argv0 --format --sysroot --quiet --verbose'
  local of_check='--pid --unit --cgroup --all --here --only --skip --fail-on --accept-unknown --output --journal --watch
    --every --timeout --list-checks --explain-check --classes'
  local of_tune='--dry-run --revert --atomic' of_shims='--remove'
  local formats='text json' checking='' stating=''
  local steps='affinity mempolicy thp rlimits oom-score preload integrity options user caps
    no-new-privs'
  COMPREPLY=()

  for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
    [[ $word != -- ]] || break
    [[ $word != --check ]] || checking=yes
    [[ $word != --stat ]] || stating=yes
  done
  [[ -z $checking ]] || formats='text json junit tap prometheus nagios'
  [[ -z $stating ]] || formats='text json prometheus'

  # Behind the command all belongs to the command.
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ $word == -- ]]; then
      i=$((i + 1))
      break
    fi
    case $word in
      --numa-strict | --no-new-privs | --quiet | --verbose | --explain | --list | \
        --check | --stat | --purge | --heap-profile | --classes | --tune | --units | --dry-run | --revert | --atomic | --remove | --oci-hook | --all | --here | --accept-unknown | --journal | --list-checks | -*=*) ;;
      --*) i=$((i + 1)) ;;
      -*) ;;
      *) break ;;
    esac
  done
  if ((i < COMP_CWORD)) && declare -F _command_offset >/dev/null; then
    _command_offset "$i"
    return
  fi

  case $prev in
    --profile) mapfile -t COMPREPLY < <(compgen -W 'balanced memory latency throughput embedding debug' -- "$cur") ;;
    --allocator) _allocrun_list 'auto jemalloc mimalloc system' ;;
    --children) mapfile -t COMPREPLY < <(compgen -W 'keep drop' -- "$cur") ;;
    --numa) mapfile -t COMPREPLY < <(compgen -W 'auto off gpu interleave' -- "$cur") ;;
    --thp) mapfile -t COMPREPLY < <(compgen -W 'inherit off advised on' -- "$cur") ;;
    --memlock | --core) mapfile -t COMPREPLY < <(compgen -W 'inherit hard unlimited' -- "$cur") ;;
    --oom-score-adj) mapfile -t COMPREPLY < <(compgen -W 'inherit' -- "$cur") ;;
    --format) mapfile -t COMPREPLY < <(compgen -W "$formats" -- "$cur") ;;
    --fail-on) mapfile -t COMPREPLY < <(compgen -W 'warn fail' -- "$cur") ;;
    --only | --skip) _allocrun_list "$(_allocrun_checks)" ;;
    --explain-check) mapfile -t COMPREPLY < <(compgen -W "$(_allocrun_checks)" -- "$cur") ;;
    --pid | --stat | --purge | --heap-profile) mapfile -t COMPREPLY < <(compgen -W "$(cd /proc && echo [0-9]*)" -- "$cur") ;;
    --unit) mapfile -t COMPREPLY < <(compgen -W "$(_allocrun_units)" -- "$cur") ;;
    --cgroup) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    --require | --prefer | --off) _allocrun_list "$steps" ;;
    --user) mapfile -t COMPREPLY < <(compgen -u -- "$cur") ;;
    --keep-caps) _allocrun_list 'all none' ;;
    --policy | --record | --output) compopt -o default ;;
    --sysroot | --capture | --shims | --copy-to) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    --conf | --mimalloc | --glibc | --purge-thread | --watch | --every | --timeout) ;;
    *)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$modes $options $of_check $of_tune $of_shims" -- "$cur")
      elif [[ -z $checking ]]; then
        mapfile -t COMPREPLY < <(compgen -c -- "$cur")
      fi
      ;;
  esac
}

complete -F _allocrun allocrun
