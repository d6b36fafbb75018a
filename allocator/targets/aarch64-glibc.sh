# shellcheck shell=bash disable=SC2034,SC2054 # sourced by allocator/build
# aarch64 with glibc: Grace, Graviton, Ampere. Cross-built on any machine.

MACHINE=aarch64
LIBC=glibc
TRIPLET=aarch64-linux-gnu
CROSS=aarch64-linux-gnu-
CC=("${CROSS}gcc")
NEEDED_TOOLS=("${CROSS}gcc=gcc-aarch64-linux-gnu" "${CROSS}ld=binutils-aarch64-linux-gnu"
  "${CROSS}objcopy=binutils-aarch64-linux-gnu")

# Where qemu-user finds the loader and libc of the programs that it runs.
SYSROOT=/usr/aarch64-linux-gnu

# Every 64-bit ARM CPU. The atomic instructions of 8.1 (LSE), which every server CPU
# has had since 2019 and which hold up far better when many cores want one line, are
# chosen at run time by -moutline-atomics: a load and a branch for each atomic.
ISA=armv8-a
TARGET_CFLAGS=("-march=$ISA" -mtune=generic -moutline-atomics)

# Kernels come with pages of 4, 16 and 64 KiB (RHEL and Ubuntu for Grace). A build
# for 64 KiB works on all three; where pages are small, it keeps twice the memory
# after a load peak (README.md, Measured), so that there is one for each end.
# The segments have to be aligned for the largest page they may meet.
PAGE_SIZES=(4096 65536)
TARGET_LDFLAGS=("-Wl,-z,max-page-size=$PAGE_SIZE" "-Wl,-z,common-page-size=$PAGE_SIZE")

# 2 MiB with 4 KiB pages. (With 64 KiB pages a huge page has 512 MiB, which no
# allocator can fill; there the value only is a unit of jemalloc's bookkeeping.)
LG_HUGEPAGE=21

# The kernel gives no address above 48 bits to a process that does not ask for one.
LG_VADDR=48

# As for x86_64: see there. Symbols of this machine start with GLIBC_2.17.
OLDEST_GLIBC=2.28
LIBS=(-Wl,--no-as-needed -l:libpthread.so.0 -l:libdl.so.2 -Wl,--as-needed -lm)
NEEDED_ALLOWED='libc.so.6 libm.so.6 libpthread.so.0 libdl.so.2 ld-linux-aarch64.so.1'
