// SPDX-License-Identifier: GPL-2.0-only
// Makes a kernel complain, for the log checker's recorded logs: echo warning >/sys/module/provoke/parameters/what
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static uint amount = 1;
module_param(amount, uint, 0444);
static uint seconds = 8;
module_param(seconds, uint, 0444);

static DEFINE_SPINLOCK(lock);
static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

static void spin(void)
{
	unsigned long end = jiffies + seconds * HZ;

	while (time_before(jiffies, end))
		cpu_relax();
}

static void provoke(const char *what)
{
	struct { struct list_head a, b; } *lists;
	refcount_t count = REFCOUNT_INIT(0);
	char *memory;

	if (!strcmp(what, "warning")) {
		WARN(amount, "provoked");
	} else if (!strcmp(what, "bug")) {
		BUG_ON(amount);
	} else if (!strcmp(what, "oops")) {
		*(volatile int *)(long)(8 * amount) = 1;
	} else if (!strcmp(what, "panic")) {
		panic("provoked");
	} else if (!strcmp(what, "atomic")) {
		preempt_disable();
		msleep(10);
		preempt_enable();
	} else if (!strcmp(what, "sleep")) {
		spin_lock(&lock);
		might_sleep();
		spin_unlock(&lock);
	} else if (!strcmp(what, "shift")) {
		amount = 1 << (amount + 63);
	} else if (!strcmp(what, "refcount")) {
		refcount_inc(&count);
	} else if (!strcmp(what, "list")) {
		lists = kzalloc(sizeof(*lists), GFP_KERNEL);
		INIT_LIST_HEAD(&lists->a);
		lists->a.next = &lists->b;
		list_add(&lists->b, &lists->a);
		kfree(lists);
	} else if (!strcmp(what, "free")) {
		memory = kmalloc(64, GFP_KERNEL);
		kfree(memory);
		*(volatile char *)memory = 1;
	} else if (!strcmp(what, "leak")) {
		memory = kmalloc(64 * amount, GFP_KERNEL);
		memory[0] = 1;
		memory = NULL;
	} else if (!strcmp(what, "order")) {
		mutex_lock(&first);
		mutex_lock(&second);
		mutex_unlock(&second);
		mutex_unlock(&first);
		mutex_lock(&second);
		mutex_lock(&first);
		mutex_unlock(&first);
		mutex_unlock(&second);
	} else if (!strcmp(what, "hung")) {
		__set_current_state(TASK_UNINTERRUPTIBLE);
		schedule_timeout(seconds * HZ);
	} else if (!strcmp(what, "stall")) {
		rcu_read_lock();
		preempt_disable();
		spin();
		preempt_enable();
		rcu_read_unlock();
	}
}

// In a thread of its own, which may well die of it.
static int provoked(void *what)
{
	provoke(what);
	kfree(what);
	return 0;
}

static int set_what(const char *value, const struct kernel_param *param)
{
	char *what = kstrdup(value, GFP_KERNEL);
	struct task_struct *task;

	if (!what)
		return -ENOMEM;
	task = kthread_run(provoked, strim(what), "provoked");
	return PTR_ERR_OR_ZERO(task);
}

static const struct kernel_param_ops what_ops = { .set = set_what };
module_param_cb(what, &what_ops, NULL, 0200);

static int __init provoke_init(void)
{
	return 0;
}
module_init(provoke_init);
MODULE_DESCRIPTION("Makes a kernel complain");
MODULE_LICENSE("GPL");
