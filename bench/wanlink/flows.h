/* Which flows of TCP and UDP go over the link, how much each carries, and which of them are cut. */
#ifndef FLOWS_H
#define FLOWS_H

#include <stddef.h>
#include <stdint.h>

#include "packet.h"

enum cut { UNCUT, SILENT, RESET };

/* Counts a packet of `t` and tells whether its flow is cut. */
enum cut flow_carries(const struct tuple *t, uint32_t bytes, int64_t now);

/*
 * Cuts the flow that carried the most bytes within the last second, both ways together, for good. Writes it as
 * "udp 10.77.0.1:40000 10.77.0.2:7443", A's end first, and returns its bytes; 0: none carried any.
 */
uint64_t flow_cut_busiest(enum cut how, int64_t now, char *text, size_t size);

#endif
