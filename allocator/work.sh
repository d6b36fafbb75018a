# shellcheck shell=bash disable=SC2034,SC2154 # variables come from, and go to, who sources this
# shellcheck disable=SC2030,SC2031 # subshells keep builds apart
# One build in the work folder: what it is called, whether it is there, how it comes to
# be. Sourced by allocator/build.
#
# A build is named by its spec: TARGET/RECIPE/VARIANT/PAGE_SIZE.

# --- what is to be built ----------------------------------------------------------

# Sets what a target says, for one of its page sizes (0: none in particular). This and
# load_spec are for subshells: nothing of one build must be left for the next.
load_target() {
  target=$1 PAGE_SIZE=$2
  CROSS='' SYSROOT=/ SYSROOT_SOURCES=() RUNTIME=() RUNTIME_LIBS=()
  # shellcheck source=/dev/null
  . "$allocator_dir/targets/$target.sh"
  LG_PAGE=0
  while [ $((1 << LG_PAGE)) -lt "$PAGE_SIZE" ]; do LG_PAGE=$((LG_PAGE + 1)); done
}

# Sets what the recipe says as well, and id and label.
load_spec() {
  local page_size special
  IFS=/ read -r target name variant page_size <<<"$1"
  load_target "$target" "$page_size"
  CONFIGURE_FLAGS=() VARIANTS=('') TOOL=''
  # shellcheck source=/dev/null
  . "$allocator_dir/$name/recipe.sh"
  # shellcheck source=/dev/null
  [ -z "$overlay" ] || . "$overlay"
  lock_read "$name"

  id=$name-$src_version${variant:+-$variant}-$target
  special=$variant
  [ "$target" = "$native_target" ] || special+="${special:+, }$target"
  # shellcheck disable=SC2153 # from the target
  # Of several page sizes the smallest has the plain name.
  if [ "$PAGES" = fixed ] && [ "$PAGE_SIZE" != "${PAGE_SIZES[0]}" ]; then
    id+=-$((PAGE_SIZE / 1024))k
    special+="${special:+, }$((PAGE_SIZE / 1024))k pages"
  fi
  label="$name $src_version${special:+ ($special)}"
}

# "ID SPEC" for each build of a recipe for a target.
builds_of() (
  local recipe_target=$1 recipe=$2 recipe_variant size sizes variants
  load_spec "$recipe_target/$recipe//0"
  # What adapts itself to the system's pages is built for the largest.
  sizes=("${PAGE_SIZES[@]}") variants=("${VARIANTS[@]}")
  [ "$PAGES" = fixed ] || sizes=("${PAGE_SIZES[-1]}")
  for recipe_variant in "${variants[@]}"; do
    for size in "${sizes[@]}"; do
      load_spec "$recipe_target/$recipe/$recipe_variant/$size"
      echo "$id $recipe_target/$recipe/$recipe_variant/$size"
    done
  done
)

# --- what is there -----------------------------------------------------------------

# Everything that decides the bytes of a build. Same key, same library.
build_key() {
  {
    "${CC[0]}" --version
    "${CROSS}ld" --version
    printf '%s\n' "$id" "$src_version" "$src_sha256" "$src_subdir" "$src_licence"
    local source
    for source in "${SYSROOT_SOURCES[@]}"; do (lock_read "$source" && printf '%s\n' "$src_sha256"); done
    cd -- "$allocator_dir"
    find steps.sh operators runtime purge "targets/$target".* "$name" -type f -print0 | sort -z | xargs -0 sha256sum
    [ -z "$overlay" ] || sha256sum <"$overlay"
  } | sha256sum | cut -d' ' -f1
}

entry_value() { sed -n 's/^ *"'"$2"'": "\(.*\)",$/\1/p' "$1"; }

# A finished build is a folder in which every file is as it was when it was sealed.
is_finished() { [ -s "$1/sums" ] && (cd -- "$1" && sha256sum --check --status --strict sums 2>/dev/null); }

# --- one build ---------------------------------------------------------------------

fail_with_log() {
  printf '%s: %s: %s failed; the end of %s:\n' "$me" "$label" "$1" "$log" >&2
  tail -n 15 -- "$log" | sed 's/^/  /' >&2
  exit 1
}

# One step: a line of progress, its output into the log. The command runs in a
# subshell that stops at the first error by itself, because set -e is off inside
# any command whose status is tested.
stage() {
  local what=$1 status
  shift
  say "$label: $what"
  printf '==> %s\n' "$what" >>"$log"
  set +e
  (set -e; "$@") >>"$log" 2>&1 </dev/null 9>&-
  status=$?
  set -e
  [ $status -eq 0 ] || fail_with_log "$what"
}

build_one() {
  local scratch tree out log debug OBJECTS=() cflags
  load_spec "$1"
  # What an interrupted build left behind is of no use. (The lock is ours.)
  rm -rf -- "$work/$id"/tmp.* 2>/dev/null || true # its tools may still be at it
  mkdir -p -- "$work/$id"
  scratch=$(mktemp -d -- "$work/$id/tmp.XXXXXX")
  tree=$scratch/src out=$scratch/out log=$work/$id/log
  mkdir "$tree" "$out"
  : >"$log"

  # Debug information names files: below a folder that is the same everywhere.
  # Through a file, because the folder's name may have spaces.
  cflags=("${TARGET_CFLAGS[@]}" "${COMPILE_FLAGS[@]}" -gno-record-gcc-switches @allocrun/paths)
  stage unpack unpack
  cd -- "$tree/$src_subdir"
  recipe_compile
  stage link link_library
  stage check finish
  cd -- "$work"
  [ "$(build_key)" = "$2" ] || die "$label: allocator/ was changed while it was built: build again"
  find "$work/$id" -mindepth 1 -maxdepth 1 -type d ! -path "$scratch" -exec rm -rf -- {} + 2>/dev/null || true
  mv -- "$out" "$work/$id/$2"
  rm -rf -- "$scratch"
}
