#define _GNU_SOURCE
#include "link.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "flows.h"
#include "packet.h"

#define MAXPKT 65600
#define MAX_WAIT_NS (NSEC / 5)

struct pkt {
	int64_t due;
	uint64_t seq;
	uint32_t len;
	uint8_t data[];
};

struct dir dirs[2] = {{.name = "a2b"}, {.name = "b2a"}};
_Atomic int stopping, link_down, udp_down, keep_order = 1;
_Atomic int64_t up_again_at;
_Atomic uint32_t port_shift, ge_p, ge_r, ge_h;

void die(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("wanlink: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

int64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC + ts.tv_nsec;
}

static uint64_t rnd(struct dir *d) /* xorshift64* */
{
	d->rng ^= d->rng >> 12;
	d->rng ^= d->rng << 25;
	d->rng ^= d->rng >> 27;
	return d->rng * 2685821657736338717ULL;
}

static int chance(struct dir *d, uint32_t ppm)
{
	return ppm && (rnd(d) >> 33) % 1000000 < ppm;
}

static int before(const struct pkt *x, const struct pkt *y)
{
	return x->due != y->due ? x->due < y->due : x->seq < y->seq;
}

static void push(struct dir *d, struct pkt *p)
{
	if (d->n == d->cap) {
		d->cap = d->cap ? d->cap * 2 : 1024;
		d->heap = realloc(d->heap, d->cap * sizeof *d->heap);
		if (!d->heap)
			die("out of memory");
	}
	size_t i = d->n++;
	while (i) {
		size_t up = (i - 1) / 2;
		if (!before(p, d->heap[up]))
			break;
		d->heap[i] = d->heap[up];
		i = up;
	}
	d->heap[i] = p;
}

static struct pkt *pop(struct dir *d)
{
	struct pkt *top = d->heap[0], *last = d->heap[--d->n];
	size_t i = 0;
	for (;;) {
		size_t c = 2 * i + 1;
		if (c >= d->n)
			break;
		if (c + 1 < d->n && before(d->heap[c + 1], d->heap[c]))
			c++;
		if (!before(d->heap[c], last))
			break;
		d->heap[i] = d->heap[c];
		i = c;
	}
	if (d->n)
		d->heap[i] = last;
	return top;
}

static int64_t within(struct dir *d, int64_t spread)
{
	return (int64_t)(rnd(d) % (uint64_t)(2 * spread + 1)) - spread;
}

/*
 * What jitter adds to a packet's delay. Where packets may overtake, each has its own draw. Where they may not, the delay
 * sways like a queue's: in straight lines between random points, at most half as fast as time goes, since draws for
 * single packets would all be raised to the largest of the last few.
 */
static int64_t jitter(struct dir *d, int64_t now)
{
	int64_t spread = d->jitter_ns;
	if (!spread)
		return 0;
	if (!keep_order)
		return within(d, spread);
	if (now >= d->sway_until) {
		d->sway_at = now;
		d->sway_until = now + 4 * spread;
		d->sway_from = d->sway_to;
		d->sway_to = within(d, spread);
	}
	double share = (double)(now - d->sway_at) / (d->sway_until - d->sway_at);
	return d->sway_from + (int64_t)((d->sway_to - d->sway_from) * share);
}

static int is_down(int64_t now)
{
	int64_t back = up_again_at;
	if (back && now >= back) {
		up_again_at = 0;
		link_down = 0;
	}
	return link_down;
}

static int is_lost(struct dir *d)
{
	if (!ge_p)
		d->bad = 0;
	else if (chance(d, d->bad ? ge_r : ge_p))
		d->bad = !d->bad;
	return (d->bad && chance(d, ge_h)) || chance(d, d->loss_ppm);
}

/* Whether the packet's flow is cut; answers its sender where flows are reset. */
static int is_cut(struct dir *d, const uint8_t *b, uint32_t len, int64_t now)
{
	struct tuple t;
	uint8_t reset[RESET_MAX];
	if (!packet_tuple(b, len, d == &dirs[0], &t))
		return 0;
	enum cut cut = flow_carries(&t, len, now);
	uint32_t size = cut == RESET ? packet_reset(b, len, reset) : 0;
	if (size && write(d->in, reset, size) != (ssize_t)size)
		d->tx_err++;
	return cut != UNCUT;
}

/* When the packet is through, -1 if the queue has no room for it. */
static int64_t due_at(struct dir *d, uint32_t len, int64_t now)
{
	int64_t due = now, rate = d->rate_bps;
	if (rate) {
		int64_t start = d->wire_free > now ? d->wire_free : now;
		if (start - now > d->queue_ns)
			return -1;
		d->wire_free = start + (int64_t)len * 8 * NSEC / rate;
		due = d->wire_free;
	}
	due += d->delay_ns + jitter(d, now);
	if (keep_order && due < d->last_due)
		due = d->last_due;
	d->last_due = due < now ? now : due;
	return d->last_due;
}

static void hold(struct dir *d, const uint8_t *buf, uint32_t len, int64_t due)
{
	struct pkt *p = malloc(sizeof *p + len);
	if (!p)
		die("out of memory");
	p->due = due;
	p->seq = d->seq++;
	p->len = len;
	memcpy(p->data, buf, len);
	if (len > 40 && chance(d, d->corrupt_ppm)) {
		p->data[40 + rnd(d) % (len - 40)] ^= 1 + rnd(d) % 255;
		d->corrupt++;
	}
	push(d, p);
}

static void take(struct dir *d, uint8_t *buf, uint32_t len, int64_t now)
{
	int from_a = d == &dirs[0];
	d->rx++;
	d->rx_bytes += len;
	/* Flows are known by A's own ports. */
	if (!from_a)
		packet_rebind(buf, len, 0, port_shift);
	if (is_cut(d, buf, len, now)) {
		d->killed++;
		return;
	}
	if (from_a)
		packet_rebind(buf, len, 1, port_shift);
	if (is_down(now)) {
		d->downed++;
		return;
	}
	if (udp_down && packet_is_udp(buf, len)) {
		d->udp_dropped++;
		return;
	}
	if (is_lost(d)) {
		d->lost++;
		return;
	}
	int64_t due = due_at(d, len, now);
	if (due < 0) {
		d->overflow++;
		return;
	}
	hold(d, buf, len, due);
	if (chance(d, d->dup_ppm)) {
		d->dup++;
		hold(d, buf, len, due);
	}
}

static void release(struct dir *d, int64_t now)
{
	while (d->n && d->heap[0]->due <= now) {
		struct pkt *p = pop(d);
		int64_t late = (now - p->due) / 1000;
		d->late_sum_us += late;
		if ((uint64_t)late > d->late_max_us)
			d->late_max_us = late;
		if (write(d->out, p->data, p->len) == (ssize_t)p->len) {
			d->tx++;
			d->tx_bytes += p->len;
		} else
			d->tx_err++;
		free(p);
	}
}

void *carry(void *arg)
{
	enum { BATCH = 64 };
	struct dir *d = arg;
	static _Thread_local uint8_t buf[MAXPKT];
	prctl(PR_SET_TIMERSLACK, 1UL);
	while (!stopping) {
		int64_t now = now_ns();
		int got = 0;
		for (; got < BATCH; got++) {
			ssize_t r = read(d->in, buf, sizeof buf);
			if (r <= 0)
				break;
			take(d, buf, r, now);
		}
		release(d, got ? now_ns() : now);
		if (got == BATCH)
			continue;
		int64_t wait = d->n ? d->heap[0]->due - now_ns() : MAX_WAIT_NS;
		if (wait < 0)
			wait = 0;
		if (wait > MAX_WAIT_NS)
			wait = MAX_WAIT_NS;
		struct pollfd pf = {.fd = d->in, .events = POLLIN};
		struct timespec ts = {wait / NSEC, wait % NSEC};
		ppoll(&pf, 1, &ts, NULL);
	}
	return NULL;
}
