# shellcheck shell=bash disable=SC2034,SC2054 # sourced by allocator/build
# x86_64 with glibc: where nearly every server runs.

MACHINE=x86_64
LIBC=glibc
TRIPLET=x86_64-linux-gnu
CC=(gcc)
NEEDED_TOOLS=(gcc=gcc ld=binutils objcopy=binutils)

# The oldest CPUs that inference servers still run on are far newer than this
# (Nehalem, 2009), and PyTorch's own wheels ask for more. The linker notes the
# level in the file, and the manifest has it too: the launcher does not preload the
# library on an older CPU (or in a VM that hides the features), where the loader
# would end the program. No x86-64-v3 build: it gains nothing (README.md, Measured).
ISA=x86-64-v2
TARGET_CFLAGS=("-march=$ISA" -mtune=generic)
TARGET_LDFLAGS=("-Wl,-z,$ISA" -Wl,-z,max-page-size=4096)

# Pages are 4 KiB on every x86_64 machine; PMD huge pages are 2 MiB.
PAGE_SIZES=(4096)
LG_HUGEPAGE=21

# The kernel gives no address above 47 bits to a process that does not ask for
# one, five-level page tables or not.
LG_VADDR=48

# The oldest glibc that has to load the library (RHEL 8, Debian 10). A function
# whose default version is newer is pinned to its older one in x86_64-glibc.pins.
OLDEST_GLIBC=2.28

# Before glibc 2.34 threads and dlopen were libraries of their own, so that a
# program without threads has to be told to load them. From 2.34 on they are
# empty stubs, which every libc package still carries.
LIBS=(-Wl,--no-as-needed -l:libpthread.so.0 -l:libdl.so.2 -Wl,--as-needed -lm)
NEEDED_ALLOWED='libc.so.6 libm.so.6 libpthread.so.0 libdl.so.2 ld-linux-x86-64.so.2'
