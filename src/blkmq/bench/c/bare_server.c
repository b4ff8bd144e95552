/* SPDX-License-Identifier: MIT */
/*
 * The least that answers NBD clients, a process for each: it receives, sends, and knows nothing.  Polling, it looks
 * busily at its socket; else it sleeps in it.  What a server can reach on a machine is hardly more than this.
 *
 * usage: bare_server SOCKET SIZE_BYTES [poll]
 */
#include <endian.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { OPT_GO = 7, REP_ACK = 1, REP_INFO = 3, CMD_READ = 0, CMD_WRITE = 1, CMD_DISC = 2 };
enum { REQUEST_BYTES = 28, REPLY_BYTES = 16, BUFFER_BYTES = 2 << 20 };
#define NBDMAGIC 0x4e42444d41474943ull
#define IHAVEOPT 0x49484156454f5054ull
#define REP_MAGIC 0x0003e889045565a9ull
#define REP_ERR_UNSUP 0x80000001u
#define SIMPLE_REPLY_MAGIC 0x67446698u

static char in[BUFFER_BYTES], out[BUFFER_BYTES];

static int read_all(int fd, void *at, size_t length)
{
	while (length) {
		ssize_t got = recv(fd, at, length, 0);

		if (got <= 0)
			return -1;
		at = (char *)at + got;
		length -= got;
	}
	return 0;
}

static void put16(char *at, uint16_t value) { value = htobe16(value); memcpy(at, &value, 2); }
static void put32(char *at, uint32_t value) { value = htobe32(value); memcpy(at, &value, 4); }
static void put64(char *at, uint64_t value) { value = htobe64(value); memcpy(at, &value, 8); }
static uint32_t get32(const char *at) { uint32_t value; memcpy(&value, at, 4); return be32toh(value); }

/* C: option_reply of any server: 20 bytes of head, and what it says */
static void answer_option(int fd, uint32_t option, uint32_t kind, const char *data, uint32_t length)
{
	char reply[64];

	put64(reply, REP_MAGIC);
	put32(reply + 8, option);
	put32(reply + 12, kind);
	put32(reply + 16, length);
	memcpy(reply + 20, data, length);
	send(fd, reply, 20 + length, MSG_NOSIGNAL);
}

static int shake_hands(int fd, uint64_t size_bytes)
{
	char greeting[18], head[16], info[12] = { 0 };

	put64(greeting, NBDMAGIC);
	put64(greeting + 8, IHAVEOPT);
	put16(greeting + 16, 3);
	send(fd, greeting, sizeof(greeting), MSG_NOSIGNAL);
	if (read_all(fd, head, 4))
		return -1;
	for (;;) {
		if (read_all(fd, head, sizeof(head)) || get32(head + 12) > sizeof(in))
			return -1;
		if (read_all(fd, in, get32(head + 12)))
			return -1;
		if (get32(head + 8) == OPT_GO)
			break;
		answer_option(fd, get32(head + 8), REP_ERR_UNSUP, "", 0);
	}
	put64(info + 2, size_bytes);
	put16(info + 10, 1);
	answer_option(fd, OPT_GO, REP_INFO, info, sizeof(info));
	answer_option(fd, OPT_GO, REP_ACK, "", 0);
	return 0;
}

static void serve(int fd, int flags)
{
	for (;;) {
		size_t have = 0, wanted = REQUEST_BYTES;
		uint32_t length = 0;
		int kind = 0;

		while (have < wanted) {
			ssize_t got = recv(fd, in + have, wanted - have, flags);

			if (got == 0)
				return;
			have += got > 0 ? got : 0;
			if (have >= REQUEST_BYTES) {
				kind = in[7];
				length = get32(in + 24);
				if (kind == CMD_DISC || length > sizeof(in) - REQUEST_BYTES)
					return;
				wanted = REQUEST_BYTES + (kind == CMD_WRITE ? length : 0);
			}
		}
		put32(out, SIMPLE_REPLY_MAGIC);
		memcpy(out + 8, in + 8, 8);
		send(fd, out, REPLY_BYTES + (kind == CMD_READ ? length : 0), MSG_NOSIGNAL);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	if (argc != 3 && !(argc == 4 && !strcmp(argv[3], "poll"))) {
		fprintf(stderr, "usage: %s SOCKET SIZE_BYTES [poll]\n", argv[0]);
		return 2;
	}
	strncpy(address.sun_path, argv[1], sizeof(address.sun_path) - 1);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 16)) {
		perror(argv[1]);
		return 1;
	}
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0 && !fork()) {
			if (!shake_hands(fd, strtoull(argv[2], NULL, 10)))
				serve(fd, argc == 4 ? MSG_DONTWAIT : 0);
			return 0;
		}
		close(fd);
	}
}
