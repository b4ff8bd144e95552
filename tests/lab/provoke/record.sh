#!/bin/sh
# SPDX-License-Identifier: MIT
# In a guest: records a log of each kind into $BLKMQ_ARTIFACTS; see tests/lab/test_kernel_log.py for how to run it.
insmod "$1"
shift
sysctl -qw kernel.hung_task_timeout_secs=2 kernel.watchdog_thresh=2
echo 4 >/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout
for what; do
    dmesg -C
    echo "$what" >/sys/module/provoke/parameters/what
    case $what in
    hung) sleep 7 ;;
    stall) sleep 12 ;;
    leak) for _ in 1 2; do sleep 6; echo scan >/sys/kernel/debug/kmemleak; done ;;
    *) sleep 1 ;;
    esac
    dmesg >"$BLKMQ_ARTIFACTS/$what.txt"
done
