# SPDX-License-Identifier: Apache-2.0
# bash completion for allocbench(1)

_allocbench() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} word at
  local arms='glibc glibc-again glibc-pinned glibc-2-arenas balanced memory latency throughput embedding debug'
  COMPREPLY=()
  # Behind -- is the server's own command.
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=${COMP_WORDS[at]}
    if [ "$word" = -- ]; then
      mapfile -t COMPREPLY < <(compgen -c -- "$cur")
      return
    fi
  done
  case $prev in
    --html | --bodies | --allocrun | --python) compopt -o default; return ;;
    -o) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    setup | report | compare)
      [[ $cur == -* ]] || { mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return; }
      ;;
    --format) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$cur"); return ;;
    --work) mapfile -t COMPREPLY < <(compgen -W 'documents front embed prefork table' -- "$cur"); return ;;
    --arms)
      # Behind what is named already.
      word=${cur%"${cur##*,}"}
      mapfile -t COMPREPLY < <(compgen -P "$word" -W "$arms" -- "${cur##*,}")
      return
      ;;
    --load) mapfile -t COMPREPLY < <(compgen -W 'http:/ openai: vllm:' -- "$cur"); return ;;
    --arm | --rounds | --ready | --ready-timeout | --phases | --metrics | --seed | --port | --grace | --cool | --in-use | \
      --every | --days) return ;;
  esac
  word='run report compare watch demo setup --help'
  [ "$COMP_CWORD" -eq 1 ] || case ${COMP_WORDS[1]} in
    run) word='-o --arms --arm --rounds --ready --ready-timeout --load --bodies --phases --metrics --seed --port --grace
      --cool --in-use --allocrun --help --' ;;
    report) word='--html --format --help' ;;
    watch) word='-o --arm --metrics --every --days --report --allocrun --help' ;;
    demo) word='-o --rounds --work --phases --python --arms --allocrun --help' ;;
    *) word=--help ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$word" -- "$cur")
}

complete -F _allocbench allocbench
