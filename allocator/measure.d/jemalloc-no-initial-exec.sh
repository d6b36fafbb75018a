# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# jemalloc: without initial-exec TLS
CONFIGURE_FLAGS+=(--disable-initial-exec-tls)
