#include "packet.h"

#include <string.h>

enum { TCP = 6, UDP = 17, FRAGMENT = 44, RST = 0x04, ACK = 0x10 };

static void put16(uint8_t *b, uint16_t v)
{
	b[0] = v >> 8;
	b[1] = v & 255;
}

static uint32_t add16(uint32_t sum, const uint8_t *b, uint32_t len)
{
	for (uint32_t i = 0; i + 1 < len; i += 2)
		sum += b[i] << 8 | b[i + 1];
	return sum;
}

static uint16_t folded(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Offset of the head of `protocol`, or -1: plain IPv4 without fragments, or IPv6 without extension headers. */
static int head_at(const uint8_t *b, uint32_t len, int protocol)
{
	uint32_t need = protocol == TCP ? 20 : 8;
	if (len >= 20 && b[0] >> 4 == 4 && b[9] == protocol && !((b[6] & 0x3f) | b[7])) {
		uint32_t h = (b[0] & 15) * 4;
		return h >= 20 && h + need <= len ? (int)h : -1;
	}
	if (len >= 40 + need && b[0] >> 4 == 6 && b[6] == protocol)
		return 40;
	return -1;
}

int packet_tuple(const uint8_t *b, uint32_t len, int from_a, struct tuple *t)
{
	int protocol = TCP, h = head_at(b, len, TCP);
	if (h < 0)
		h = head_at(b, len, protocol = UDP);
	if (h < 0)
		return 0;
	memset(t, 0, sizeof *t);
	t->family = b[0] >> 4;
	t->protocol = protocol;
	int at = t->family == 4 ? 12 : 8, size = t->family == 4 ? 4 : 16;
	memcpy(from_a ? t->a_ip : t->b_ip, b + at, size);
	memcpy(from_a ? t->b_ip : t->a_ip, b + at + size, size);
	memcpy(from_a ? &t->a_port : &t->b_port, b + h, 2);
	memcpy(from_a ? &t->b_port : &t->a_port, b + h + 2, 2);
	return 1;
}

int packet_is_udp(const uint8_t *b, uint32_t len)
{
	if (len >= 20 && b[0] >> 4 == 4)
		return b[9] == UDP;
	if (len >= 48 && b[0] >> 4 == 6)
		return b[6] == UDP || (b[6] == FRAGMENT && b[40] == UDP);
	return 0;
}

static void put_port(uint8_t *udp, int off, uint16_t port)
{
	uint16_t old = udp[off] << 8 | udp[off + 1], sum = udp[6] << 8 | udp[7];
	put16(udp + off, port);
	if (sum) { /* RFC 1624 */
		sum = folded((uint16_t)~sum + (uint16_t)~old + port);
		put16(udp + 6, sum ? sum : 0xffff);
	}
}

void packet_rebind(uint8_t *b, uint32_t len, int from_a, uint32_t shift)
{
	enum { LO = 20000, SPAN = 41000 };
	int h = shift ? head_at(b, len, UDP) : -1;
	if (h < 0)
		return;
	int off = from_a ? 0 : 2;
	uint32_t port = b[h + off] << 8 | b[h + off + 1];
	if (port < LO || port >= LO + SPAN)
		return;
	port = (port - LO + (from_a ? shift : SPAN - shift % SPAN)) % SPAN + LO;
	put_port(b + h, off, port);
}

uint32_t packet_reset(const uint8_t *b, uint32_t len, uint8_t *out)
{
	int h = head_at(b, len, TCP);
	if (h < 0 || (b[h + 13] & RST) || !(b[h + 13] & ACK))
		return 0;
	int v4 = b[0] >> 4 == 4, ip = v4 ? 20 : 40, at = v4 ? 12 : 8, size = v4 ? 4 : 16;
	uint8_t *tcp = out + ip;
	memset(out, 0, ip + 20);
	out[0] = v4 ? 0x45 : 0x60;
	put16(out + (v4 ? 2 : 4), v4 ? 40 : 20);
	out[v4 ? 8 : 7] = 64;
	out[v4 ? 9 : 6] = TCP;
	memcpy(out + at, b + at + size, size);
	memcpy(out + at + size, b + at, size);
	memcpy(tcp, b + h + 2, 2);
	memcpy(tcp + 2, b + h, 2);
	memcpy(tcp + 4, b + h + 8, 4); /* the sequence number that the packet's sender expects next */
	tcp[12] = 5 << 4;
	tcp[13] = RST;
	if (v4)
		put16(out + 10, folded(add16(0, out, 20)));
	put16(tcp + 16, folded(add16(add16(TCP + 20, out + at, 2 * size), tcp, 20)));
	return ip + 20;
}
