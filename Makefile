# allocrun: the one entry point. `make` lists the targets.

VERSION := $(shell sed -n 's/.*ALLOCRUN_VERSION "\(.*\)"/\1/p' launcher/version.h)
MACHINE := $(shell uname -m)

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
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Werror
# The prefix map keeps the folder of the checkout out of the bytes.
ALL_CFLAGS := -std=gnu17 -D_GNU_SOURCE -Ilauncher $(WARNINGS) -fstack-protector-strong \
	-ffile-prefix-map=$(CURDIR)=. $(CFLAGS)
ALL_LDFLAGS := -static-pie -Wl,--build-id=sha1 -Wl,-z,relro,-z,now $(LDFLAGS)
LIBS := -lcap -linih -ljansson -lmd

SOURCES := $(wildcard launcher/*.c launcher/util/*.c)
OBJECTS := $(SOURCES:launcher/%.c=$(OBJ)/%.o)
MANUALS := launcher/allocrun.8 launcher/policy.conf.5

# V=1 shows the whole commands.
Q := $(if $(V),,@)
say = $(if $(V)$(findstring s,$(firstword -$(MAKEFLAGS))),,@echo "  $(1)  $(2)")

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help: ## this list
	@echo "allocrun $(VERSION): targets"
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | \
		awk -F'\t' '{ printf "  %-16s %s\n", $$1, $$2 }'
	@echo "Variables: PREFIX=$(PREFIX) DESTDIR= CC=$(CC) CFLAGS='$(CFLAGS)' V=1; demo: SERVER=vllm|python"

# --- build -------------------------------------------------------------------

build: packages-build launcher allocators ## the whole tree, in build/prefix
launcher: $(STAGE)/bin/allocrun manuals completions licences ## the launcher alone

# The packages that a fresh machine lacks; a dpkg-query when it lacks none.
packages-%:
	@tests/require $*

$(STAGE)/bin/allocrun: $(OBJECTS)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(OBJECTS) $(LIBS)

$(OBJ)/%.o: launcher/%.c | packages-build
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -fPIE -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d)

allocators: | packages-build
	@allocator/build --prefix $(STAGE)

manuals: $(STAGE)/share/man/man8/allocrun.8 $(STAGE)/share/man/man5/policy.conf.5
$(STAGE)/share/man/man8/%.8: launcher/%.8
	@install -D -m 644 $< $@
$(STAGE)/share/man/man5/%.5: launcher/%.5
	@install -D -m 644 $< $@

completions: $(STAGE)/share/bash-completion/completions/allocrun \
	$(STAGE)/share/zsh/site-functions/_allocrun
$(STAGE)/share/bash-completion/completions/allocrun: launcher/allocrun.bash
	@install -D -m 644 $< $@
$(STAGE)/share/zsh/site-functions/_allocrun: launcher/allocrun.zsh
	@install -D -m 644 $< $@

# What is linked statically comes with its licence, as Debian's packages have it.
LINKED := libcap-dev libinih-dev libjansson-dev libmd-dev libc6-dev
licences: $(STAGE)/share/doc/allocrun/licenses/allocrun.txt \
	$(LINKED:%=$(STAGE)/share/doc/allocrun/licenses/%.txt)
$(STAGE)/share/doc/allocrun/licenses/allocrun.txt: LICENSE
	@install -D -m 644 $< $@
$(STAGE)/share/doc/allocrun/licenses/%-dev.txt: /usr/share/doc/%-dev/copyright
	@install -D -m 644 $< $@
/usr/share/doc/%/copyright: | packages-build
	@test -f $@ || { echo "$@: the licence of a linked library is missing" >&2; exit 1; }

# --- try ---------------------------------------------------------------------

SERVER ?= vllm
demo: build packages-$(SERVER) ## a real server under a proved allocator (SERVER=vllm|python)
	@tests/demo/demo $(SERVER)

# --- test --------------------------------------------------------------------

TIERS := lint unit fuzz allocator cli vllm

check: ## all tests; the last line counts them
	@tests/run $(TIERS)
check-lint: ## warnings of gcc and clang, shellcheck, man pages, completions
	@tests/run lint
check-unit: ## pure parts, under ASan and UBSan
	@tests/run unit
check-fuzz: ## the fuzzers, briefly
	@tests/run fuzz
check-allocator: ## what makes a build acceptable
	@tests/run allocator
check-cli: ## the launcher as its users call it
	@tests/run cli
check-vllm: ## the demo, PyTorch and vLLM under allocrun
	@tests/run vllm
# For tests/run: the launcher without main.c and a program for each test_*.c, with
# the sanitizers in CFLAGS.
UNIT_OBJECTS := $(filter-out $(OBJ)/main.o,$(OBJECTS))
UNIT_PROGRAMS := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/test_*.c))
UNIT_SUPPORT := $(filter-out tests/unit/test_%.c,$(wildcard tests/unit/*.c))
unit-objects: $(UNIT_OBJECTS)
unit-programs: $(UNIT_PROGRAMS)
$(BUILD)/tests/unit/%: tests/unit/%.c $(UNIT_OBJECTS) $(UNIT_SUPPORT) $(wildcard tests/unit/*.h)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $< $(UNIT_SUPPORT) $(UNIT_OBJECTS) $(LIBS) -lcmocka

fuzz: build ## the fuzzers, SECONDS each (default 300)
	@tests/require clang && tests/fuzz/run $${SECONDS:-300}

bench: bench-launch ## all benchmarks
$(BUILD)/bench/spawn: tests/bench/spawn.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE $(WARNINGS) -O2 -o $@ $<
bench-launch: build packages-bench $(BUILD)/bench/spawn ## what a launch costs beside env, setpriv and numactl
	@tests/bench/launch

# --- install -----------------------------------------------------------------

# installed-files names what install made, folders with a slash at their end, so that
# uninstall takes away that and nothing else. Folders of an earlier install stay listed.
ROOT = $(DESTDIR)$(PREFIX)
LIST = $(ROOT)/lib/allocrun/installed-files

install: build ## into PREFIX, below DESTDIR
	@made=$$(grep '/$$' "$(LIST)" 2>/dev/null; [ -d "$(ROOT)" ] || echo ./; \
		cd $(STAGE) && find . -mindepth 1 -type d -printf '%P/\n' | \
		while read -r d; do [ -d "$(ROOT)/$$d" ] || echo "$$d"; done); \
	cd $(STAGE) && find . -type f -printf '%P\n' | while read -r f; do \
		mode=644; [ -x "$$f" ] && mode=755; \
		install -D -m $$mode "$$f" "$(ROOT)/$$f" || exit 1; done && \
	{ echo "$$made"; find . -type f -printf '%P\n'; } | grep . | sort -u > "$(LIST)"
	@echo "installed in $(ROOT); make uninstall takes it away again"

uninstall: ## what install put there, and nothing else
	@[ -f "$(LIST)" ] || { echo "nothing of allocrun is installed in $(ROOT)" >&2; exit 1; }
	@list=$$(cat "$(LIST)"); cd "$(ROOT)" && rm -f lib/allocrun/installed-files && \
	echo "$$list" | grep -v '/$$' | xargs -d '\n' rm -f && \
	echo "$$list" | grep '/$$' | grep -v '^\./$$' | sort -r | \
		xargs -r -d '\n' rmdir --ignore-fail-on-non-empty 2>/dev/null; \
	case "$$list" in *./*) cd / && rmdir --ignore-fail-on-non-empty "$(ROOT)" ;; esac; \
	echo "uninstalled from $(ROOT)"

# Sorted, without owners and times: the same tree gives the same bytes.
PACKAGE := $(BUILD)/allocrun-$(VERSION)-$(MACHINE)-glibc.tar.gz
package: build ## a relocatable tarball, with its checksum
	@tar -C $(STAGE) --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 \
		--transform 's,^\.,allocrun-$(VERSION),' -cf - . | gzip -n9 > $(PACKAGE)
	@cd $(BUILD) && sha256sum $(notdir $(PACKAGE)) | tee $(notdir $(PACKAGE)).sha256

clean: ## remove build/
	rm -rf $(BUILD)

.PHONY: help build launcher allocators manuals completions licences demo check check-lint check-unit \
	check-fuzz check-allocator check-cli check-vllm unit-objects unit-programs fuzz bench bench-launch install uninstall \
	package clean
