// SPDX-License-Identifier: MIT
/*
 * An NBD client that is not the limit: it keeps `depth` requests under way on each of `connections` connections,
 * one thread each, and sends all that it has to send at once.
 *
 * usage: nbd_client SOCKET EXPORT read|write BLOCK_BYTES DEPTH CONNECTIONS SIZE_BYTES MILLISECONDS [poll]
 * poll: it looks busily for replies, instead of sleeping until they come
 * prints: requests per second, over all connections
 */
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define NBD_REQUEST_MAGIC 0x25609513
#define NBD_SIMPLE_REPLY_MAGIC 0x67446698
#define IHAVEOPT 0x49484156454F5054
#define NBD_OPT_GO 7
#define NBD_REP_ACK 1
#define NBD_CMD_DISC 2
#define REPLY_BYTES 16

struct request {
	uint32_t magic;
	uint16_t flags, type;
	uint64_t cookie, offset;
	uint32_t length;
} __attribute__((packed));

struct client {
	pthread_t thread;
	uint64_t seed, done;
	int failed;
};

static const char *path, *export_name;
static int is_write, depth, recv_flags;
static size_t block_bytes;
static uint64_t nr_blocks, duration_msec;
static pthread_barrier_t start;

static uint64_t now_msec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

static int read_all(int fd, void *buffer, size_t length)
{
	for (char *at = buffer; length;) {
		ssize_t got = recv(fd, at, length, 0);

		if (got <= 0)
			return -1;
		at += got;
		length -= got;
	}
	return 0;
}

static int write_all(int fd, const void *buffer, size_t length)
{
	for (const char *at = buffer; length;) {
		ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);

		if (sent <= 0)
			return -1;
		at += sent;
		length -= sent;
	}
	return 0;
}

static int connect_and_go(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t name_length = strlen(export_name);
	char greeting[18], option[1024], data[65536];
	uint32_t flags = htobe32(3), word;
	uint64_t magic = htobe64(IHAVEOPT);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) || read_all(fd, greeting, sizeof(greeting)))
		return -1;
	memcpy(option, &flags, 4);
	memcpy(option + 4, &magic, 8);
	word = htobe32(NBD_OPT_GO);
	memcpy(option + 12, &word, 4);
	word = htobe32(4 + name_length + 2);
	memcpy(option + 16, &word, 4);
	word = htobe32(name_length);
	memcpy(option + 20, &word, 4);
	memcpy(option + 24, export_name, name_length);
	memset(option + 24 + name_length, 0, 2);
	if (write_all(fd, option, 26 + name_length))
		return -1;
	for (;;) {
		uint32_t head[5];

		if (read_all(fd, head, sizeof(head)) || be32toh(head[4]) > sizeof(data) || read_all(fd, data, be32toh(head[4])))
			return -1;
		if (be32toh(head[3]) == NBD_REP_ACK)
			return fd;
		if (be32toh(head[3]) >> 31)
			return -1;
	}
}

static void put_request(char *at, uint64_t cookie, uint64_t offset, int type)
{
	struct request request = {
		.magic = htobe32(NBD_REQUEST_MAGIC), .type = htobe16(type), .cookie = cookie,
		.offset = htobe64(offset), .length = htobe32(type == NBD_CMD_DISC ? 0 : block_bytes),
	};

	memcpy(at, &request, sizeof(request));
}

static void *run(void *argument)
{
	struct client *client = argument;
	size_t message = sizeof(struct request) + (is_write ? block_bytes : 0);
	size_t reply = REPLY_BYTES + (is_write ? 0 : block_bytes);
	size_t capacity = reply * depth, have = 0;
	char *out = calloc(depth, message), *in = malloc(capacity);
	int fd = connect_and_go(), under_way = 0;
	uint64_t until;

	if (fd < 0)
		client->failed = 1;
	pthread_barrier_wait(&start);
	until = now_msec() + duration_msec;
	while (!client->failed) {
		int free_slots = now_msec() < until ? depth - under_way : 0;
		size_t used = 0;
		ssize_t got;

		for (int i = 0; i < free_slots; i++) {
			client->seed = client->seed * 6364136223846793005ull + 1442695040888963407ull;
			put_request(out + i * message, i, (client->seed >> 33) % nr_blocks * block_bytes, is_write);
		}
		if (free_slots && write_all(fd, out, free_slots * message))
			client->failed = 1;
		under_way += free_slots;
		if (!under_way || client->failed)
			break;
		do
			got = recv(fd, in + have, capacity - have, recv_flags);
		while (got < 0 && errno == EAGAIN);
		if (got <= 0) {
			client->failed = 1;
			break;
		}
		have += got;
		for (; have - used >= reply; used += reply) {
			uint32_t head[2];

			memcpy(head, in + used, sizeof(head));
			if (be32toh(head[0]) != NBD_SIMPLE_REPLY_MAGIC || head[1])
				client->failed = 1;
			client->done++;
			under_way--;
		}
		have -= used;
		memmove(in, in + used, have);
	}
	if (!client->failed) {
		put_request(out, 0, 0, NBD_CMD_DISC);
		write_all(fd, out, sizeof(struct request));
	}
	close(fd);
	free(out);
	free(in);
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t done = 0;
	int nr_clients, failed = 0;
	struct client *clients;

	if (argc < 9 || argc > 10 || (argc == 10 && strcmp(argv[9], "poll"))) {
		fprintf(stderr, "usage: %s SOCKET EXPORT read|write BLOCK_BYTES DEPTH CONNECTIONS SIZE_BYTES MILLISECONDS [poll]\n", argv[0]);
		return 2;
	}
	path = argv[1];
	export_name = argv[2];
	is_write = !strcmp(argv[3], "write");
	block_bytes = strtoul(argv[4], NULL, 0);
	depth = atoi(argv[5]);
	nr_clients = atoi(argv[6]);
	nr_blocks = strtoull(argv[7], NULL, 0) / block_bytes;
	duration_msec = strtoull(argv[8], NULL, 0);
	recv_flags = argc == 10 ? MSG_DONTWAIT : 0;
	clients = calloc(nr_clients, sizeof(*clients));
	pthread_barrier_init(&start, NULL, nr_clients);
	for (int i = 0; i < nr_clients; i++) {
		clients[i].seed = i + 1;
		pthread_create(&clients[i].thread, NULL, run, &clients[i]);
	}
	for (int i = 0; i < nr_clients; i++) {
		pthread_join(clients[i].thread, NULL);
		done += clients[i].done;
		failed |= clients[i].failed;
	}
	printf("%.0f\n", done * 1000.0 / duration_msec);
	return failed;
}
