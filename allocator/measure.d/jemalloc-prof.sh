# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# jemalloc: the prof build, profiling not switched on
CONFIGURE_FLAGS+=(--enable-prof ac_cv_lib_gcc__Unwind_Backtrace=yes)
RUNTIME+=(find_object)
RUNTIME_LIBS=(-lgcc_eh)
