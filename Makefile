# SPDX-License-Identifier: BSD-2-Clause
#
# pvkit: everything a person types. `make help` lists it.
#
# Products go to build/; what is slow to make (kernels, initrds) is cached by
# content under $PVKIT_CACHE (default ~/.cache/pvkit).

BUILD	:= build
# The headers that the modules are built with: KDIR=, or those of KVER=, or the running kernel's, or
# the newest that are installed. The tests' guests run the newest of Debian's: TEST_KDIR.
LIBMODULES := /lib/modules
RUNNING	:= $(shell uname -r)
NEWEST	:= $(shell ls -1 /usr/src 2>/dev/null | sed -n 's/^linux-headers-\(.*-amd64\)$$/\1/p' | sort -V | tail -n 1)
TEST_KDIR := /usr/src/linux-headers-$(NEWEST)
KDIR	?= $(if $(KVER),/usr/src/linux-headers-$(KVER),$(or $(wildcard $(LIBMODULES)/$(RUNNING)/build),$(TEST_KDIR)))
include common.mk
CFLAGS	:= -std=gnu11 -O2 -g $(WARN) -D_GNU_SOURCE $(RELEASE)
PREFIX	?= /usr/local
# As many jobs as CPUs, unless the caller said how many.
JOBS	= $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

# Sources that a unit test or fuzzer says it links, and its libraries
# (comment lines `LINK:` and `LIBS:` in the file). PV stands for the host's side
# of the contract and what is below it, without KVM; PV_STEP for the same without the
# worker, which tests/fuzz/step_worker.h takes the place of.
link	= $(patsubst PV_STEP,$(filter-out %/worker.c,$(PV)),$(patsubst PV,$(PV),$(shell \
	  sed -n 's|.*LINK:\(.*\)\*/.*|\1|p' $(1))))
libs	= $(shell sed -n 's|.*LIBS:\(.*\)\*/.*|\1|p' $(1))

PV	:= $(filter-out %/doorbell.c %/info.c,$(wildcard host-stub/pv/*.c)) \
	   $(addprefix host-stub/,net/net_soft.c disk/disk.c disk/disk_open.c \
	     worker.c mem.c io.c log.c)
UNIT	:= $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
FUZZ	:= $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: all help setup test stub tools modules test-modules port port-size unit fuzz fuzz-coverage fuzz-long msan static demo check check-long install \
	install-initramfs clean

all: stub tools modules	## Build the host stub, its tools and the modules

help:	## This list
	@echo "pvkit - make targets:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | sort | \
		awk -F'|' '{printf "  %-18s %s\n", $$1, $$2}'
	@echo "Variables: KDIR=$(KDIR) KVER=$(KVER) CC=$(CC) PREFIX=$(PREFIX)"

setup:	## Install the missing Debian packages (host-stub/rig/packages.list)
	@host-stub/rig/setup

# What a product needs is looked for, not installed: only the tests' targets do that.
needs-%:
	@CC='$(CC)' host-stub/rig/setup --product $*

stub: needs-stub	## Build the host stub (build/pvkit-vm)
	@$(MAKE) --no-print-directory -C host-stub

# The tools of guests: not part of the stub, and they run without it.
TOOLS	:= $(addprefix $(BUILD)/pvkit-,detect status load)
READ	:= $(wildcard hypercall/detect/*.c hypercall/detect/dump/*.c) hypercall/tools/tool.c
JUDGE	:= $(wildcard hypercall/tools/status/*.c)
pvkit-detect	:= $(wildcard hypercall/tools/detect/*.c) $(READ)
pvkit-status	:= $(JUDGE) $(READ)
pvkit-load	:= hypercall/tools/load/main.c $(filter-out %/main.c %/say.c,$(JUDGE)) $(READ)

$(BUILD)/tools/%.o: %.c $(call flags,$(BUILD)/tools/flags,$(CC) $(CFLAGS))
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

# A function, as a % that stood in the rule itself would be the rule's stem.
tool_objects = $(patsubst %.c,$(BUILD)/tools/%.o,$($(1)))

.SECONDEXPANSION:
$(TOOLS): $(BUILD)/%: $$(call tool_objects,$$*)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) -o $@ $^ -lcpuid $(if $(filter %-detect,$@),,-lz)

tools: needs-tools $(TOOLS)	## Build the guests' tools (build/pvkit-detect, -status, -load)

# The modules are built in a copy, so that the tree stays free of products.
modules: needs-modules	## Build the Linux modules for the running kernel, or KDIR= (build/modules/*.ko)
	@test "$(KDIR)" = "$(LIBMODULES)/$(RUNNING)/build" || echo "make: modules for $(KDIR)"
	@test -d "$(KDIR)" || { echo "make: no kernel headers at '$(KDIR)': install linux-headers-$(RUNNING), or set KDIR=" >&2; exit 1; }
	@mkdir -p $(BUILD)/kmod $(BUILD)/modules
	@rsync -a --delete --include='*/' --include='*.[ch]' --include=Kbuild --include=VERSION --exclude='*' \
		Kbuild VERSION hypercall drivers $(BUILD)/kmod/
	@$(MAKE) --no-print-directory -C $(KDIR) M=$(CURDIR)/$(BUILD)/kmod W=1 modules
	@find $(BUILD)/kmod -name '*.ko' -exec cp -u {} $(BUILD)/modules/ \;

test-modules:	## Build the modules for the tests' guests
	@$(MAKE) --no-print-directory modules KDIR=$(TEST_KDIR)

port:	## Build the porting library and the minimal OS (build/port)
	@$(MAKE) --no-print-directory -C hypercall/port
	@$(MAKE) --no-print-directory -C hypercall/port/os

port-size:	## Bytes of each part of the porting library
	@$(MAKE) --no-print-directory -s -C hypercall/port size

# Tests and fuzzers share the objects of what they link, one set for each compiler.
ASAN	:= -fsanitize=address,undefined -fno-sanitize-recover=undefined
COVER	:= -fprofile-instr-generate -fcoverage-mapping
objects	= $(patsubst %.c,$(BUILD)/$(1)/%.o,$(call link,$(2)))

$(BUILD)/asan/%.o: %.c $(call flags,$(BUILD)/asan/flags,$(CC) $(CFLAGS) $(ASAN))
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS) $(ASAN) -MMD -MP -Itests/unit -I. -c -o $@ $<

$(UNIT): $(BUILD)/tests/%: $(BUILD)/asan/tests/unit/%.o $$(call objects,asan,tests/unit/$$*.c)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(ASAN) -o $@ $^ -lcmocka $(call libs,tests/unit/$*.c)

# All fuzzers, built in one way: $(1) is where their objects go, $(2) the programs, $(3) how.
fuzzers_in = $(patsubst $(BUILD)/fuzz/%,$(BUILD)/$(1)/%,$(FUZZ))
define fuzzers
$(BUILD)/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(call say,CLANG,$$<)
	$(Q)$(CLANG) $(CFLAGS) $(3) -fsanitize=fuzzer-no-link -MMD -MP -I. -c -o $$@ $$<

$(call fuzzers_in,$(2)): $(BUILD)/$(2)/%: $(BUILD)/$(1)/tests/fuzz/%.o $$$$(call objects,$(1),tests/fuzz/$$$$*.c)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$(Q)$(CLANG) $(CFLAGS) $(3) -fsanitize=fuzzer -o $$@ $$^ $$(call libs,tests/fuzz/$$*.c)
endef

$(eval $(call fuzzers,fuzzed,fuzz,$(ASAN)))
$(eval $(call fuzzers,covered,cover,$(COVER)))

# Those of the stub with MemorySanitizer, too, from one set of objects (host-stub/leak.h).
MSAN	:= -fsanitize=memory -fsanitize-memory-track-origins -fsanitize-memory-param-retval \
	   -fno-omit-frame-pointer
MSAN_OF	:= $(shell grep -L 'MSAN: no' $$(grep -lE 'LINK:.*(host-stub|PV)' tests/unit/test_*.c tests/fuzz/fuzz_*.c))
MSAN_UNIT := $(patsubst tests/unit/%.c,$(BUILD)/msan/unit/%,$(filter tests/unit/%,$(MSAN_OF)))
MSAN_FUZZ := $(patsubst tests/fuzz/%.c,$(BUILD)/msan/fuzz/%,$(filter tests/fuzz/%,$(MSAN_OF)))

$(eval $(call fuzzers,msan,msan/fuzz,$(MSAN)))

$(MSAN_UNIT): $(BUILD)/msan/unit/%: $(BUILD)/msan/tests/unit/%.o $$(call objects,msan,tests/unit/$$*.c)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CLANG) $(CFLAGS) $(MSAN) -o $@ $^ -lcmocka $(call libs,tests/unit/$*.c)

-include $(shell find $(BUILD)/tools $(BUILD)/asan $(BUILD)/fuzzed $(BUILD)/covered $(BUILD)/msan -name '*.d' 2>/dev/null)

# T= names a unit test; anything else is looked for among the rows of tests/tests.list.
test:	## One test, built and run: T=ring, T=pv_net, T=boot-full-4
	@test -n "$(T)" || { echo "make: which test? T=ring (tests/unit/test_ring.c), or a row of tests/tests.list" >&2; exit 1; }
	@if [ -f tests/unit/test_$(T).c ]; then \
		$(MAKE) --no-print-directory $(BUILD)/tests/test_$(T) && $(BUILD)/tests/test_$(T); \
	else \
		needs=$$(tests/run --needs --only "$(T)") && \
		{ [ -z "$$needs" ] || $(MAKE) --no-print-directory $(JOBS) $$needs; } && \
		tests/run --only "$(T)"; \
	fi

compile_commands.json: Makefile common.mk host-stub/Makefile	## How each file is compiled, for editors
	$(call say,GEN,$@)
	@{ $(MAKE) -nB V=1 --no-print-directory -C host-stub; \
		$(MAKE) -nB V=1 --no-print-directory $(TOOLS) $(UNIT); } 2>/dev/null | \
		tests/lib/compile-commands "$(CURDIR)" >$@.new && mv $@.new $@

unit: setup $(UNIT)	## Build the user-space tests (ASan and UBSan)

fuzz: setup $(FUZZ)	## Build the fuzzers (libFuzzer)

msan: setup $(MSAN_UNIT) $(MSAN_FUZZ)	## Build those of both that link the stub with MemorySanitizer

SECONDS	?= 8
LEAST	?= 0
fuzz-coverage: setup $(call fuzzers_in,cover)	## Lines that the fuzzers reach (SECONDS=8 each beside the corpora)
	@tests/fuzz/coverage --seconds $(SECONDS) --least $(LEAST)

MINUTES	?= 10
fuzz-long: fuzz	## All fuzzers, MINUTES=10 each; what fails is kept in build/fuzz/found
	@tests/fuzz/long $(MINUTES)

static: setup	## SPDX, sparse, checkpatch, clang
	@tests/static/run

# What is set up first is looked for by the make that comes after: its KDIR is not known here.
demo:	## The main job: one guest, unmodified and paravirtualized, measured
	@host-stub/rig/setup
	@$(MAKE) --no-print-directory $(JOBS) KDIR='$$(TEST_KDIR)' all
	@host-stub/pvkit measure --quick --reference qemu

check:	## All tests, bounded (about 40 minutes; the first run builds kernels)
	@host-stub/rig/setup
	@$(MAKE) --no-print-directory $(JOBS) KDIR='$$(TEST_KDIR)' all unit fuzz msan
	@tests/run

check-long:	## All tests, long form
	@host-stub/rig/setup
	@$(MAKE) --no-print-directory $(JOBS) KDIR='$$(TEST_KDIR)' all unit fuzz msan
	@tests/run --long

install: all	## Install pvkit-vm, tools and man pages under PREFIX
	@host-stub/install "$(DESTDIR)$(PREFIX)"

install-initramfs: tools	## Install pvkit-load and its initramfs hook (then: update-initramfs -u)
	@hypercall/tools/load/install-initramfs "$(DESTDIR)" "$(PREFIX)"

clean:	## Remove build/
	rm -rf $(BUILD)
