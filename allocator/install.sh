# shellcheck shell=bash disable=SC2154 # variables come from allocator/build
# From finished builds to a prefix. Sourced by allocator/build.
#
# A prefix may hold builds of several targets. Those that were not asked for this time
# stay, when the manifest names them and this checkout knows them. The manifest is
# written last: without one, nothing in the prefix is finished.

# The folder below lib/allocrun that the libraries lie in; part of LD_PRELOAD.
home=instead-of-libtcmalloc

cannot_write() { die "cannot write $1: ${2##*: }"; }

# Copies when the bytes differ, by a rename: a server that has the old library
# mapped keeps it.
install_file() {
  local from=$1 to=$2 mode=$3 error
  ! cmp -s -- "$from" "$to" || return 0
  if ! error=$({ mkdir -p -- "${to%/*}" && cp -- "$from" "$to.new" && chmod "$mode" -- "$to.new" &&
    mv -f -- "$to.new" "$to"; } 2>&1); then
    rm -f -- "$to.new"
    cannot_write "$to" "$error"
  fi
}

# Which file of a finished build goes where: "mode<TAB>from<TAB>to" lines.
files_of_build() {
  local dir=$1 entry=$1/entry.json file debug tool
  file=$(entry_value "$entry" file)
  debug=$(entry_value "$entry" debug_file)
  printf '%s\t%s\t%s\n' 644 "$dir/${file##*/}" "$libdir/$file" \
    644 "$dir/${debug##*/}" "$libdir/$debug" \
    644 "$dir/licence.txt" "$prefix/$(entry_licence "$entry")"
  for tool in $(sed -n 's/^ *"tools": \[\(.*\)\],$/\1/p' "$entry" | tr -d '",'); do
    printf '%s\t%s\t%s\n' 755 "$dir/$tool" "$libdir/$tool"
  done
}
entry_licence() { sed -n 's/^ *"licence_file": "\(.*\)"$/\1/p' "$1"; }

compose_manifest() {
  local comma=
  printf '{\n  "manifest": 1,\n  "builds": [\n'
  for entry in "$@"; do
    printf '%s' "$comma$entry"
    comma=$',\n'
  done
  printf '\n  ]\n}\n'
}

# The entry of ID in the prefix's manifest, or in the one that an interrupted
# installation put aside; if its library is what the entry says.
entry_in_prefix() {
  local manifest entry file
  for manifest in "$libdir/manifest.json" "$libdir/manifest.json.old"; do
    [ -r "$manifest" ] || continue
    entry=$(awk -v id="      \"id\": \"$1\"," '
      /^    \{$/ { text = ""; found = 0 }
      $0 == id { found = 1 }
      { text = text $0 "\n" }
      /^    \},?$/ && found { sub(/,?\n$/, "", text); print text; exit }' "$manifest")
    [ -n "$entry" ] || continue
    file=$(entry_value /dev/stdin file <<<"$entry")
    if [ -r "$libdir/$file" ] &&
      [ "$(sha256_of "$libdir/$file")" = "$(entry_value /dev/stdin sha256 <<<"$entry")" ]; then
      printf '%s\n' "$entry"
      return 0
    fi
  done
}

all_in_place() {
  local mode from to
  while IFS=$'\t' read -r mode from to; do
    cmp -s -- "$from" "$to" || return 1
  done <<<"$1"
}

# Arguments: every ID that this checkout can make, each with the folder of its
# finished build or with nothing when it was not asked for: "ID=FOLDER".
install_builds() {
  local libdir=$prefix/lib/allocrun pair id dir entry text manifest files='' entries=() ids=() mode from to
  for pair in "$@"; do
    id=${pair%%=*} dir=${pair#*=}
    if [ -n "$dir" ]; then
      entry=$(cat -- "$dir/entry.json")
      files+=$(files_of_build "$dir")$'\n'
    else
      entry=$(entry_in_prefix "$id")
    fi
    [ -z "$entry" ] || { entries+=("$entry"); ids+=("$id"); }
  done
  files+=644$'\t'$allocator_dir/$home.txt$'\t'$libdir/$home/README
  manifest=$(compose_manifest "${entries[@]}")
  text=$(cat -- "$libdir/manifest.json" 2>/dev/null) || text=
  if all_in_place "$files" && [ "$manifest" = "$text" ]; then
    say "allocators: nothing to do"
    return 0
  fi

  # From here until the last rename there is no manifest, and so nothing that could
  # be taken for finished.
  [ ! -e "$libdir/manifest.json" ] || mv -f -- "$libdir/manifest.json" "$libdir/manifest.json.old"
  while IFS=$'\t' read -r mode from to; do
    install_file "$from" "$to" "$mode"
  done <<<"$files"
  write_manifest
  remove_other_builds
  say "allocators: ${ids[*]} in $libdir"
}

write_manifest() {
  local error
  if ! error=$({ printf '%s\n' "$manifest" >"$libdir/manifest.json.new" &&
    mv -f -- "$libdir/manifest.json.new" "$libdir/manifest.json"; } 2>&1); then
    rm -f -- "$libdir/manifest.json.new"
    cannot_write "$libdir/manifest.json" "$error"
  fi
  rm -f -- "$libdir/manifest.json.old"
}

# What the manifest no longer names: builds of these recipes, and debug files of
# libraries that have been replaced.
remove_other_builds() {
  local dir name file
  for dir in "$libdir/$home"/*/; do
    dir=$(basename -- "$dir")
    if [[ " ${ids[*]} " == *" $dir "* ]]; then
      for file in "$libdir/$home/$dir"/.debug/*.debug; do
        [[ $manifest == *"/$dir/.debug/${file##*/}\""* ]] || rm -f -- "$file"
      done
      continue
    fi
    for name in "${recipes[@]}"; do
      case $dir in "$name"-[0-9]*) rm -rf -- "${libdir:?}/$home/$dir" ;; esac
    done
  done
}
