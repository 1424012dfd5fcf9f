/* What the link reads and changes in the heads of IP packets. */
#ifndef PACKET_H
#define PACKET_H

#include <stdint.h>

/* The two ends of a flow in network byte order, A's first; IPv4 addresses fill the first 4 bytes. */
struct tuple {
	uint8_t a_ip[16], b_ip[16];
	uint16_t a_port, b_port;
	uint8_t family, protocol;
};

/* The flow of a packet of TCP or UDP; 0 if it belongs to none: another protocol, a fragment, an extension header. */
int packet_tuple(const uint8_t *b, uint32_t len, int from_a, struct tuple *t);

/* Any packet of UDP, fragments too. */
int packet_is_udp(const uint8_t *b, uint32_t len);

/* Moves A's UDP ports within 20000..60999 by `shift` as B sees them; ports outside of that are left alone. */
void packet_rebind(uint8_t *b, uint32_t len, int from_a, uint32_t shift);

/*
 * Writes the RST that its receiver would send for this packet of TCP (RFC 9293 section 3.10.7.1).
 * Returns its length in `out` (of RESET_MAX bytes), 0 if the packet is a RST itself or bears no acknowledgement.
 */
uint32_t packet_reset(const uint8_t *b, uint32_t len, uint8_t *out);

#define RESET_MAX 60

#endif
