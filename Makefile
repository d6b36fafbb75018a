# allocrun: the one entry point. `make` lists the targets.

VERSION := $(shell sed -n 's/.*ALLOCRUN_VERSION "\(.*\)"/\1/p' launcher/version.h)

# Where `make install` puts it, and where below that a package is staged.
PREFIX ?= /usr/local
DESTDIR ?=

# Everything that is built lies here; `make clean` removes it.
BUILD := build
STAGE := $(BUILD)/prefix
OBJ := $(BUILD)/launcher

# make's own default is cc, which ?= would keep.
ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes -Wformat=2 \
	-Wvla -Wundef -Wcast-qual -Werror
# What turns a mistake into an end instead of a hole. Without optimisation, or beside the
# sanitizers, which see more, FORTIFY is in the way: they say HARDENING= then.
MACHINE := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
BRANCHES := $(or $(if $(filter x86_64,$(MACHINE)),-fcf-protection),\
	$(if $(filter aarch64,$(MACHINE)),-mbranch-protection=standard))
HARDENING ?= -D_FORTIFY_SOURCE=3 -fstack-clash-protection $(BRANCHES)
# The prefix map keeps the folder of the checkout out of the bytes.
# purge/figures.h is what both sides know: tests/rooms names it.
ALL_CFLAGS := -std=gnu17 -D_GNU_SOURCE -Ilauncher -Iallocator $(WARNINGS) -fstack-protector-strong $(HARDENING) \
	-ffile-prefix-map=$(CURDIR)=. $(CFLAGS)
ALL_LDFLAGS := -static-pie -Wl,--build-id=sha1 -Wl,-z,relro,-z,now $(LDFLAGS)
# Those of the C library that util/guarded.c stands before.
GUARDED := $(shell sed -n "s/^GUARD.[a-z_]*, \([a-z0-9_]*\),.*/\1/p; s/^.* [*]*__wrap_\([A-Za-z0-9_]*\)(.*);$$/\1/p" launcher/util/guarded.c)
ALL_LDFLAGS += $(GUARDED:%=-Wl,--wrap=%)
LIBS := -lcap -linih -ljansson -lcrypto

# The probe is a program of its own.
SOURCES := $(sort $(shell find launcher -name '*.c' -not -path 'launcher/probe/*'))
OBJECTS := $(SOURCES:launcher/%.c=$(OBJ)/%.o)
# allocrun-node is a program of its own, of the launcher's objects.
LAUNCHER_OBJECTS := $(filter-out $(OBJ)/node/%,$(OBJECTS))

# V=1 shows the whole commands.
Q := $(if $(V),,@)
say = $(if $(V)$(findstring s,$(firstword -$(MAKEFLAGS))),,@echo "  $(1)  $(2)")

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help: ## this list
	@echo "allocrun $(VERSION): targets"
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | \
		awk -F'\t' '{ printf "  %-16s %s\n", $$1, $$2 }'
	@echo "Variables: PREFIX=$(PREFIX) DESTDIR= CC=$(CC) CFLAGS='$(CFLAGS)' V=1; demo: SERVER=vllm|python;"
	@echo "  package: TARGETS='x86_64-glibc ...' or all, see launcher/package/tarballs --help"

# --- build -------------------------------------------------------------------

build: packages-build launcher pool allocators ## the whole tree, in build/prefix
launcher: $(STAGE)/bin/allocrun $(STAGE)/bin/allocrun-node $(STAGE)/lib/allocrun/probe $(STAGE)/lib/allocrun/children.so manuals schema presets completions licences systemd allocbench ## the launcher alone

# The packages that a fresh machine lacks; a dpkg-query when it lacks none.
packages-%:
	@tests/require $*

$(STAGE)/bin/allocrun: $(LAUNCHER_OBJECTS) Makefile
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -Wl,-Map=$(OBJ)/allocrun.map -o $@ $(LAUNCHER_OBJECTS) $(LIBS)

$(STAGE)/bin/allocrun-node: $(OBJ)/node/main.o $(OBJ)/liballocrun.a Makefile
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(OBJ)/node/main.o $(OBJ)/liballocrun.a $(LIBS)

# Started by the loader of any libc.
PROBE_FLAGS := -fPIC -shared -nostdlib -fno-builtin -fno-stack-protector -Wl,-e,probe_start -Wl,--build-id=sha1 \
	-Wl,-z,noexecstack -Wl,-z,relro,-z,now -Wl,-z,noseparate-code
$(STAGE)/lib/allocrun/probe: launcher/probe/probe.c launcher/probe/status.h Makefile $(OBJ)/flags | packages-build
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE -Ilauncher $(WARNINGS) -O2 $(PROBE_FLAGS) -o $@ $<

# Preloaded behind an allocator, whatever the libc: what it asks of one has no version, and libdl is
# what had dlsym before glibc 2.34. (To musl it is another name for the libc.)
CHILDREN := $(wildcard allocator/children/*.c) launcher/known/inheritance.c
CHILDREN_FLAGS := -fno-ident -fPIC -shared -nostdlib -fno-builtin -fno-stack-protector -fno-delete-null-pointer-checks \
	-fvisibility=hidden -Wl,--build-id=sha1 -Wl,-z,noexecstack -Wl,-z,relro,-z,now -Wl,-z,noseparate-code
$(OBJ)/libdl.so.2: Makefile $(OBJ)/flags | packages-build
	$(Q)$(CC) -shared -nostdlib -Wl,-soname,libdl.so.2 -o $@ -x c /dev/null
$(STAGE)/lib/allocrun/children.so: $(CHILDREN) allocator/children/children.h launcher/known/inheritance.h \
		launcher/known/malloc_names.h $(OBJ)/libdl.so.2
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE -Ilauncher $(WARNINGS) -O2 $(BRANCHES) $(CHILDREN_FLAGS) -Wl,-soname,children.so \
		-Wl,-s -o $@ $(CHILDREN) -Wl,--no-as-needed $(OBJ)/libdl.so.2 && chmod 644 $@

# Other flags make other objects.
$(OBJ)/flags: export FLAGS = $(CC) $(ALL_CFLAGS)
$(OBJ)/flags: always
	@mkdir -p $(@D)
	@printf '%s\n' "$$FLAGS" | cmp -s - $@ || printf '%s\n' "$$FLAGS" >$@
always:

$(OBJ)/%.o: launcher/%.c $(OBJ)/flags | packages-build
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(KNOWS) -fPIE -MMD -MP -c -o $@ $<

# The launcher knows the bytes of what it preloads beside a build; those of builds the manifest knows.
$(OBJ)/program/catalog.o: $(STAGE)/lib/allocrun/children.so
$(OBJ)/program/catalog.o: KNOWS = -DINHERITANCE_SHA256='"$(firstword $(shell sha256sum $(STAGE)/lib/allocrun/children.so))"'

-include $(OBJECTS:.o=.d)

# A finding is an error, as a warning is.
ANALYZED := $(SOURCES:launcher/%.c=$(BUILD)/analyzed/%.ok)
$(BUILD)/analyzed/%.ok: launcher/%.c $(OBJ)/%.o
	@mkdir -p $(@D)
	$(call say,ANALYZE,$<)
	$(Q)gcc $(filter-out -Wconversion,$(ALL_CFLAGS)) -fanalyzer -c -o /dev/null $< && touch $@

# More options for allocator/build: --target, --work.
ALLOCATOR_FLAGS ?=
allocators: | packages-build
	@allocator/build --prefix $(STAGE) $(ALLOCATOR_FLAGS)

# Its own Makefile serves it without allocrun as well.
pool: | packages-build ## liballocpool, into build/prefix
	@$(MAKE) -s -C allocator/pool install CC="$(CC)" CFLAGS="$(CFLAGS)" BUILD="$(abspath $(BUILD))/allocpool" ROOT="$(abspath $(STAGE))"

manuals: $(STAGE)/share/man/man8/allocrun.8 $(STAGE)/share/man/man8/allocrun-node.8 $(STAGE)/share/man/man5/policy.conf.5 \
	$(STAGE)/share/man/man7/allocrun-check.7 $(STAGE)/share/man/man7/allocrun-numa.7 \
	$(STAGE)/share/man/man7/allocrun-systemd.7 $(STAGE)/share/man/man7/allocrun-tune.7 $(STAGE)/share/man/man1/allocbench.1
$(STAGE)/share/man/man1/%.1: launcher/man/%.1
	@install -D -m 644 $< $@
$(STAGE)/share/man/man8/%.8: launcher/man/%.8
	@install -D -m 644 $< $@
$(STAGE)/share/man/man5/%.5: launcher/man/%.5
	@install -D -m 644 $< $@
$(STAGE)/share/man/man7/%.7: launcher/man/%.7
	@install -D -m 644 $< $@
# Only where the program runs: the page is kept as it comes out, and tests/run lint compares.
manual-checks: $(STAGE)/bin/allocrun ## renew what allocrun-check(7) has from the table of checks
	@launcher/man/checks.py $< launcher/man/allocrun-check.7
schema: $(STAGE)/share/allocrun/check.schema.json $(STAGE)/share/allocrun/stat.schema.json
$(STAGE)/share/allocrun/%.json: launcher/audit/formats/%.json
	@install -D -m 644 $< $@
$(STAGE)/share/allocrun/%.json: launcher/report/%.json
	@install -D -m 644 $< $@

presets: $(patsubst launcher/%,$(STAGE)/share/allocrun/%,$(wildcard launcher/presets/*.conf))
$(STAGE)/share/allocrun/presets/%.conf: launcher/presets/%.conf
	@install -D -m 644 $< $@

# The A/B of one's own server; Python, which its own environment has what it needs for.
BENCH_TOOL := tests/bench/allocbench
allocbench: $(STAGE)/bin/allocbench $(STAGE)/share/allocrun/allocbench.schema.json \
	$(patsubst $(BENCH_TOOL)/%,$(STAGE)/share/allocrun/allocbench/%,$(wildcard $(BENCH_TOOL)/*.py $(BENCH_TOOL)/*/*.py $(BENCH_TOOL)/requirements.*))
$(STAGE)/bin/allocbench: $(BENCH_TOOL)/allocbench
	@install -D -m 755 $< $@
$(STAGE)/share/allocrun/allocbench/%: $(BENCH_TOOL)/%
	@install -D -m 644 $< $@
$(STAGE)/share/allocrun/allocbench.schema.json: $(BENCH_TOOL)/report.schema.json
	@install -D -m 644 $< $@

# The generator is the launcher under another name. The mount is wanted by a link, as systemd's own are.
UNITS := $(STAGE)/lib/systemd
systemd: $(patsubst systemd/%,$(UNITS)/system/%,$(wildcard systemd/*.service systemd/*.timer systemd/*.mount)) \
	$(STAGE)/lib/tmpfiles.d/allocrun.conf $(UNITS)/system-generators/allocrun-generator \
	$(UNITS)/system/sysinit.target.wants/run-allocrun.mount
$(UNITS)/system/%: systemd/%
	@install -D -m 644 $< $@
$(STAGE)/lib/tmpfiles.d/allocrun.conf: systemd/tmpfiles.conf
	@install -D -m 644 $< $@
$(UNITS)/system-generators/allocrun-generator: Makefile
	@mkdir -p $(@D) && ln -sfn ../../../bin/allocrun $@
$(UNITS)/system/sysinit.target.wants/run-allocrun.mount: Makefile
	@mkdir -p $(@D) && ln -sfn ../run-allocrun.mount $@

completions: $(foreach program,allocrun allocrun-node allocbench,$(STAGE)/share/bash-completion/completions/$(program) \
	$(STAGE)/share/zsh/site-functions/_$(program))
$(STAGE)/share/bash-completion/completions/%: launcher/completions/%.bash
	@install -D -m 644 $< $@
$(STAGE)/share/zsh/site-functions/_%: launcher/completions/%.zsh
	@install -D -m 644 $< $@

# What is linked statically comes with its licence: as the linker's map has it. SYSROOT:
# where another machine's libraries are.
SYSROOT ?=
DOCUMENTS := $(STAGE)/share/doc/allocrun
licences: $(DOCUMENTS)/licenses/allocrun.txt $(DOCUMENTS)/examples/policy.conf
$(DOCUMENTS)/licenses/allocrun.txt: LICENSE $(STAGE)/bin/allocrun $(wildcard launcher/package/l*)
	@launcher/package/licences $(@D) $(OBJ)/allocrun.map $(SYSROOT)
$(DOCUMENTS)/examples/policy.conf: launcher/package/policy.conf
	@install -D -m 644 $< $@

# --- try ---------------------------------------------------------------------

SERVER ?= vllm
demo: build packages-$(SERVER) ## a real server under a proved allocator (SERVER=vllm|python)
	@tests/demo/demo $(SERVER)

# --- test --------------------------------------------------------------------

# Those that wait for most, and take longest, first.
TIERS := allocator package images fleet numa vllm check systemd cli lint bench pool unit fuzz torture

check: ## all tests; the last line counts them
	@tests/run $(TIERS)
check-lint: ## warnings of gcc and clang, shellcheck, man pages, completions
	@tests/run lint
check-unit: ## pure parts, under ASan and UBSan
	@tests/run unit
check-fuzz: ## the fuzzers, briefly
	@tests/run fuzz
check-pool: ## liballocpool: a model of it, a fuzzer, sanitizers; a minute and a half
	@tests/run pool
check-allocator: ## what makes a build acceptable
	@tests/run allocator
check-cli: ## the launcher as its users call it
	@tests/run cli
check-package: ## tarballs, bills of materials, .deb; upgrades under a running server
	@tests/run package
check-matrix: ## every machine and libc, and the allocators' own test suites
	@tests/run matrix
check-check: ## the audit of real processes
	@tests/run check
check-systemd: ## the units and the generator in a real systemd: half a minute
	@tests/run systemd
check-numa: ## real kernels with several nodes, in QEMU: about three minutes
	@tests/run numa
check-bench: ## do the benchmarks work: little work, no figure judged
	@tests/run bench
check-torture: ## launches side by side, failing system calls, kill -9: half a minute
	@tests/run torture
check-images: ## real containers: every setting of orchestrators, every way into an image: four minutes
	@tests/run images
check-fleet: ## roll-outs over twenty systemd hosts by real ssh, and their faults: twenty minutes
	@FLEET_HOSTS=20 tests/run fleet faults
check-vllm: ## the demo, PyTorch and vLLM under allocrun
	@tests/run vllm
# For tests/run: a program for each test of tests/unit, with the launcher without main.c and
# the support code as archives, so that a change relinks what needs it. CFLAGS has the
# sanitizers then, and OBJ a folder for such objects.
UNIT := $(OBJ)/tests
UNIT_SOURCES := $(sort $(shell find tests/unit -name '*.c'))
UNIT_SUPPORT := $(patsubst tests/unit/%.c,$(UNIT)/%.o,$(filter tests/unit/support/%,$(UNIT_SOURCES)))
UNIT_PROGRAMS := $(patsubst tests/unit/%.c,$(UNIT)/%,$(filter-out tests/unit/support/%,$(UNIT_SOURCES)))
# A test gives constants where the kernel gives what may be written to.
UNIT_FLAGS := -Wno-cast-qual -Itests/unit -DMACHINES_DIR='"$(CURDIR)/tests/machines"'
unit-objects: $(OBJ)/liballocrun.a
unit-programs: $(UNIT_PROGRAMS)
unit-list:
	@printf '%s\n' $(UNIT_PROGRAMS)
$(OBJ)/liballocrun.a: $(filter-out $(OBJ)/main.o $(OBJ)/node/main.o,$(OBJECTS))
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(UNIT)/libsupport.a: $(UNIT_SUPPORT)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(UNIT)/%.o: tests/unit/%.c $(OBJ)/flags | packages-build
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(UNIT_FLAGS) -MMD -MP -c -o $@ $<
$(UNIT_PROGRAMS): $(UNIT)/%: $(UNIT)/%.o $(UNIT)/libsupport.a $(OBJ)/liballocrun.a
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $^ $(LIBS) -lcmocka
-include $(UNIT_PROGRAMS:=.d) $(UNIT_SUPPORT:.o=.d)
.SECONDARY: $(UNIT_PROGRAMS:=.o)

# The plans of all captured machines, to be reviewed as a diff.
goldens: packages-unit $(UNIT)/goldens ## write plans and findings of tests/machines anew; then look at git diff
	@GOLDENS=write $(UNIT)/goldens

# --- for who works on it ------------------------------------------------------

format: packages-lint ## lay out all C as .clang-format says
	@tests/format
analyze: packages-build $(ANALYZED) ## gcc's analyzer over launcher and pool; part of check-lint
	@$(MAKE) -s -C allocator/pool analyze
coverage: packages-coverage build ## lines and branches by room, of the unit and command line tests
	@tests/coverage
compdb: $(BUILD)/compile_commands.json ## for clangd and other readers of C
$(BUILD)/compile_commands.json: Makefile $(SOURCES)
	@mkdir -p $(@D)
	$(Q)for source in $(SOURCES); do \
		printf '{"directory": "%s", "file": "%s", "command": "%s"}\n' '$(CURDIR)' "$$source" \
			"$(CC) $(ALL_CFLAGS) -fPIE -c $$source"; done | jq -s . >$@

fuzz: build ## the fuzzers, SECONDS each (default 300), slow ones more
	@tests/require clang && tests/fuzz/run $${SECONDS:-300}

torture-walk: build packages-walk packages-vllm ## tools, servers and programs of all kinds with and without allocrun: three minutes
	@tests/torture/walk_programs && tests/vllm/setup && tests/torture/walk
torture: build packages-cli ## launches side by side, failing system calls and kill -9, for about an hour
	@tests/torture/run long

torture-peaks: build packages-bench ## a second peak under a memory limit, ten shapes beside the rivals: ten minutes
	@tests/torture/peaks
torture-purge: packages-build packages-cli ## the purge thread under ThreadSanitizer for ten minutes
	@STORMS=15 ROUNDS=20 bats allocator/tests/tsan.bats

bench: bench-user bench-launch bench-alloc bench-pool ## all benchmarks: tables, goals, pictures (two hours)
bench-user: build packages-bench ## allocbench's demo, what a user would see: the table of README.md, in three minutes
	@$(STAGE)/bin/allocbench setup $(BUILD)/bench/venv && rm -rf $(BUILD)/bench/user
	@ALLOCBENCH_VENV=$(abspath $(BUILD))/bench/venv $(STAGE)/bin/allocbench demo -o $(BUILD)/bench/user
bench-alloc: build packages-bench packages-vllm ## the allocators side by side; BENCH='a c' for some of them
	@tests/vllm/setup
	@tests/bench/alloc $(BENCH)
$(BUILD)/bench/spawn: tests/bench/spawn.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE $(WARNINGS) -O2 -o $@ $<
bench-pool: build packages-bench ## liballocpool beside free lists, allocators and other pools (half an hour)
	@tests/bench/pool
bench-launch: build packages-bench $(BUILD)/bench/spawn ## what a launch costs beside env, setpriv and numactl
	@tests/bench/launch

# --- install and package -----------------------------------------------------

ROOT = $(DESTDIR)$(PREFIX)

install: build ## into PREFIX, below DESTDIR; over an earlier one, under running servers
	@launcher/package/install $(STAGE) "$(ROOT)"
uninstall: ## what install put there, and nothing else
	@launcher/package/uninstall "$(ROOT)"

# This machine's glibc and musl by default: they need nothing from outside.
TARGETS ?=
package: packages-build packages-package ## into build/packages: tarballs (TARGETS=...|all), wheels, .deb, .rpm
	@launcher/package/tarballs $(TARGETS)
	@launcher/package/deb
	@launcher/package/rpm
sign: ## build/packages/SHA256SUMS.sig, made with KEY, an ssh key or the public half of one that an agent holds
	@launcher/package/sign "$(KEY)"

# BASE: what IMAGES are made of, in place of the base that their Dockerfile names.
IMAGES ?= allocrun
images: packages-build packages-package packages-containers packages-images ## IMAGES="allocrun vllm ..." [BASE=...], with buildah
	@images/build $(if $(BASE),--base "$(BASE)") $(IMAGES)

clean: ## remove build/
	rm -rf $(BUILD)

.PHONY: help build launcher pool allocators manuals manual-checks schema presets completions licences systemd allocbench demo check check-lint check-unit \
	check-fuzz check-pool check-torture check-allocator check-matrix check-cli check-check check-systemd check-bench check-package check-numa check-images check-fleet check-vllm unit-objects unit-programs unit-list always format analyze coverage compdb goldens fuzz torture torture-walk torture-peaks torture-purge bench bench-user bench-alloc bench-pool bench-launch install uninstall \
	package sign images clean
