# shellcheck shell=bash
# shellcheck disable=SC2034 # variables are for the scripts that source this
# What allocator/fetch and allocator/build share. Sourced, never run.

allocator_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
repo_dir=$(dirname -- "$allocator_dir")
lock_file=$allocator_dir/sources.lock
me=${0##*/}

say() { printf '==> %s\n' "$*"; }
die() { printf '%s: %s\n' "$me" "$*" >&2; exit 1; }
usage_error() { printf '%s: %s\n%s\n' "$me" "$1" "try: allocator/$me --help" >&2; exit 125; }

# The comment block at the head of the calling script is its help text.
print_help() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"; }

# Each argument is a program, or PROGRAM=PACKAGE where the package has another name.
need_tools() {
  local tool package missing=''
  for tool in "$@"; do
    package=${tool#*=} tool=${tool%%=*}
    command -v "$tool" >/dev/null 2>&1 && continue
    [ "$package" = "$tool" ] || tool+=" of package $package"
    [[ ", $missing," == *", $tool,"* ]] || missing+="${missing:+, }$tool"
  done
  [ -z "$missing" ] || die "not on this machine: $missing (tests/require build installs what a build needs)"
}

# Sections and values of the lock file. lock_get prints nothing for an absent key.
lock_names() { sed -n 's/^\[\(.*\)\]$/\1/p' "$lock_file"; }
lock_get() {
  awk -v section="[$1]" -v key="$2" '
    /^\[/ { here = ($0 == section); next }
    here && match($0, "^" key "[ \t]*=[ \t]*") { print substr($0, RLENGTH + 1); exit }
  ' "$lock_file"
}

# One lock entry, checked: sets src_version, src_file, src_sha256 and the rest.
# Everything that later decides what is unpacked and built passes through here.
lock_read() {
  local name=$1
  [ -r "$lock_file" ] || die "cannot read the lock file $lock_file"
  lock_names | grep -qxF -- "$name" ||
    die "no source '$name' in the lock file (there are: $(lock_names | paste -sd' '))"
  src_version=$(lock_get "$name" version)
  src_file=$(lock_get "$name" file)
  src_sha256=$(lock_get "$name" sha256)
  src_subdir=$(lock_get "$name" subdir)
  src_licence=$(lock_get "$name" licence)
  src_debian=$(lock_get "$name" debian)
  src_upstream=$(lock_get "$name" upstream)
  [ -n "$src_version" ] || die "$name: the lock entry has no version"
  [ -n "$src_sha256" ] || die "$name: the lock entry has no sha256: refused"
  [[ $src_sha256 =~ ^[0-9a-f]{64}$ ]] || die "$name: the lock entry's sha256 is not 64 hex digits: refused"
  [[ $src_file =~ ^[A-Za-z0-9._+~-]+$ && $src_file != .* ]] ||
    die "$name: the lock entry's file is not a plain file name: '$src_file'"
}

sha256_of() { sha256sum -- "$1" | cut -d' ' -f1; }

# The one place that says whether an archive is the one that was pinned.
verify_source() {
  local name=$1 file=$2 found
  found=$(sha256_of "$file") || die "$name: cannot read $file"
  [ "$found" = "$src_sha256" ] ||
    die "$name: $file is not what was pinned: sha256 is $found, the lock says $src_sha256"
}

sources_dir=$(realpath -m -- "${ALLOCRUN_SOURCES:-$repo_dir/build/sources}")
