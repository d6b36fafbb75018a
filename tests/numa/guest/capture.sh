# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# What the detectors read here, for tests/machines; and does it say the same there?
folder=/tmp/guest-$name
[ -z "$(fact gpu_0)" ] || driver_on
echo "allocrun --capture" >/tmp/ran
status=0
allocrun --capture "$folder" >/tmp/out 2>/tmp/err || status=$?
is "taken" 0 "$status"
for options in "" "--numa interleave" "--numa 1"; do
  # shellcheck disable=SC2086 # words
  allocrun --explain --format json $options -- /nowhere >/tmp/here 2>/dev/null
  # shellcheck disable=SC2086 # words
  allocrun --sysroot "$folder" --explain --format json $options -- /nowhere >/tmp/there 2>/dev/null
  for step in affinity mempolicy thp; do
    cp /tmp/here /tmp/record
    here="$(recorded $step value) $(recorded $step why)"
    cp /tmp/there /tmp/record
    like "a plan: $step $options" "* *[a-z]*" "$here"
    is "the same plan: $step $options" "$here" "$(recorded $step value) $(recorded $step why)"
  done
done
{
  echo "-----BEGIN capture"
  tar -c -C /tmp "guest-$name" | gzip | base64
  echo "-----END capture"
} >&3
