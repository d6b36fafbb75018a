# shellcheck shell=sh disable=SC2154,SC2034 # facts, and what lib.sh sets
# thp_anon= on the command line, as the kernel took it: what the sizes have now is the
# kernel's word, and the audit must say the same.
folder=/sys/kernel/mm/transparent_hugepage
word=$(tr ' ' '\n' </proc/cmdline | sed -n 's/^thp_anon=//p')
state() { sed 's/.*\[\(.*\)\].*/\1/' "$folder/hugepages-$1kB/enabled"; }
states() { for size in 16 32 64 128 256 2048; do printf '%s:%s ' "$size" "$(state $size)"; done; }

# Without a word that it can read, 2M inherits and the other sizes are off.
unasked="16:never 32:never 64:never 128:never 256:never 2048:inherit "
allocrun --check --only thp-cmdline --verbose >/tmp/check 2>&1 || true
case $word in
  '') is "no thp_anon=: the kernel's own" "$unasked" "$(states)" ;;
  *frob*)
    is "thp_anon= with a bad word: all of it is ignored" "$unasked" "$(states)"
    like "thp_anon= with a bad word: the audit" "*warn*thp-cmdline: thp_anon=$word: not a value the kernel takes, it ignores the whole word*" "$(cat /tmp/check)"
    ;;
  *)
    is "thp_anon=: where sizes overlap the later one counts" \
      "16:always 32:always 64:madvise 128:madvise 256:never 2048:never " "$(states)"
    like "thp_anon=: the audit" "*ok*thp-cmdline: thp_anon=$word, as it is now*" "$(cat /tmp/check)"
    ;;
esac
