# SPDX-License-Identifier: Apache-2.0
#
# The one door.  Everything is built under build/ (BUILD=elsewhere moves it).

BUILD ?= build
PREFIX ?= /usr/local
export BUILD

JOBS := $(shell nproc)

.PHONY: help deps kmod userspace guests demo demo-can demo-rpmb demo-loopback check check-unit \
	check-guest check-vhost-user check-sanitize check-long fuzz fuzzers bench lint install clean
# The order of prerequisites counts: packages first.
.NOTPARALLEL:

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

deps: ## install the Debian packages that are missing (packaging/deps/debian.list)
	@scripts/deps build guest fuzz

kmod: ## build the kernel modules for Debian's 6.1 and 6.12
	@scripts/kmod

userspace: ## build hub, helper and tests
	@cmake -G Ninja -S . -B $(BUILD) -DSTRATOS_BUILD_FOLDER=$(abspath $(BUILD)) --log-level=NOTICE
	@cmake --build $(BUILD) -j $(JOBS)

guests: kmod userspace # what guest tests and demos boot
	@scripts/kernels
	@scripts/initramfs $$(scripts/kernels list)

demo: demo-can demo-rpmb demo-loopback ## every demonstration

demo-can: deps guests ## a guest, a stub VM, and CAN frames both ways
	@$(BUILD)/tests/guest/demo-can

demo-rpmb: deps guests ## replay-protected storage that outlives its helper
	@$(BUILD)/tests/guest/demo-rpmb

demo-loopback: deps guests ## a machine whose kernel uses what its own user space serves
	@$(BUILD)/tests/guest/demo-loopback

check: deps guests fuzzers ## every test but the long ones
	@scripts/check unit guest fuzz@fuzz

check-unit: userspace ## the tests that need no guest
	@scripts/check unit

check-guest: guests ## the tests that boot guests
	@scripts/check guest

check-vhost-user: guests ## a QEMU that knows none of our devices carries them to guests
	@scripts/qemu-root
	@scripts/check vhost-user

# Sanitizers of one build each, which lies in its own folder under build/.
asan := address,undefined
tsan := thread
sanitized-%:
	@cmake -G Ninja -S . -B $(BUILD)/$* -DSTRATOS_SANITIZE=$($*) --log-level=NOTICE
	@cmake --build $(BUILD)/$* -j $(JOBS) --target unit_tests

check-sanitize: sanitized-asan sanitized-tsan ## the unit tests under ASan, UBSan and TSan
	@scripts/check unit@asan unit@tsan

# Clang has the fuzzer; FUZZ_SECONDS is for each of them.
FUZZ_SECONDS ?= 600
fuzzers:
	@cmake -G Ninja -S . -B $(BUILD)/fuzz -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19 \
		-DSTRATOS_FUZZ=ON -DSTRATOS_SANITIZE=fuzzer-no-link,address,undefined --log-level=NOTICE
	@cmake --build $(BUILD)/fuzz -j $(JOBS) --target fuzzers

fuzz: deps fuzzers ## every fuzzer for FUZZ_SECONDS each
	@STRATOS_FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/check fuzz@fuzz

check-long: guests ## soak and fuzz: minutes to hours
	@scripts/check long

bench: userspace ## the ratios that Documentation speaks of
	@scripts/deps bench
	@$(BUILD)/tests/bench/stratos-bench --json $(BUILD)/bench.json

lint: ## layout, SPDX, kernel style, sparse, shell
	@scripts/deps build lint
	@scripts/lint

install: userspace ## programs under PREFIX; modules for the running kernel are DKMS's work
	@cmake --install $(BUILD) --prefix $(PREFIX)

clean: ## remove all that was built, but not the unpacked kernels and QEMU
	@find $(BUILD) -mindepth 1 -maxdepth 1 ! -name kernels ! -name qemu-root -exec rm -rf {} +
