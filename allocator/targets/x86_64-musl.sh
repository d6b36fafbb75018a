# shellcheck shell=bash disable=SC2034,SC2054 # sourced by allocator/build
# x86_64 with musl: Alpine and the images that are made from it.

MACHINE=x86_64
LIBC=musl
TRIPLET=x86_64-linux-musl
CC=(musl-gcc)
NEEDED_TOOLS=(gcc=gcc musl-gcc=musl-tools ld=binutils objcopy=binutils)

# As for glibc: see x86_64-glibc.sh. musl's loader does not look at the note of the
# level; the launcher does, in the manifest.
ISA=x86-64-v2
TARGET_CFLAGS=("-march=$ISA" -mtune=generic)
TARGET_LDFLAGS=("-Wl,-z,$ISA" -Wl,-z,max-page-size=4096)
PAGE_SIZES=(4096)
LG_HUGEPAGE=21
LG_VADDR=48

# musl's symbols have no versions: there is no oldest one to check, and nothing to
# pin. All functions that are used are in musl 1.2.2 (2021) already.
OLDEST_GLIBC=

# All of libc is one file. Alpine calls it libc.musl-x86_64.so.1; its loader takes
# the plain name for the same thing (ldso/dynlink.c: names that mean libc itself).
LIBS=()
NEEDED_ALLOWED='libc.so'
