# shellcheck shell=bash disable=SC2034,SC2154 # variables come from, and go to, who sources this
# shellcheck disable=SC2054,SC2164 # -Wl,... options have commas; set -e is on
# What is done to make a library of a recipe: all that decides its bytes, besides the
# recipe and the target. Sourced by allocator/build.

# Builds see this environment and no other: a CFLAGS, CONFIG_SITE or MAKEFLAGS of
# the caller must not decide what ends up in the library.
clean_env() {
  env -i PATH="$PATH" HOME=/nonexistent TMPDIR="${TMPDIR:-/tmp}" LC_ALL=C SOURCE_DATE_EPOCH=0 "$@"
}

# Unpacks the archive and applies the recipe's patches, each of which says what for.
# Everything is compiled from inside the tree by relative names, our own files and
# the sysroot included, so that the folder leaves no trace in the library.
unpack() {
  local patch
  verify_source "$name" "$sources_dir/$src_file"
  tar -xf "$sources_dir/$src_file" -C "$tree" --no-same-owner --strip-components=1
  cd -- "$tree/$src_subdir"
  for patch in "$allocator_dir/$name"/patches/*.patch; do
    [ ! -e "$patch" ] || patch -p1 --fuzz=0 --forward <"$patch"
  done
  mkdir allocrun
  cp -- "$allocator_dir/operators/"* "$allocator_dir/runtime/"* "$allocator_dir/purge/"* \
    "$allocator_dir/$name/"*.[ch] allocrun/
  printf '"-ffile-prefix-map=%s=/usr/src/%s-%s"\n' "$(pwd -P | sed 's/[\\"]/\\&/g')" "$name" "$src_version" >allocrun/paths
  [ ${#SYSROOT_SOURCES[@]} -eq 0 ] || ln -s "$SYSROOT" allocrun/sysroot
}

compile_own() {
  clean_env "${CC[@]}" -std=gnu17 "${cflags[@]}" -Wall -Wextra -Werror -fPIC -fvisibility=hidden \
    -fno-builtin-malloc "$@"
}

# From the recipe's objects to the library. They are first made one object, in
# which names can be edited:
#  - the allocator's own C++ operators go (operators.c has better ones);
#  - functions of the libc that only call malloc stay the libc's: a program with a malloc of
#    its own would get our memory from them, and give it to its own free;
#  - functions whose default version is newer than the oldest glibc are bound to
#    their older version (file targets/*.pins).
link_library() {
  local part own=(operators.o)
  "${CC[@]}" -r -nostdlib -o whole.o "${OBJECTS[@]}"
  "${CROSS}objcopy" --wildcard --strip-symbol='_Zn[aw]*' --strip-symbol='_Zd[al]*' \
    --localize-symbol=strdup --localize-symbol=strndup --localize-symbol=realpath whole.o
  # -fexceptions: bad_alloc and new_handlers throw through the operators.
  compile_own -fexceptions -c allocrun/operators.c -o operators.o
  for part in "${RUNTIME[@]}"; do
    compile_own -c "allocrun/$part.c" -o "runtime-$part.o"
    own+=("runtime-$part.o")
  done
  "${CC[@]}" -r -nostdlib -o library.o whole.o "${own[@]}" "${RUNTIME_LIBS[@]}"
  if [ -n "$OLDEST_GLIBC" ]; then
    "${CROSS}objcopy" --redefine-syms="$allocator_dir/targets/$target.pins" library.o
  fi
  "${CC[@]}" -shared -static-libgcc -o linked.so library.o "${LDFLAGS[@]}" "${TARGET_LDFLAGS[@]}" \
    "-Wl,-soname,$LIBRARY" "${LIBS[@]}"
  split_debug
}

# Debug information goes into a file of its own, .symtab stays: an auditor finds
# jemalloc's opt_ variables and mimalloc's option table in a running process by
# their names. A debugger looks for the file that the link names in .debug beside the
# library, wherever that lies.
split_debug() {
  debug=$(build_id_of linked.so).debug
  "${CROSS}objcopy" --only-keep-debug --compress-debug-sections=zlib linked.so "$debug"
  "${CROSS}objcopy" --strip-debug --add-gnu-debuglink="$debug" linked.so "$out/$LIBRARY"
  mv -- "$debug" "$out/"
  chmod 644 "$out/$LIBRARY" "$out/$debug"
}

LDFLAGS=(
  -Wl,-z,defs                     # a symbol that nobody defines is an error now, not in a server
  -Wl,-z,now -Wl,-z,relro         # bind at load: the lazy resolver must never run inside malloc
  -Wl,-z,nodelete                 # threads and destructors outlive a dlclose
  -Wl,-z,noexecstack
  -Wl,-Bsymbolic-functions        # our new calls our malloc and our delete our free, whoever is in front
  -Wl,--eh-frame-hdr              # how unwinders find their way through us; musl-gcc leaves it out
  -Wl,--hash-style=gnu -Wl,--build-id=sha1
)

needed_of() { readelf -dW -- "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p'; }
build_id_of() { readelf -nW -- "$1" | sed -n 's/.*Build ID: *//p'; }
newest_glibc_of() {
  readelf -VW -- "$1" | sed -n 's/.*Name: GLIBC_\([0-9.]*\) .*/\1/p' | sort -Vu | tail -n 1
}
is_at_most() { [ "$(printf '%s\n' "$1" "$2" | sort -V | tail -n 1)" = "$2" ]; }

newer_symbols_of() {
  local symbol
  readelf -W --dyn-syms -- "$1" | grep -o '[^ ]*@GLIBC_[0-9.]*' | sort -u |
    while read -r symbol; do is_at_most "${symbol#*@GLIBC_}" "$OLDEST_GLIBC" || echo "  $symbol"; done
}

# What cannot be shipped is refused here; allocator/tests has the rest.
check_library() {
  local lib=$out/$LIBRARY newest needed
  newest=$(newest_glibc_of "$lib")
  if [ -n "$newest" ] && ! is_at_most "$newest" "${OLDEST_GLIBC:-0}"; then
    echo "needs a newer glibc than ${OLDEST_GLIBC:-none}; pin these in targets/$target.pins:"
    newer_symbols_of "$lib"
    return 1
  fi
  for needed in $(needed_of "$lib"); do
    [[ " $NEEDED_ALLOWED " == *" $needed "* ]] || { echo "needs $needed, which an image may not have"; return 1; }
  done
}

# --- what came of it --------------------------------------------------------------

json_string() { local s=${1//\\/\\\\}; printf '"%s"' "${s//\"/\\\"}"; }
json_list() {
  local item comma=
  printf '['
  for item in "$@"; do printf '%s' "$comma"; json_string "$item"; comma=', '; done
  printf ']'
}

# The manifest's entry for this build. Files are named below lib/allocrun.
describe() {
  local lib=$out/$LIBRARY build_id glibc
  build_id=$(build_id_of "$lib")
  glibc=$(newest_glibc_of "$lib")
  cat >"$out/entry.json" <<JSON
    {
      "id": $(json_string "$id"),
      "allocator": $(json_string "$name"),
      "version": $(json_string "$src_version"),
      "variant": $(json_string "$variant"),
      "file": $(json_string "$home/$id/$LIBRARY"),
      "debug_file": $(json_string "$home/$id/.debug/$build_id.debug"),
      "tools": $(json_list ${TOOL:+"$TOOL"}),
      "machine": $(json_string "$MACHINE"),
      "libc": $(json_string "$LIBC"),
      "min_glibc": $([ -n "$glibc" ] && json_string "$glibc" || echo null),
      "page_size": $PAGE_SIZE,
      "isa": $(json_string "$ISA"),
      "build_id": $(json_string "$build_id"),
      "sha256": $(json_string "$(sha256_of "$lib")"),
      "source_sha256": $(json_string "$src_sha256"),
      "flags": $(json_string "${CONFIGURE_FLAGS[*]:+${CONFIGURE_FLAGS[*]} }${TARGET_CFLAGS[*]} ${COMPILE_FLAGS[*]}"),
      "compiler": $(json_string "$("${CC[0]}" --version | head -n 1)"),
      "features": $(json_list "${FEATURES[@]}"),
      "licence": $(json_string "$src_licence"),
      "licence_file": $(json_string "share/doc/allocrun/licenses/$name-$src_version.txt")
    }
JSON
}

# Checks, describes and seals what was built: the sums make it a finished build.
finish() {
  check_library
  cp -- "$LICENCE_SOURCE" "$out/licence.txt"
  [ -z "$TOOL" ] || cp -- "$TOOL_SOURCE" "$out/$TOOL"
  describe
  cd -- "$out"
  sha256sum -- * >sums
}
