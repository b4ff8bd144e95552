/* SPDX-License-Identifier: MIT */
/*
 * counted_io DEVICE read|write BYTES WARM COUNT: direct I/O at random places, one
 * at a time, with a mark on each side of COUNT of them: instruction_counter.c.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void mark(void)
{
	__asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0x00, 0x42, 0x4c, 0x4b, 0x51");	/* nopl 0x514b4c42(%rax,%rax) */
}

static void io(int fd, int writes, char *data, size_t bytes, uint64_t nr_places, long count)
{
	uint64_t place = 88172645463325252ull;

	while (count--) {
		ssize_t done;

		place ^= place << 13;
		place ^= place >> 7;
		place ^= place << 17;
		done = writes ? pwrite(fd, data, bytes, place % nr_places * bytes) :
				pread(fd, data, bytes, place % nr_places * bytes);
		if (done != (ssize_t)bytes)
			err(1, "I/O");
	}
}

int main(int argc, char **argv)
{
	int writes = argc == 6 && !strcmp(argv[2], "write");
	size_t bytes;
	char *data;
	int fd;

	if (argc != 6)
		errx(2, "usage: counted_io DEVICE read|write BYTES WARM COUNT");
	bytes = strtoul(argv[3], NULL, 0);
	fd = open(argv[1], O_RDWR | O_DIRECT);
	if (fd < 0 || posix_memalign((void **)&data, 4096, bytes))
		err(1, "%s", argv[1]);
	memset(data, 0x5a, bytes);
	io(fd, writes, data, bytes, lseek(fd, 0, SEEK_END) / bytes, atol(argv[4]));
	mark();
	io(fd, writes, data, bytes, lseek(fd, 0, SEEK_END) / bytes, atol(argv[5]));
	mark();
	return 0;
}
