# shellcheck shell=bash disable=SC2034 # variables are for the scripts that source this
# What the scripts of this folder share. Sourced, never run.
export LC_ALL=C
umask 022

me=${0##*/}
package_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
repo=$(cd -- "$package_dir/../.." && pwd -P)

say() { printf '==> %s\n' "$*"; }
die() { printf '%s: %s\n' "$me" "$*" >&2; exit 1; }
# The comment block at the head of the calling script is its help text.
print_help() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"; }

version=$(sed -n 's/.*ALLOCRUN_VERSION "\(.*\)"/\1/p' "$repo/launcher/version.h")
changelog_version() { sed -n '1s/^allocrun (\(.*\)) .*/\1/p' "$package_dir/debian/changelog"; }

# The time that every file in a package carries: that of the release, from the one place
# that has it with its hour, so that tarballs and .deb agree and a second build is the same.
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
  SOURCE_DATE_EPOCH=$(date -d "$(sed -n '/^ -- /{s/.*>  //p;q}' "$package_dir/debian/changelog")" +%s)
fi
export SOURCE_DATE_EPOCH

# What Debian calls a machine.
debian_architecture() {
  case $1 in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) die "no packages for machine '$1'" ;;
  esac
}

# Every make here decides its own flags, whatever the make that runs it was given.
plain_make() { env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -C "$repo" "-j$(nproc)" "$@"; }

# The launcher, manual pages and completions for a machine, in build/package/MACHINE with
# flags of its own: whatever lies in build/prefix decides nothing here. Relative paths
# throughout, so that the folder of the checkout stays out of the bytes. Sets build, sysroot,
# tool, the prefix of the compiler's tools, and settings, what make is told.
launcher_for() {
  local machine=$1 flags='-O2 -g' lib inc
  build=build/package/$machine sysroot='' tool=''
  if [ "$machine" != "$(uname -m)" ]; then
    tests/require cross
    tool=$machine-linux-gnu- sysroot=build/sysroot/$machine
    lib=$sysroot/usr/lib/$machine-linux-gnu inc=$sysroot/usr/include
    # Its libc too, in place of the older one that comes with the cross compiler.
    flags+=" -B$lib -L$lib -isystem $inc -isystem $inc/$machine-linux-gnu"
    flags+=" -ffile-prefix-map=$sysroot="
    launcher/package/sysroot "$machine" "$sysroot"
  fi
  settings=(BUILD="$build" CC="${tool}gcc" CFLAGS="$flags" LDFLAGS='' SYSROOT="$sysroot")
  plain_make "${settings[@]}" launcher
  launcher/package/linked "$build/launcher/allocrun.map" ${sysroot:+"$sysroot"} >"$build/linked"
}

# The files of the checkout, or of an unpacked source archive, copied to FOLDER.
export_sources() {
  mkdir -p -- "$1"
  (
    cd -- "$repo" || exit
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
      git ls-files -co --exclude-standard
    else
      find . -path ./build -prune -o -type f -printf '%P\n'
    fi | while read -r file; do [ ! -e "$file" ] || printf '%s\n' "$file"; done | tar -c --no-recursion -T -
  ) | tar -x -C "$1"
}
