# shellcheck shell=bash disable=SC2154 # here, build, repo: boot
# What a guest is made of: busybox, the launcher and its builds, the probe with the libc
# that the builds are loaded into. Sourced by boot.

# The tree that is tested.
initramfs_tree() {
  case $1 in
    "$(uname -m)") echo "${TREE_UNDER_TEST:-$repo/build/prefix}" ;;
    *) echo "$build/$1/prefix" ;;
  esac
}

initramfs_compiler() { [ "$1" = "$(uname -m)" ] && echo gcc || echo "$1-linux-gnu-gcc"; }

# The probe: static, and dynamic to be loaded into; and who needs memory.
initramfs_probes() {
  local machine=$1 root=$2 compiler flags=(-std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -Werror -O1)
  compiler=$(initramfs_compiler "$machine")
  "$compiler" "${flags[@]}" -static -s -o "$root/bin/probe" "$here/probe.c" &&
    "$compiler" "${flags[@]}" -s -o "$root/bin/probe-dynamic" "$here/probe.c" &&
    "$compiler" "${flags[@]}" -s -o "$root/bin/peaks" "$here/../torture/peaks.c" -lpthread &&
    "$compiler" "${flags[@]}" -I"$repo/allocator/pool" -static -s -o "$root/bin/shards" "$here/shards.c" "$repo"/allocator/pool/*.c
}

# All that FILE... need, with their own needs, from the compiler's folders to /lib.
initramfs_libraries() {
  local machine=$1 root=$2 compiler file name
  shift 2
  compiler=$(initramfs_compiler "$machine")
  for file in "$@"; do
    while read -r name; do
      [ ! -e "$root/lib/$name" ] || continue
      file=$("$compiler" -print-file-name="$name")
      [ "$file" != "$name" ] || { echo "initramfs: no $name for $machine" >&2; return 1; }
      cp -L -- "$file" "$root/lib/$name"
      initramfs_libraries "$machine" "$root" "$root/lib/$name" || return 1
    done < <(readelf -dW "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
  done
}

# Where the programs look for the loader.
initramfs_loader() {
  local machine=$1 root=$2 wanted
  wanted=$(readelf -lW "$root/bin/probe-dynamic" | sed -n 's/.*program interpreter: \(.*\)]/\1/p')
  initramfs_libraries "$machine" "$root" "$root/bin/probe-dynamic" || return 1
  mkdir -p -- "$root${wanted%/*}"
  [ -e "$root$wanted" ] || cp -L -- "$("$(initramfs_compiler "$machine")" -print-file-name="${wanted##*/}")" "$root$wanted"
}

# The launcher with its builds: without debug information and tools for people.
initramfs_copy_tree() {
  local tree=$1 root=$2
  mkdir -p -- "$root/opt/allocrun"
  (cd -- "$tree" && find . \( -name .debug -o -name jeprof -o -name man -o -name doc \) -prune -o -type f -print |
    cpio -pdm --quiet "$root/opt/allocrun")
}

initramfs_busybox() {
  case $1 in
    "$(uname -m)") command -v busybox ;;
    *) echo "$build/kernels/busybox-$1/image" ;;
  esac
}

# initramfs_make MACHINE SCRATCH: SCRATCH/initramfs, with SCRATCH/facts in it. Not
# compressed: unpacking costs an emulated machine more than reading.
initramfs_make() {
  local machine=$1 scratch=$2 root=$2/root tree builds
  tree=$(initramfs_tree "$machine")
  [ -x "$tree/bin/allocrun" ] || { echo "initramfs: no launcher in $tree: tests/numa/setup" >&2; return 1; }
  mkdir -p -- "$root"/{bin,lib,guest}
  cp -- "$(initramfs_busybox "$machine")" "$root/bin/busybox" &&
    cp -- "$here"/guest/*.sh "$root/guest/" &&
    cp -- "$here/guest/init" "$root/init" &&
    cp -- "$scratch/facts" "$root/facts" &&
    chmod 755 "$root/init" "$root/bin/busybox" &&
    initramfs_probes "$machine" "$root" &&
    initramfs_copy_tree "$tree" "$root" &&
    initramfs_loader "$machine" "$root" || return 1
  mapfile -t builds < <(find "$root/opt/allocrun/lib" -name '*.so*')
  initramfs_libraries "$machine" "$root" "${builds[@]}" || return 1
  (cd -- "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$scratch/initramfs"
}
