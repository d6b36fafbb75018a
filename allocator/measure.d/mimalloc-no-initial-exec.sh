# shellcheck shell=bash disable=SC2034,SC2154 # an overlay: allocator/build reads it
# mimalloc: without initial-exec TLS
COMPILE_FLAGS=("${COMPILE_FLAGS[@]/#-ftls-model=initial-exec/-ftls-model=global-dynamic}")
