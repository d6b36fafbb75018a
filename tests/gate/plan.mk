# What the tiers need, and what of it is made once for all of them. For tests/run, which has
# make start as many at a time as there are CPUs: what is ready, in the order of the tiers on
# its command line. The longest way (matrix, allocator) keeps two CPUs busy by itself: it fills
# what one that waits beside it (guests, containers, vLLM's start) leaves.
#
# To add a tier: a line here, tier_NAME and its packages in tests/run, its name in TIERS of
# the Makefile, where it stands the earlier the more it waits for and the longer it takes.

tier-lint: prefix
tier-unit:
tier-fuzz:
tier-cli: prefix programs
tier-check: prefix images
tier-vllm: prefix venv
tier-package: packages
tier-numa: guests
tier-bench: prefix venv programs
tier-allocator: matrix
tier-matrix: matrix venv

tier-%:
	@tests/gate/tier $*

# Each is nothing to do when it is there.
prefix:
	@tests/gate/make-once $@ make -s -j"$$(nproc)" build
# Every machine and libc; what is built for this one serves both.
matrix: prefix
	@tests/gate/make-once $@ make -s -C allocator matrix
packages: matrix
	@tests/gate/make-once $@ make -s package TARGETS=all
# The aarch64 guests have a launcher and builds too.
guests: packages
	@tests/gate/make-once $@ tests/numa/setup
# What the benchmarks measure with; a test of the command line does, too.
programs:
	@tests/gate/make-once $@ make -s -C tests/bench/programs
images:
	@tests/gate/make-once $@ tests/images/base bookworm systemd
venv:
	@tests/gate/make-once $@ tests/vllm/setup

.PHONY: prefix matrix packages guests programs images venv
