#compdef allocbench
# SPDX-License-Identifier: Apache-2.0

local -a arms
arms=(glibc glibc-again glibc-pinned glibc-2-arenas balanced memory latency throughput embedding debug)

_arguments -C \
  '(- *)'{-h,--help}'[show the options]' \
  '1:command:(run report compare watch demo setup)' \
  '*::option:->rest' && return

case $words[1] in
  run)
    _arguments -S \
      '-o[where results go]:folder:_directories' \
      "--arms[what is compared]:arms:_values -s , arm $arms" \
      '*--arm[one more: NAME=/PATH.so or a prefix]:arm: ' \
      '--rounds[how many]:number: ' \
      '--ready[when the server is ready]:path, port or log\:REGEX: ' \
      '--ready-timeout[how long it may take]:seconds: ' \
      '--load[what sends the requests]:load:(http\:/ openai\: vllm\:)' \
      '--bodies[a request on each line]:file:_files' \
      '--phases[work and idleness]:phases: ' \
      '--metrics[what is judged]:metrics: ' \
      '--seed[of orders and requests]:number: ' \
      '--port[in place of a free one]:port: ' \
      '--grace[for the server to end]:seconds: ' \
      '--cool[until the machine is quiet]:seconds: ' \
      '--in-use[where the server says its working set]:path: ' \
      '--allocrun[which launcher]:program:_files' \
      '(-):server: _command_names -e' '*::argument: _normal'
    ;;
  report) _arguments '1:folder:_directories' '--html[one page]:file:_files' '--format[what is printed]:format:(text json)' ;;
  compare) _arguments '1:before:_directories' '2:after:_directories' ;;
  watch)
    _arguments '-o[lines of JSON]:file:_files' '*--arm[NAME=PID, port\:PORT or cgroup\:PATH]:arm: ' \
      '*--metrics[NAME=URL of a Prometheus page]:page: ' '--every[between looks]:seconds: ' '--days[how long]:days: ' \
      '--report[measure nothing]' '--allocrun[which launcher]:program:_files'
    ;;
  demo)
    _arguments '-o[where results go]:folder:_directories' '--rounds[how many]:number: ' \
      '--work[which service]:work:(documents front embed prefork table)' '--phases[work and idleness]:phases: ' \
      '--python[runs the service]:program:_files' "--arms[what is compared]:arms:_values -s , arm $arms" '--allocrun[which launcher]:program:_files'
    ;;
  setup) _arguments '1:folder:_directories' ;;
esac
