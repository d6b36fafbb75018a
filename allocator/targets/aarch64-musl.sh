# shellcheck shell=bash disable=SC2034,SC2054,SC2154 # sourced by allocator/build
# aarch64 with musl. Cross-built with the compiler of aarch64-glibc, and with headers
# and libc from Debian's musl packages for that machine (pinned in sources.lock),
# which are unpacked into a folder of our own.

MACHINE=aarch64
LIBC=musl
TRIPLET=aarch64-linux-musl
CROSS=aarch64-linux-gnu-
NEEDED_TOOLS=("${CROSS}gcc=gcc-aarch64-linux-gnu" "${CROSS}ld=binutils-aarch64-linux-gnu"
  "${CROSS}objcopy=binutils-aarch64-linux-gnu" ar=binutils)

# Unpacked by allocator/build. Builds see it as allocrun/sysroot, relative to where
# they run: its folder leaves no trace in them. musl.specs lies there too: the
# packages' musl-gcc.specs with our paths.
SYSROOT_SOURCES=(musl-arm64 musl-dev-arm64)
SYSROOT=$work/sysroots/aarch64-musl
CC=("${CROSS}gcc" -specs=allocrun/sysroot/musl.specs)

# Not shorten the headers' paths by way of their real folder.
TARGET_CFLAGS=(-march=armv8-a -mtune=generic -moutline-atomics -fno-canonical-system-headers)

# The rest is as for aarch64-glibc (see there) and x86_64-musl.
ISA=armv8-a
PAGE_SIZES=(4096 65536)
TARGET_LDFLAGS=("-Wl,-z,max-page-size=$PAGE_SIZE" "-Wl,-z,common-page-size=$PAGE_SIZE")
LG_HUGEPAGE=21
LG_VADDR=48
OLDEST_GLIBC=
LIBS=()
NEEDED_ALLOWED='libc.so'

# The compiler's own start-up code for -moutline-atomics asks a function that musl
# 1.2.3 does not have.
RUNTIME=(getauxval)
