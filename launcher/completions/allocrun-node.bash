# SPDX-License-Identifier: Apache-2.0
# bash completion for allocrun-node(8)

_allocrun_node() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
  local verbs='stage plan apply gate confirm revert status gc recover remove pull'
  local options='--format --root --state --etc --systemd --no-systemd --owner --sums --signature --signers
    --target --sha256 --confirm-within --policy --unit --tune --health --probe --timeout --soak --rss-percent
    --latency-percent --without-server --boot'
  COMPREPLY=()
  case $prev in
    --format) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$cur") ;;
    --root | --state | --etc | --systemd) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    --sums | --signature | --signers | --policy | stage) compopt -o default ;;
    --unit)
      mapfile -t COMPREPLY < <(compgen -W "$(systemctl list-units --no-legend --plain --type=service 2>/dev/null |
        while read -r word _; do echo "$word"; done)" -- "$cur")
      ;;
    --owner | --target | --sha256 | --confirm-within | --health | --probe | --timeout | --soak) ;;
    --rss-percent | --latency-percent) ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$verbs --help --version $options" -- "$cur") ;;
  esac
}

complete -F _allocrun_node allocrun-node
