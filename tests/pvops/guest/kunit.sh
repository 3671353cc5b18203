#!/bin/busybox sh
# SPDX-License-Identifier: BSD-2-Clause
# Runs the patches' KUnit suite, which is a module, and shows what it says.
. /tests/lib.sh
modules=/modules/$(uname -r | cut -d. -f1,2)
check "KUnit can be loaded" insmod $modules/kunit.ko enable=1
check "the suite can be loaded" insmod $modules/pvkit_test.ko
dmesg | sed -n 's/^\[[^]]*\] *\(.*ok [0-9]* .*\)/KUNIT \1/p'
finish
