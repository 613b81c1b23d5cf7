/*
 * What a target cannot do without: a socket, an epoll, a memcpy. Answers login and the same PDUs as a target from memory, checks nothing and
 * keeps no state besides sequence numbers, so its figures are the limit of this machine for a target with one thread that sleeps when idle.
 *
 * Not a target: no errors, no digests, no R2T (data must come with its command), no task management worth the name. Listens on a free port of
 * 127.0.0.1, prints it as one JSON line and serves until a signal ends it. Field offsets are those of RFC 7143 section 11.
 *
 *   cc -O2 -o epoll-floor epoll-floor.c && ./epoll-floor SIZE_BYTES
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BHS = 48, BLOCK = 512, WINDOW = 256, SEGMENT_MAX = 262144, IN_BYTES = 1024 * 1024, OUT_BYTES = 256 * 1024, PIECES = 512, EVENTS = 128 };
/* No answer takes more of the out buffer than this. */
enum { ANSWER_BYTES = 16 * 1024, TEXT_BYTES = 8192 };

struct connection {
  int fd;
  int ends;
  uint32_t stat_sn, exp_cmd_sn, segment_max;
  size_t held;
  uint8_t in[IN_BYTES];
};

static uint8_t *medium;
static uint64_t medium_bytes;
/* What leaves at the end of a turn. One turn serves one connection, so one buffer is enough. */
static uint8_t out[OUT_BYTES];
static size_t out_used;
static struct iovec pieces[PIECES];
static int piece_count;

static uint32_t get32(const uint8_t *at) { return (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3]; }
static uint64_t get64(const uint8_t *at) { return (uint64_t)get32(at) << 32 | get32(at + 4); }
static void put32(uint8_t *at, uint32_t value) {
  value = htonl(value);
  memcpy(at, &value, 4);
}
static uint32_t padded(uint32_t bytes) { return (bytes + 3) & ~3u; }
static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* Sends what was gathered. Waits for room: whoever asks also reads. */
static void flush(struct connection *c) {
  int at = 0;
  while (at < piece_count && !c->ends) {
    ssize_t sent = writev(c->fd, pieces + at, piece_count - at);
    if (sent < 0 && errno == EAGAIN) {
      struct pollfd room = {c->fd, POLLOUT, 0};
      poll(&room, 1, -1);
      continue;
    }
    if (sent < 0) c->ends = 1;
    for (; sent > 0 && at < piece_count; at++) {
      if ((size_t)sent < pieces[at].iov_len) {
        pieces[at].iov_base = (uint8_t *)pieces[at].iov_base + sent;
        pieces[at].iov_len -= sent;
        break;
      }
      sent -= pieces[at].iov_len;
    }
  }
  piece_count = 0;
  out_used = 0;
}

static void gather(void *base, size_t bytes) {
  struct iovec *last = piece_count > 0 ? &pieces[piece_count - 1] : NULL;
  if (last && (uint8_t *)last->iov_base + last->iov_len == base) last->iov_len += bytes;
  else pieces[piece_count++] = (struct iovec){base, bytes};
}

/* The header of an answer to `request`, and `data_bytes` behind it to be filled in. */
static uint8_t *answer(struct connection *c, const uint8_t *request, uint8_t opcode, uint32_t data_bytes) {
  if (out_used + ANSWER_BYTES > OUT_BYTES || piece_count + 2 > PIECES) flush(c);
  uint8_t *header = out + out_used;
  memset(header, 0, BHS + padded(data_bytes));
  header[0] = opcode;
  header[1] = 0x80;
  put32(header + 4, data_bytes);
  memcpy(header + 16, request + 16, 4);
  put32(header + 24, c->stat_sn);
  put32(header + 28, c->exp_cmd_sn);
  put32(header + 32, c->exp_cmd_sn + WINDOW - 1);
  out_used += BHS + padded(data_bytes);
  gather(header, BHS + padded(data_bytes));
  return header;
}

/* --- Login -------------------------------------------------------------------------------------------------------- */

static const char *reply_to(struct connection *c, const char *key, const char *value) {
  static char text[32];
  static const char *declared[] = {"InitiatorName", "InitiatorAlias", "SessionType", "TargetName", NULL};
  static const char *agreed[] = {"InitialR2T",          "ImmediateData",     "MaxBurstLength", "FirstBurstLength",    "DefaultTime2Wait",
                                 "DefaultTime2Retain", "MaxOutstandingR2T", "DataPDUInOrder", "DataSequenceInOrder", NULL};
  for (int i = 0; declared[i]; i++)
    if (!strcmp(key, declared[i])) return NULL;
  for (int i = 0; agreed[i]; i++)
    if (!strcmp(key, agreed[i])) return value;
  if (!strcmp(key, "AuthMethod") || !strcmp(key, "HeaderDigest") || !strcmp(key, "DataDigest")) return "None";
  if (!strcmp(key, "MaxConnections")) return "1";
  if (!strcmp(key, "ErrorRecoveryLevel")) return "0";
  if (!strcmp(key, "IFMarker") || !strcmp(key, "OFMarker")) return "No";
  if (strcmp(key, "MaxRecvDataSegmentLength")) return "NotUnderstood";
  c->segment_max = least(strtoul(value, NULL, 0), SEGMENT_MAX);
  if (c->segment_max < BLOCK) c->segment_max = BLOCK;
  snprintf(text, sizeof text, "%d", SEGMENT_MAX);
  return text;
}

static void login(struct connection *c, const uint8_t *request, char *offers, uint32_t offer_bytes) {
  static char text[TEXT_BYTES];
  size_t used = 0;
  if (c->stat_sn == 0) {
    memcpy(text, "TargetPortalGroupTag=1", 23);
    used = 23;
  }
  for (uint32_t at = 0; at < offer_bytes;) {
    char *key = offers + at;
    at += strnlen(key, offer_bytes - at) + 1;
    char *equals = strchr(key, '=');
    if (!equals) continue;
    *equals = 0;
    const char *value = reply_to(c, key, equals + 1);
    if (value && used + strlen(key) + strlen(value) + 2 < TEXT_BYTES) used += snprintf(text + used, TEXT_BYTES - used, "%s=%s", key, value) + 1;
  }
  c->exp_cmd_sn = get32(request + 24);
  uint8_t *header = answer(c, request, 0x23, used);
  header[1] = request[1] & 0x8f;
  memcpy(header + 8, request + 8, 6);
  /* A session has its handle once the full feature phase begins. */
  if ((request[1] & 0x83) == 0x83) header[15] = 1;
  memcpy(header + BHS, text, used);
  c->stat_sn++;
}

/* --- Commands ----------------------------------------------------------------------------------------------------- */

static void respond(struct connection *c, const uint8_t *request) {
  answer(c, request, 0x21, 0);
  c->stat_sn++;
}

static void refuse(struct connection *c, const uint8_t *request) {
  uint8_t *header = answer(c, request, 0x21, 20);
  header[3] = 0x02;
  header[BHS + 1] = 18;
  /* Fixed format, ILLEGAL REQUEST, INVALID COMMAND OPERATION CODE. */
  header[BHS + 2] = 0x70;
  header[BHS + 4] = 0x05;
  header[BHS + 9] = 10;
  header[BHS + 14] = 0x20;
  c->stat_sn++;
}

static void send_small(struct connection *c, const uint8_t *request, const uint8_t *data, uint32_t bytes) {
  uint32_t expected = get32(request + 20);
  uint32_t sent = least(bytes, expected);
  uint8_t *header = answer(c, request, 0x25, sent);
  header[1] = expected > sent ? 0x83 : 0x81;
  put32(header + 20, 0xffffffff);
  put32(header + 44, expected - sent);
  memcpy(header + BHS, data, sent);
  c->stat_sn++;
}

static void read_blocks(struct connection *c, const uint8_t *request, uint64_t from, uint32_t bytes) {
  uint32_t data_sn = 0;
  for (uint32_t at = 0; at < bytes;) {
    uint32_t part = least(bytes - at, c->segment_max);
    uint8_t *header = answer(c, request, 0x25, 0);
    int is_last = at + part == bytes;
    header[1] = is_last ? 0x81 : 0x80;
    put32(header + 4, part);
    put32(header + 20, 0xffffffff);
    if (!is_last) put32(header + 24, 0);
    put32(header + 36, data_sn++);
    put32(header + 40, at);
    gather(medium + from + at, part);
    at += part;
  }
  c->stat_sn++;
}

static void transfer(struct connection *c, const uint8_t *request, uint64_t lba, uint32_t blocks, const uint8_t *data, uint32_t data_bytes) {
  uint64_t from = lba * BLOCK;
  uint32_t bytes = blocks * BLOCK;
  if (from + bytes > medium_bytes || bytes != get32(request + 20)) return refuse(c, request);
  if (request[1] & 0x40) return read_blocks(c, request, from, bytes);
  if (data_bytes != bytes) return refuse(c, request);
  memcpy(medium + from, data, bytes);
  respond(c, request);
}

static void inquire(struct connection *c, const uint8_t *request) {
  static const uint8_t pages[8] = {0, 0, 0, 1, 0};
  uint8_t data[36] = {0, 0, 5, 2, 31};
  const uint8_t *cdb = request + 32;
  memcpy(data + 8, "LUNLOOM EPOLL FLOOR     1   ", 28);
  if (!(cdb[1] & 1)) return send_small(c, request, data, sizeof data);
  if (cdb[2] == 0) return send_small(c, request, pages, 5);
  refuse(c, request);
}

static void tell_capacity(struct connection *c, const uint8_t *request, int is_long) {
  uint8_t data[32] = {0};
  uint64_t last = medium_bytes / BLOCK - 1;
  put32(data, last >> 32);
  put32(data + 4, last);
  put32(data + 8, BLOCK);
  if (is_long) return send_small(c, request, data, 32);
  return send_small(c, request, data + 4, 8);
}

static void command(struct connection *c, const uint8_t *request, const uint8_t *data, uint32_t data_bytes) {
  const uint8_t *cdb = request + 32;
  switch (cdb[0]) {
    case 0x88: case 0x8a: return transfer(c, request, get64(cdb + 2), get32(cdb + 10), data, data_bytes);
    case 0x28: case 0x2a: return transfer(c, request, get32(cdb + 2), cdb[7] << 8 | cdb[8], data, data_bytes);
    case 0x00: case 0x35: case 0x91: return respond(c, request);
    case 0x12: return inquire(c, request);
    case 0x25: return tell_capacity(c, request, 0);
    case 0x9e: return tell_capacity(c, request, 1);
    default: return refuse(c, request);
  }
}

/* --- Connections -------------------------------------------------------------------------------------------------- */

static void take(struct connection *c, uint8_t *pdu, uint8_t *data, uint32_t data_bytes) {
  uint8_t opcode = pdu[0] & 0x3f;
  if (opcode == 0x03) return login(c, pdu, (char *)data, data_bytes);
  if (!(pdu[0] & 0x40) && opcode != 0x05) c->exp_cmd_sn = get32(pdu + 24) + 1;
  if (opcode == 0x01) return command(c, pdu, data, data_bytes);
  if (opcode == 0x00 && get32(pdu + 16) != 0xffffffff) {
    uint32_t echoed = least(data_bytes, TEXT_BYTES);
    uint8_t *header = answer(c, pdu, 0x20, echoed);
    memcpy(header + BHS, data, echoed);
    put32(header + 20, 0xffffffff);
    c->stat_sn++;
  } else if (opcode == 0x06 || opcode == 0x02) {
    answer(c, pdu, opcode | 0x20, 0);
    c->stat_sn++;
    if (opcode == 0x02) return;
    flush(c);
    c->ends = 1;
  } else if (opcode != 0x00) {
    c->ends = 1;
  }
}

static void serve(struct connection *c) {
  ssize_t got = recv(c->fd, c->in + c->held, IN_BYTES - c->held, 0);
  if (got == 0 || (got < 0 && errno != EAGAIN)) c->ends = 1;
  if (got <= 0) return;
  c->held += got;
  size_t at = 0;
  while (!c->ends && c->held - at >= BHS) {
    uint8_t *pdu = c->in + at;
    uint32_t data_bytes = get32(pdu + 4) & 0xffffff;
    size_t header_bytes = BHS + 4 * (size_t)pdu[4];
    size_t bytes = header_bytes + padded(data_bytes);
    if (bytes > IN_BYTES) c->ends = 1;
    if (c->held - at < bytes) break;
    take(c, pdu, pdu + header_bytes, data_bytes);
    at += bytes;
  }
  flush(c);
  memmove(c->in, c->in + at, c->held - at);
  c->held -= at;
}

static void take_in(int listener, int poller) {
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
  struct connection *c = fd < 0 ? NULL : calloc(1, sizeof *c);
  if (!c) return;
  int yes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  c->fd = fd;
  c->segment_max = 8192;
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = c});
}

int main(int argc, char **argv) {
  medium_bytes = argc == 2 ? strtoull(argv[1], NULL, 10) : 0;
  medium = mmap(NULL, medium_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (medium == MAP_FAILED) return fprintf(stderr, "usage: %s SIZE_BYTES: %s\n", argv[0], strerror(errno)), 1;
  signal(SIGPIPE, SIG_IGN);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1024)) return perror("listen"), 1;
  getsockname(listener, (struct sockaddr *)&address, &length);
  printf("{\"event\":\"ready\",\"portals\":[\"127.0.0.1:%d\"]}\n", ntohs(address.sin_port));
  fflush(stdout);
  int poller = epoll_create1(0);
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.ptr = NULL});
  struct epoll_event events[EVENTS];
  for (;;) {
    int count = epoll_wait(poller, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
      struct connection *c = events[i].data.ptr;
      if (!c) {
        take_in(listener, poller);
        continue;
      }
      serve(c);
      if (!c->ends) continue;
      close(c->fd);
      free(c);
    }
  }
}
