// sink: receives many media sessions on one thread and measures what arrived.
//
// Sessions come over a Unix datagram socket (the descriptor named by argv[1]): one message each,
//     u8 transport ('t', 'u' or 'r'), u16 length of play, u16 length of report, play bytes, report bytes (host byte order)
// with the descriptors in SCM_RIGHTS: the connection, and for 'u' the RTP and the RTCP socket. The sink sends `play`
// at once and `report` (a receiver report, framed for TCP) every 5 s. A message 'm' + u32 milliseconds starts a
// measurement, whose result is one JSON line on standard output; 'q' ends.
//
// Only the first video track is looked at: channel 0 of an interleaved connection, or the RTP socket. Of 'r', raw, bytes
// are counted and nothing is read of them: what comes is encrypted, or in frames of another protocol.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_SESSIONS = 4096, READ_BYTES = 1 << 18, CARRY_BYTES = 70000, MAX_SAMPLES = 1 << 22 };
static const uint64_t LIVE_NS = 100000000; // a picture younger than this is live: the catch-up is over
static const char STAMP[16] = "bridge-bench-clk"; // UUID of the SEI message that carries the time of sending

typedef struct {
    int connection, rtp, rtcp, udp, raw, alive;
    uint8_t *carry; // bytes of an unfinished frame or message
    size_t carried;
    uint16_t report_bytes;
    uint8_t report[256];
    int started, in_key;
    uint16_t sequence;
    uint32_t timestamp;
    uint64_t play_ns, first_ns, key_ns, live_ns, report_ns, stamp_ns;
    uint64_t bytes, packets, lost, units, lost_ever;
} Session;

static Session sessions[MAX_SESSIONS];
static int session_count, measuring, poll_fd;
static uint32_t longest_step; // of the RTP time between two pictures of a session
static uint32_t *latency_us;
static size_t latency_count;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void on_packet(Session *s, const uint8_t *p, size_t n, uint64_t now) {
    if (n < 13 || p[0] >> 6 != 2) return;
    uint16_t sequence = p[2] << 8 | p[3];
    if (!s->first_ns) s->first_ns = now;
    if (s->started) s->lost_ever += (uint16_t)(sequence - s->sequence - 1);
    if (s->started && measuring) s->lost += (uint16_t)(sequence - s->sequence - 1);
    s->started = 1, s->sequence = sequence;
    size_t at = 12 + 4 * (p[0] & 15);
    if (p[0] & 16) at += at + 4 <= n ? 4 + 4 * (size_t)(p[at + 2] << 8 | p[at + 3]) : n;
    if (at + 1 >= n) return;
    int type = p[at] & 31;
    if (type == 28) type = p[at + 1] & 31;
    if (type == 5) s->in_key = 1;
    if (type == 6 && n >= at + 3 + 16 + 16 && !memcmp(p + at + 3, STAMP, 16)) {
        char digits[17] = {0};
        memcpy(digits, p + at + 19, 16);
        s->stamp_ns = strtoull(digits, NULL, 16);
    }
    if (measuring) s->bytes += n, s->packets++;
    if (!(p[1] & 0x80)) return;
    if (s->in_key && !s->key_ns) s->key_ns = now;
    s->in_key = 0;
    if (!s->live_ns && s->stamp_ns && now < s->stamp_ns + LIVE_NS) s->live_ns = now;
    uint32_t timestamp = (uint32_t)p[4] << 24 | p[5] << 16 | p[6] << 8 | p[7];
    if (measuring) {
        // Of a camera with an even rate a longer step means that a picture was left out, whatever the sequence says.
        if (s->units++ && timestamp - s->timestamp > longest_step) longest_step = timestamp - s->timestamp;
        if (s->stamp_ns && now > s->stamp_ns && latency_count < MAX_SAMPLES)
            latency_us[latency_count++] = (now - s->stamp_ns) / 1000;
    }
    s->timestamp = timestamp;
    s->stamp_ns = 0;
}

static size_t take(Session *s, const uint8_t *p, size_t n, uint64_t now) { // one frame or RTSP message; 0: incomplete
    if (p[0] == '$') {
        if (n < 4) return 0;
        size_t size = 4 + (p[2] << 8 | p[3]);
        if (n < size) return 0;
        if (p[1] == 0) on_packet(s, p + 4, size - 4, now);
        return size;
    }
    const uint8_t *end = memmem(p, n, "\r\n\r\n", 4);
    return end ? (size_t)(end - p) + 4 : 0; // replies to PLAY have no body
}

static void on_stream(Session *s, uint64_t now) {
    static uint8_t buffer[CARRY_BYTES + READ_BYTES];
    memcpy(buffer, s->carry, s->carried);
    ssize_t got = recv(s->connection, buffer + s->carried, READ_BYTES, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN)) {
        s->alive = 0;
        epoll_ctl(poll_fd, EPOLL_CTL_DEL, s->connection, NULL);
        return;
    }
    if (s->raw) {
        if (got > 0 && measuring) s->bytes += got;
        return;
    }
    size_t n = s->carried + (got > 0 ? got : 0), at = 0, used;
    while (at < n && (used = take(s, buffer + at, n - at, now))) at += used;
    s->carried = n - at < CARRY_BYTES ? n - at : 0;
    memcpy(s->carry, buffer + at, s->carried);
}

static void on_datagrams(Session *s, uint64_t now) {
    static uint8_t packet[65536];
    for (int i = 0; i < 256; i++) {
        ssize_t n = recv(s->rtp, packet, sizeof packet, MSG_DONTWAIT);
        if (n <= 0) return;
        on_packet(s, packet, n, now);
    }
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double quantile(uint32_t *values, size_t n, double q) {
    return n ? values[(size_t)((n - 1) * q)] / 1000.0 : -1;
}

static double own_cpu_s(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void report_result(double window_s, double cpu_s) {
    uint64_t bytes = 0, packets = 0, lost = 0, units = 0, least = UINT64_MAX;
    size_t alive = 0, firsts = 0, keys = 0, lives = 0;
    static uint32_t first[MAX_SESSIONS], key[MAX_SESSIONS], live[MAX_SESSIONS];
    uint64_t lost_ever = 0;
    for (int i = 0; i < session_count; i++) {
        Session *s = &sessions[i];
        alive += s->alive, bytes += s->bytes, packets += s->packets, lost += s->lost, units += s->units, lost_ever += s->lost_ever;
        if (s->units < least) least = s->units;
        if (s->first_ns) first[firsts++] = (s->first_ns - s->play_ns) / 1000;
        if (s->key_ns) key[keys++] = (s->key_ns - s->play_ns) / 1000;
        if (s->live_ns) live[lives++] = (s->live_ns - s->play_ns) / 1000;
    }
    qsort(latency_us, latency_count, 4, by_value);
    qsort(first, firsts, 4, by_value);
    qsort(key, keys, 4, by_value);
    qsort(live, lives, 4, by_value);
    printf("{\"sessions\":%d,\"alive\":%zu,\"started\":%zu,\"window_s\":%.3f,\"bytes\":%llu,\"packets\":%llu,\"lost\":%llu,"
           "\"units\":%llu,\"units_per_s_least\":%.2f,\"latency_ms_p50\":%.2f,\"latency_ms_p99\":%.2f,"
           "\"first_packet_ms_p50\":%.2f,\"first_packet_ms_p99\":%.2f,\"first_picture_ms_p50\":%.2f,"
           "\"first_picture_ms_p99\":%.2f,\"live_ms_p50\":%.2f,\"live_ms_p99\":%.2f,\"lost_ever\":%llu,\"own_cpu_s\":%.3f,\"longest_step\":%u}\n",
           session_count, alive, keys, window_s, (unsigned long long)bytes, (unsigned long long)packets,
           (unsigned long long)lost, (unsigned long long)units, session_count ? least / window_s : 0.0,
           quantile(latency_us, latency_count, .5), quantile(latency_us, latency_count, .99), quantile(first, firsts, .5),
           quantile(first, firsts, .99), quantile(key, keys, .5), quantile(key, keys, .99), quantile(live, lives, .5),
           quantile(live, lives, .99), (unsigned long long)lost_ever, cpu_s, longest_step);
    fflush(stdout);
}

static void watch(int fd, uint32_t id) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = id};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void add_session(const uint8_t *message, const int *fds, int fd_count) {
    uint16_t play_bytes, report_bytes;
    memcpy(&play_bytes, message + 1, 2);
    memcpy(&report_bytes, message + 3, 2);
    if (session_count == MAX_SESSIONS || fd_count < 1 || report_bytes > sizeof sessions[0].report) return;
    int id = session_count++;
    Session *s = &sessions[id];
    *s = (Session){.connection = fds[0], .rtp = -1, .rtcp = -1, .udp = message[0] == 'u', .raw = message[0] == 'r', .alive = 1};
    s->carry = malloc(CARRY_BYTES);
    s->report_bytes = report_bytes;
    memcpy(s->report, message + 5 + play_bytes, report_bytes);
    if (s->udp && fd_count == 3) s->rtp = fds[1], s->rtcp = fds[2], watch(s->rtp, 1 << 16 | id);
    watch(s->connection, id);
    s->play_ns = s->report_ns = now_ns();
    if (play_bytes && send(s->connection, message + 5, play_bytes, MSG_NOSIGNAL) < 0) s->alive = 0;
}

int main(int argc, char **argv) {
    int control = argc > 1 ? atoi(argv[1]) : 3;
    uint64_t ends_ns = 0, began_ns = 0;
    double began_cpu_s = 0;
    latency_us = malloc(4ull * MAX_SAMPLES);
    poll_fd = epoll_create1(0);
    watch(control, UINT32_MAX);
    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(poll_fd, events, 256, 20);
        uint64_t now = now_ns();
        for (int i = 0; i < n; i++) {
            uint32_t id = events[i].data.u32;
            if (id != UINT32_MAX) {
                Session *s = &sessions[id & 0xffff];
                if (id >> 16) on_datagrams(s, now);
                else on_stream(s, now);
                continue;
            }
            static uint8_t message[8192];
            char rights[CMSG_SPACE(3 * sizeof(int))];
            struct iovec part = {message, sizeof message};
            struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = rights, .msg_controllen = sizeof rights};
            ssize_t size = recvmsg(control, &header, MSG_DONTWAIT);
            if (size <= 0 || message[0] == 'q') return 0;
            if (message[0] == 'm') {
                uint32_t ms;
                memcpy(&ms, message + 1, 4);
                for (int k = 0; k < session_count; k++)
                    sessions[k].bytes = sessions[k].packets = sessions[k].lost = sessions[k].units = 0;
                measuring = 1, latency_count = 0, longest_step = 0, began_ns = now, ends_ns = now + ms * 1000000ull, began_cpu_s = own_cpu_s();
                continue;
            }
            struct cmsghdr *c = CMSG_FIRSTHDR(&header);
            if (c) add_session(message, (int *)CMSG_DATA(c), (c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        }
        if (measuring && now >= ends_ns) {
            measuring = 0;
            report_result((now - began_ns) / 1e9, own_cpu_s() - began_cpu_s);
        }
        for (int i = 0; i < session_count; i++) {
            Session *s = &sessions[i];
            if (!s->alive || !s->report_bytes || now - s->report_ns < 5000000000ull) continue;
            s->report_ns = now;
            if (send(s->udp ? s->rtcp : s->connection, s->report, s->report_bytes, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) continue;
        }
    }
}
