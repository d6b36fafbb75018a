# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# mimalloc: with a profile of this very work (PGO)
recipe_compile() { stage compile mimalloc_with_profile; OBJECTS=(mimalloc.o); }
mimalloc_with_profile() {
  local kind own=(-std=gnu11 "${cflags[@]}" -fPIC -Iinclude -Isrc -c allocrun/fork.c -o mimalloc.o)
  clean_env "${CC[@]}" "${own[@]}" -fprofile-generate -fprofile-update=atomic
  clean_env "${CC[@]}" -shared -fprofile-generate -Wl,-Bsymbolic-functions -o training.so mimalloc.o
  for kind in tokens threads handed; do
    clean_env LD_PRELOAD="$PWD/training.so" "$WORK" "$kind" 2000
  done
  clean_env "${CC[@]}" "${own[@]}" -fprofile-use -fprofile-partial-training -fprofile-correction -Wno-missing-profile
}
