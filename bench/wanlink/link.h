/* One link of two directions, each with a thread of its own; see wanlink.c. */
#ifndef LINK_H
#define LINK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define NSEC 1000000000LL

struct pkt;

struct dir {
	const char *name;
	int in, out;
	/* settings, changed from the command thread */
	_Atomic int64_t delay_ns, jitter_ns, queue_ns;
	_Atomic int64_t rate_bps;
	_Atomic uint32_t loss_ppm, dup_ppm, corrupt_ppm;
	/* state of the direction's own thread */
	uint64_t rng, seq;
	int64_t wire_free, last_due;
	int64_t sway_at, sway_until, sway_from, sway_to;
	int bad;
	struct pkt **heap;
	size_t n, cap;
	/* counters */
	_Atomic uint64_t rx, rx_bytes, tx, tx_bytes, lost, overflow, downed, udp_dropped, killed, dup, corrupt, tx_err;
	_Atomic uint64_t late_sum_us, late_max_us;
};

/* A to B, B to A. */
extern struct dir dirs[2];

/* Settings of both directions. */
extern _Atomic int stopping, link_down, udp_down, keep_order;
extern _Atomic int64_t up_again_at;
extern _Atomic uint32_t port_shift, ge_p, ge_r, ge_h;

int64_t now_ns(void);
void die(const char *fmt, ...);

/* Carries packets from dir->in to dir->out until `stopping`; a thread's body. */
void *carry(void *dir);

#endif
