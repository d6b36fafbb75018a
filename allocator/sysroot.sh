# shellcheck shell=bash disable=SC2154 # variables come from allocator/build
# The headers, start files and libc of a target that this machine has no packages for,
# unpacked from pinned Debian packages. Sourced by allocator/build.

# In a subshell, with the target loaded.
prepare_sysroot() {
  local source stamp='' scratch
  [ ${#SYSROOT_SOURCES[@]} -gt 0 ] || return 0
  for source in "${SYSROOT_SOURCES[@]}"; do
    lock_read "$source"
    stamp+="$src_sha256 "
  done
  stamp+="$(sha256_of "$allocator_dir/sysroot.sh") $SYSROOT"
  [ "$(cat -- "$SYSROOT/stamp" 2>/dev/null)" != "$stamp" ] || return 0

  "$allocator_dir/fetch" --lock "$lock_file" "${SYSROOT_SOURCES[@]}"
  say "$target: unpacking headers and libc"
  mkdir -p -- "${SYSROOT%/*}"
  rm -rf -- "${SYSROOT%/*}"/tmp.*
  scratch=$(mktemp -d -- "${SYSROOT%/*}/tmp.XXXXXX")
  for source in "${SYSROOT_SOURCES[@]}"; do
    lock_read "$source"
    verify_source "$source" "$sources_dir/$src_file"
    ar p "$sources_dir/$src_file" data.tar.xz | tar -xJ -C "$scratch" --no-same-owner 2>/dev/null ||
      die "$source: cannot unpack $src_file into $scratch: is the disk full?"
  done
  # As the packages have it, but by the paths that a build sees (see the target file);
  # and once more by ours, with a command that uses it, for test programs.
  rebase_specs allocrun/sysroot >"$scratch/musl.specs"
  rebase_specs "$SYSROOT" >"$scratch/own.specs"
  printf '#!/bin/sh\nexec %s "-specs=%s/own.specs" "$@"\n' "${CC[0]}" "$SYSROOT" >"$scratch/cc"
  chmod 755 "$scratch" "$scratch/cc"
  printf '%s\n' "$stamp" >"$scratch/stamp"
  rm -rf -- "$SYSROOT"
  mv -- "$scratch" "$SYSROOT"
}

# The packages' musl-gcc.specs with another root. (libc.so is in /lib, the rest in /usr.)
rebase_specs() {
  local root=$1 text
  text=$(cat -- "$scratch/usr/lib/$TRIPLET/musl-gcc.specs")
  text=${text//"/usr/include/$TRIPLET"/"$root/usr/include/$TRIPLET"}
  text=${text//"-L/usr/lib/$TRIPLET"/"-L$root/lib/$TRIPLET -L$root/usr/lib/$TRIPLET"}
  text=${text//" /usr/lib/$TRIPLET"/" $root/usr/lib/$TRIPLET"}
  printf '%s\n\n\n' "$text" # the last entry is empty
}
