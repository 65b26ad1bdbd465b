# mpt-bundle: old Metta checkpoints to bundles, and checks of bundles.
# 'make help' lists the targets.  All output is under $B.

VERSION := 0.1.0
B ?= build
PREFIX ?= /usr/local
PYTHON ?= python3
CFLAGS ?= -O2 -g
SAN ?=
WERROR ?=
FUZZ_SECONDS ?= 60
PKG_CONFIG ?= pkg-config
bindir = $(PREFIX)/bin
libexecdir = $(PREFIX)/libexec/mpt-bundle
mandir = $(PREFIX)/share/man
datadir = $(PREFIX)/share/mpt-bundle
bashcompdir = $(PREFIX)/share/bash-completion/completions
zshcompdir = $(PREFIX)/share/zsh/site-functions

# ISA-L deflates and sums much faster than zlib; 'make ISAL=' does without.
ISAL ?= $(shell $(PKG_CONFIG) --exists libisal && echo libisal)
# libcurl, for what is behind a network, is loaded when it is needed: the build
# only takes its headers.  'make CURL=' does without.
CURL ?= $(shell $(PKG_CONFIG) --exists libcurl && echo libcurl)
PKGS := zlib libcjson libcrypto expat $(ISAL)
HELPER_LD := $(shell $(PKG_CONFIG) --libs libseccomp)
PKG_CF := $(shell $(PKG_CONFIG) --cflags $(PKGS) $(CURL))
PKG_LD := $(shell $(PKG_CONFIG) --libs $(PKGS)) -lm -ldl
# The interpreter to embed is asked about itself: python3-config need not be
# the one that belongs to $(PYTHON).
PY_CF := $(shell $(PYTHON) convert/unpickler/embed_flags.py cflags)
PY_LD := $(shell $(PYTHON) convert/unpickler/embed_flags.py libs)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wconversion $(if $(WERROR),-Werror)
SAN_CF := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all \
	-fno-omit-frame-pointer)
BUILD_PP := -I. -I$B -D_POSIX_C_SOURCE=200809L -DMPT_VERSION='"$(VERSION)"' $(if $(ISAL),-DHAVE_ISAL) $(PKG_CF) $(CPPFLAGS)
BUILD_CF := -std=c11 -fopenmp -fvisibility=hidden $(WARN) $(SAN_CF) $(CFLAGS)

# The helper's Python, in the order of its imports.
HELPER_PY := $(patsubst %,convert/unpickler/%.py,inert tensors table restricted layouts state_dict find architecture answer)

PROGRAMS := mpt-convert mpt-unpickler mpt-validate mpt-inspect
sources = $(wildcard $(addsuffix /*.c,$1))
LEFT_OUT := remote/http_$(if $(CURL),none,curl).c
objs = $(patsubst %.c,$B/%.o,$(filter-out $(LEFT_OUT),$(call sources,$1)))
UNIT_TESTS := $(patsubst tests/unit/%.c,$B/tests/unit/%,$(call sources,tests/unit))
DRIVERS := $(patsubst tests/drivers/%.c,$B/tests/drivers/%,$(call sources,tests/drivers))
FAULTY := $(addprefix $B/tests/faults/,mpt-convert mpt-validate mpt-inspect)
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZERS := $(FUZZ:%=$B/tests/fuzz/fuzz_%)
SRC := $(call sources,base formats remote convert convert/unpickler validate inspect tests/unit tests/drivers tests/faults tests/mischief tests/fuzz)

COMMANDS := $(filter-out mpt-unpickler,$(PROGRAMS))
all: $(addprefix $B/,$(PROGRAMS)) $B/completions/done	## build the programs

$B/mpt-convert: $(call objs,convert remote formats base)
	$(CC) $(BUILD_CF) $(LDFLAGS) -o $@ $^ $(PKG_LD)
$B/mpt-validate: $(call objs,validate remote formats base)
	$(CC) $(BUILD_CF) $(LDFLAGS) -o $@ $^ $(PKG_LD)
# What opens bundles and legacy checkpoints is that of the other programs.
INSPECT := $(call objs,inspect) $(patsubst %,$B/validate/%.o,find find_objects open) $(patsubst %.c,$B/%.o,$(wildcard convert/load*.c)) \
	$(addprefix $B/convert/,checkpoint.o gather.o helper.o inflate_ahead.o limits.o notes.o recall.o relay.o sink.o storages.o stream_head.o stream_keys.o unpickle.o unpickle_answer.o)
$B/mpt-inspect: $(INSPECT) $(call objs,remote formats base)
	$(CC) $(BUILD_CF) $(LDFLAGS) -o $@ $^ $(PKG_LD)
HELPER := $(call objs,convert/unpickler) $B/convert/unpickler/restricted_code.o \
	$(patsubst %.c,$B/%.o,$(wildcard formats/pickle*.c)) $B/base/error.o $B/base/memory.o $B/base/text.o
$B/mpt-unpickler: $(HELPER)
	$(CC) $(BUILD_CF) $(LDFLAGS) -o $@ $^ $(HELPER_LD) $(PY_LD)
$B/convert/unpickler/%.o: PART_CF = $(PY_CF)
$B/convert/unpickler/restricted_code.c: convert/unpickler/embed.py $(HELPER_PY) $B/flags
	@mkdir -p $(@D)
	$(PYTHON) convert/unpickler/embed.py $(HELPER_PY) $@
$B/convert/unpickler/restricted_code.o: $B/convert/unpickler/restricted_code.c
	$(CC) $(BUILD_PP) $(BUILD_CF) -c -o $@ $<

$B/completions/done: completions/generate.py completions/common.bash $(addprefix $B/,$(COMMANDS))
	$(PYTHON) completions/generate.py $(@D) $(addprefix $B/,$(COMMANDS))
	@touch $@

$(UNIT_TESTS): $B/tests/unit/%: $B/tests/unit/%.o $(call objs,remote formats base)
	$(CC) $(BUILD_CF) $(LDFLAGS) -o $@ $^ -lcmocka $(PKG_LD)
$(filter $B/tests/unit/convert_%,$(UNIT_TESTS)): $(filter-out %/main.o,$(call objs,convert))
# A helper that does what a pickle would have it do.
$B/tests/mischief/mpt-unpickler: $(HELPER) $B/tests/mischief/mischief.o
	$(CC) $(BUILD_CF) $(LDFLAGS) -Wl,--wrap=read,--wrap=seccomp_load -o $@ $^ $(HELPER_LD) $(PY_LD)
# The programs again; a test can let any call of the system fail in these.
$B/tests/faults/mpt-convert: $(call objs,convert)
$B/tests/faults/mpt-validate: $(call objs,validate)
$B/tests/faults/mpt-inspect: $(INSPECT)
$(FAULTY): $(call objs,remote formats base tests/faults) tests/faults/wrapped | $B/mpt-unpickler
	$(CC) $(BUILD_CF) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,@tests/faults/wrapped $(PKG_LD)
	ln -sf ../../mpt-unpickler $(@D)
$(DRIVERS): $B/tests/drivers/%: $B/tests/drivers/%.o $(call objs,remote formats base)
	$(CC) $(BUILD_CF) $(LDFLAGS) $(TEST_LD) -o $@ $^ $(PKG_LD)
$B/tests/drivers/convert_paced: $(call objs,convert) | $B/tests/drivers/mpt-unpickler
$B/tests/drivers/mpt-unpickler: | $B/mpt-unpickler
	ln -s ../../mpt-unpickler $@
$B/tests/drivers/validate_weights: $(filter-out %/main.o,$(call objs,validate))
$B/tests/drivers/convert_paced: TEST_LD = -Wl,--wrap=pwrite,--wrap=clock_gettime
$B/tests/drivers/validate_paced: $(call objs,validate)
$B/tests/drivers/validate_paced: TEST_LD = -Wl,--wrap=pread,--wrap=clock_gettime
$B/tests/drivers/credentials_print: TEST_LD = -Wl,--wrap=time

# libFuzzer brings a main() that makes inputs; without it ours reads them.
FUZZ_MAIN := $(if $(findstring fuzzer,$(SAN)),,$B/tests/fuzz/replay.o)
$(FUZZERS): $B/tests/fuzz/%: $B/tests/fuzz/%.o $(FUZZ_MAIN) $(call objs,remote formats base)
	$(CC) $(BUILD_CF) $(LDFLAGS) $(TEST_LD) -o $@ $^ $(PKG_LD)
$B/tests/fuzz/fuzz_answer: $B/convert/unpickle_answer.o
$B/tests/fuzz/fuzz_record: $(patsubst %,$B/convert/%.o,record_parse result notes)
FUZZ_TORCH := $(filter $B/tests/fuzz/fuzz_torch_%,$(FUZZERS))
$(FUZZ_TORCH): $B/tests/fuzz/torch.o $(filter-out %/main.o %/helper.o,$(call objs,convert))

$B/%.o: %.c $B/flags
	@mkdir -p $(@D)
	$(CC) $(BUILD_PP) $(BUILD_CF) $(PART_CF) -MMD -MP -c -o $@ $<
$B/flags: FORCE					# changed settings rebuild everything
	@mkdir -p $B; echo '$(CC) $(BUILD_PP) $(BUILD_CF) $(LDFLAGS) $(PY_LD)' >$@.new; \
	cmp -s $@.new $@ && rm $@.new || mv $@.new $@
-include $(patsubst %.c,$B/%.d,$(SRC))

tests: all $(UNIT_TESTS) $(DRIVERS) $(FAULTY) $B/tests/mischief/mpt-unpickler $(FUZZERS)	## build the programs and the test programs
check: tests					## run all tests (needs what tests/requirements.txt names)
	MPT_BUILD=$(abspath $B) $(PYTHON) -m pytest tests
fuzzers: $(FUZZERS)

# One file at a time: release 14 mixes up the va_lists of several.
tidy:						## clang-tidy on the sources, with no findings
	printf '%s\n' $(call sources,base formats remote convert validate inspect) | xargs -P2 -I@ \
		clang-tidy-14 --quiet @ -- -std=c11 -fopenmp $(BUILD_PP)
fuzz: fuzz-build				## fuzz each parser for FUZZ_SECONDS (clang)
	$(MAKE) -k -j2 $(FUZZ:%=fuzz-%)
# Seeds, what is made of them, findings and logs are under $B/fuzz.
fuzz-build: all
	MPT_BUILD=$(abspath $B) $(PYTHON) tests/fuzz/seeds.py $B/fuzz/corpus
	$(MAKE) B=$B/fuzz CC=clang CFLAGS='-O1 -g' SAN=fuzzer,address,undefined,integer fuzzers
$(FUZZ:%=fuzz-%): fuzz-%: fuzz-build
	@mkdir -p $B/fuzz/findings
	$B/fuzz/tests/fuzz/fuzz_$* -max_total_time=$(FUZZ_SECONDS) -timeout=10 \
		-rss_limit_mb=1024 -print_final_stats=1 -dict=tests/fuzz/$*.dict \
		-artifact_prefix=$B/fuzz/findings/$*- $B/fuzz/corpus/$* \
		>$B/fuzz/$*.log 2>&1 || { tail -n 60 $B/fuzz/$*.log; exit 1; }
fuzz-cover: all					## how much of the parsers the seeds reach (gcc)
	MPT_BUILD=$(abspath $B) $(PYTHON) tests/fuzz/seeds.py $B/cover/corpus
	$(MAKE) B=$B/cover CC=gcc CFLAGS='-O0 --coverage' SAN= WERROR= fuzzers
	$(PYTHON) tests/fuzz/coverage.py $B/cover $B/cover/corpus
demo: all					## convert fixtures/legacy and validate the result
	sh fixtures/demo.sh $(abspath $B)

BENCH := $(patsubst bench/%.c,$B/bench/%,$(call sources,bench))
-include $(BENCH:=.d)
$(BENCH): $B/bench/%: $B/bench/%.o
	$(CC) $(BUILD_CF) $(LDFLAGS) -o $@ $^ $(PKG_LD)
bench: all $(BENCH)				## compare with the alternatives, in minutes
	$(PYTHON) bench/compare.py --build $B
bench-quick: all $(BENCH)			## the same on less, in a minute
	$(PYTHON) bench/compare.py --build $B --quick
.PHONY: bench bench-quick

MAN1DIR = $(DESTDIR)$(mandir)/man1
MAN5DIR = $(DESTDIR)$(mandir)/man5
BASHDIR = $(DESTDIR)$(bashcompdir)
ZSHDIR = $(DESTDIR)$(zshcompdir)
install: all					## install under $(DESTDIR)$(PREFIX)
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(libexecdir) $(MAN1DIR) $(MAN5DIR) $(BASHDIR) $(ZSHDIR)
	install $(addprefix $B/,$(COMMANDS)) $(DESTDIR)$(bindir)
	install $B/mpt-unpickler $(DESTDIR)$(libexecdir)
	install -m 644 man/*.1 $(MAN1DIR)
	install -m 644 man/*.5 $(MAN5DIR)
	install -m 644 $(COMMANDS:%=$B/completions/bash/%) $(BASHDIR)
	install -m 644 $(COMMANDS:%=$B/completions/zsh/_%) $(ZSHDIR)
	install -d $(DESTDIR)$(datadir)/cluster
	install -m 644 cluster/*.yaml $(DESTDIR)$(datadir)/cluster
	install cluster/*.sbatch $(DESTDIR)$(datadir)/cluster
uninstall:					## remove what install put there
	rm -f $(COMMANDS:%=$(DESTDIR)$(bindir)/%) $(COMMANDS:%=$(BASHDIR)/%) $(COMMANDS:%=$(ZSHDIR)/_%)
	rm -f $(patsubst man/%,$(MAN1DIR)/%,$(wildcard man/*.1)) $(patsubst man/%,$(MAN5DIR)/%,$(wildcard man/*.5))
	rm -rf $(DESTDIR)$(libexecdir) $(DESTDIR)$(datadir)
clean:						## remove $B
	rm -rf $B
help:						## list the targets
	@grep -hE '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/' | expand -t 14

FORCE:
.PHONY: all tests check tidy fuzzers fuzz fuzz-build $(FUZZ:%=fuzz-%) fuzz-cover demo install uninstall clean help FORCE
.SECONDARY:
.DELETE_ON_ERROR:
