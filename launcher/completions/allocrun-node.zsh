#compdef allocrun-node
# SPDX-License-Identifier: Apache-2.0

_arguments -S \
  '(- *)--help[show the verbs]' \
  '(- *)--version[show the version]' \
  '--format=[what is printed]:format:(text json)' \
  '--root=[where versions lie]:folder:_directories' \
  '--state=[where the journal lies]:folder:_directories' \
  '--etc=[where the policy lies]:folder:_directories' \
  '--systemd=[where units lie]:folder:_directories' \
  '--no-systemd[arm no timer, restart no unit]' \
  '--owner=[who does this]:name: ' \
  '--sums=[checksums that list the artefact]:file:_files' \
  '--signature=[of the checksums]:file:_files' \
  '--signers=[whose signatures are trusted]:file:_files' \
  '--confirm-within=[time after which it goes back by itself]:time: ' \
  '--policy=[fragment for policy.d]:file:_files' \
  '*--unit=[unit to restart]:unit: ' \
  '--tune[set the node up as the policy says]' \
  '--health=[URL or command of the health]:health: ' \
  '--probe=[command whose time is compared]:command: ' \
  '--timeout=[how long the gate waits for the health]:time: ' \
  '--soak=[how long the gate looks at it]:time: ' \
  '--rss-percent=[how much more memory is let through]:percent: ' \
  '--latency-percent=[how much more time is let through]:percent: ' \
  '--without-server[the gate looks at the version alone]' \
  '--boot[nothing is restarted: the machine starts]' \
  '1:verb:(stage plan apply gate confirm revert status gc recover remove pull)' \
  '2:artefact:_files'
