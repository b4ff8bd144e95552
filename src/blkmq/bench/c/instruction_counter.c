/* SPDX-License-Identifier: MIT */
/*
 * A TCG plugin for QEMU 7 and 8: how often each piece of the guest's kernel ran
 * between two marks, which a program of the guest's sets (counted_io.c).
 *
 * Argument out=PREFIX: the N-th pair of marks makes PREFIX.N, lines of "address
 * instructions executions"; those of user programs are one line of address 0.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is used of qemu-plugin.h, API 1, which Debian does not package. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info_t;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*callback)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, enum qemu_plugin_op op, void *counter,
					      uint64_t amount);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*callback)(unsigned int, void *),
					    enum qemu_plugin_cb_flags flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

#define HASH_BITS	18
#define MULTIPLIER	0x9e3779b97f4a7c15ull	/* 2^64 / golden ratio: spreads addresses over a hash */

struct block {
	uint64_t address, executions, before;
	size_t nr_instructions;
	struct block *next;
};

static struct block *blocks[1 << HASH_BITS];
static uint64_t user, user_before;
static const char *prefix = "instructions";
static unsigned int nr_marks;

/* QEMU may translate the same code again: it counts where it did before. */
static struct block *block_at(uint64_t address, size_t nr_instructions)
{
	struct block **bucket = &blocks[(address * MULTIPLIER + nr_instructions) >> (64 - HASH_BITS)], *block;

	for (block = *bucket; block; block = block->next)
		if (block->address == address && block->nr_instructions == nr_instructions)
			return block;
	block = calloc(1, sizeof(*block));
	if (!block)
		abort();
	*block = (struct block){ .address = address, .nr_instructions = nr_instructions, .next = *bucket };
	return *bucket = block;
}

static void begin(void)
{
	for (size_t i = 0; i < 1 << HASH_BITS; i++)
		for (struct block *block = blocks[i]; block; block = block->next)
			block->before = block->executions;
	user_before = user;
}

static void end(unsigned int number)
{
	char name[4096];
	FILE *file;

	snprintf(name, sizeof(name), "%s.%u", prefix, number);
	file = fopen(name, "w");
	if (!file) {
		perror(name);
		return;
	}
	fprintf(file, "0 1 %" PRIu64 "\n", user - user_before);
	for (size_t i = 0; i < 1 << HASH_BITS; i++)
		for (struct block *block = blocks[i]; block; block = block->next)
			if (block->executions != block->before)
				fprintf(file, "%" PRIx64 " %zu %" PRIu64 "\n", block->address, block->nr_instructions,
					block->executions - block->before);
	fclose(file);
}

static void on_mark(unsigned int cpu, void *data)
{
	if (nr_marks++ % 2)
		end(nr_marks / 2 - 1);
	else
		begin();
}

static bool is_mark(struct qemu_plugin_insn *insn)
{
	static const unsigned char mark[8] = { 0x0f, 0x1f, 0x84, 0x00, 0x42, 0x4c, 0x4b, 0x51 };

	return qemu_plugin_insn_size(insn) == sizeof(mark) && !memcmp(qemu_plugin_insn_data(insn), mark, sizeof(mark));
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t nr_instructions = qemu_plugin_tb_n_insns(tb);
	uint64_t address = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));

	if (address >> 63) {
		qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64,
							 &block_at(address, nr_instructions)->executions, 1);
		return;
	}
	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &user, nr_instructions);
	for (size_t i = 0; i < nr_instructions; i++)
		if (is_mark(qemu_plugin_tb_get_insn(tb, i)))
			qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_tb_get_insn(tb, i), on_mark,
							       QEMU_PLUGIN_CB_NO_REGS, NULL);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			prefix = strdup(argv[i] + 4);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	return 0;
}
