/*
 * A table of fixed size, sets of WAYS: a new flow takes the place of the one in its set that was silent longest. A cut
 * flow keeps its place for KEEP_CUT_NS after its last packet, so that what its ends send again stays cut.
 */
#include "flows.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "link.h"

enum { SETS = 1024, WAYS = 8, SLOTS = 4 };
#define SLOT_NS (NSEC / SLOTS)
#define KEEP_CUT_NS (120 * NSEC)

struct flow {
	struct tuple tuple;
	enum cut cut;
	int64_t last;
	/* bytes of each quarter of the last second, and which quarter that was since the clock's zero */
	uint64_t bytes[SLOTS];
	int64_t slot[SLOTS];
};

static struct flow flows[SETS][WAYS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static uint32_t hash(const struct tuple *t)
{
	const uint8_t *b = (const uint8_t *)t;
	uint32_t h = 2166136261u; /* FNV-1a */
	for (size_t i = 0; i < sizeof *t; i++)
		h = (h ^ b[i]) * 16777619u;
	return h;
}

static struct flow *place_of(const struct tuple *t, int64_t now)
{
	struct flow *set = flows[hash(t) % SETS], *oldest = NULL;
	for (int i = 0; i < WAYS; i++) {
		struct flow *f = &set[i];
		if (!memcmp(&f->tuple, t, sizeof *t))
			return f;
		if (f->cut && now - f->last < KEEP_CUT_NS)
			continue;
		if (!oldest || f->last < oldest->last)
			oldest = f;
	}
	if (oldest) {
		memset(oldest, 0, sizeof *oldest);
		oldest->tuple = *t;
	}
	return oldest;
}

enum cut flow_carries(const struct tuple *t, uint32_t bytes, int64_t now)
{
	enum cut cut = UNCUT;
	pthread_mutex_lock(&lock);
	struct flow *f = place_of(t, now);
	if (f) {
		int64_t slot = now / SLOT_NS;
		int i = slot % SLOTS;
		if (f->slot[i] != slot) {
			f->slot[i] = slot;
			f->bytes[i] = 0;
		}
		f->bytes[i] += bytes;
		f->last = now;
		cut = f->cut;
	}
	pthread_mutex_unlock(&lock);
	return cut;
}

static uint64_t bytes_of(const struct flow *f, int64_t now)
{
	uint64_t sum = 0;
	for (int i = 0; i < SLOTS; i++)
		if (now / SLOT_NS - f->slot[i] < SLOTS)
			sum += f->bytes[i];
	return sum;
}

static void describe(const struct tuple *t, char *text, size_t size)
{
	char a[INET6_ADDRSTRLEN], b[INET6_ADDRSTRLEN];
	int family = t->family == 4 ? AF_INET : AF_INET6;
	inet_ntop(family, t->a_ip, a, sizeof a);
	inet_ntop(family, t->b_ip, b, sizeof b);
	const char *shape = t->family == 4 ? "%s %s:%u %s:%u" : "%s [%s]:%u [%s]:%u";
	snprintf(text, size, shape, t->protocol == 17 ? "udp" : "tcp", a, ntohs(t->a_port), b, ntohs(t->b_port));
}

uint64_t flow_cut_busiest(enum cut how, int64_t now, char *text, size_t size)
{
	struct flow *busiest = NULL;
	uint64_t most = 0;
	pthread_mutex_lock(&lock);
	for (struct flow *f = flows[0]; f < flows[SETS]; f++) {
		uint64_t bytes = f->cut ? 0 : bytes_of(f, now);
		if (bytes > most) {
			most = bytes;
			busiest = f;
		}
	}
	if (busiest) {
		busiest->cut = how;
		describe(&busiest->tuple, text, size);
	}
	pthread_mutex_unlock(&lock);
	return most;
}
