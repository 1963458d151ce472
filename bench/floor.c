// floor: sends the bytes of a loop file to every viewer, and does nothing else: what no server can beat.
//
//     floor LOOP_FILE        prints the port that it listens on (127.0.0.1)
//
// A viewer connects and sends one line, "t\n" for TCP or "u PORT\n" for UDP. One send() for each access unit and TCP
// viewer; for UDP one sendmsg() with segmentation offload (UDP_SEGMENT) for each run of equal packets.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "loop_file.h"

enum { MAX_VIEWERS = 4096 };
enum { LISTENER = 1 << 20, TIMER };

typedef struct {
    int fd, playing, udp;
    struct sockaddr_in destination;
    uint8_t *rest; // what the socket did not take of the last unit
    size_t rest_bytes;
} Viewer;

static Viewer viewers[MAX_VIEWERS];
static int viewer_count, udp_fd;

static void send_tcp(Viewer *v, const Unit *u) {
    if (v->rest_bytes) {
        ssize_t sent = send(v->fd, v->rest, v->rest_bytes, MSG_DONTWAIT);
        if (sent > 0) memmove(v->rest, v->rest + sent, v->rest_bytes -= sent);
        if (v->rest_bytes) return; // this viewer loses the unit
    }
    ssize_t sent = send(v->fd, u->framed, u->size, MSG_DONTWAIT);
    if (sent < 0) sent = errno == EAGAIN ? (ssize_t)u->size : 0;
    if ((size_t)sent < u->size) {
        v->rest = realloc(v->rest, UNIT_BYTES);
        memcpy(v->rest, u->framed + sent, v->rest_bytes = u->size - sent);
    }
}

static void send_udp(const Viewer *v, const Unit *u, uint8_t *flat) {
    for (int i = 0, at = 0; i < u->packets;) {
        int segment = u->length[i], count = 1, bytes = segment;
        while (i + count < u->packets && count < 64 && u->length[i + count] <= segment && bytes + u->length[i + count] < 65000) {
            bytes += u->length[i + count++];
            if (u->length[i + count - 1] < segment) break;
        }
        char control[CMSG_SPACE(2)] = {0};
        struct iovec part = {flat + at, bytes};
        struct msghdr message = {.msg_name = (void *)&v->destination, .msg_namelen = sizeof v->destination, .msg_iov = &part, .msg_iovlen = 1};
        if (count > 1) {
            message.msg_control = control, message.msg_controllen = sizeof control;
            struct cmsghdr *c = CMSG_FIRSTHDR(&message);
            c->cmsg_level = SOL_UDP, c->cmsg_type = UDP_SEGMENT, c->cmsg_len = CMSG_LEN(2);
            *(uint16_t *)CMSG_DATA(c) = segment;
        }
        if (sendmsg(udp_fd, &message, 0) < 0 && errno != EAGAIN && errno != ECONNREFUSED) die("sendmsg");
        i += count, at += bytes;
    }
}

static void send_unit(uint32_t number, uint16_t *sequence) {
    static uint8_t flat[UNIT_BYTES];
    Unit *u = &units[number % unit_count];
    uint32_t timestamp = htonl((uint64_t)number * interval_us * 9 / 100);
    struct timespec t;
    char digits[17];
    clock_gettime(CLOCK_MONOTONIC, &t);
    snprintf(digits, sizeof digits, "%016llx", (unsigned long long)t.tv_sec * 1000000000ull + t.tv_nsec);
    memcpy(u->framed + u->stamp, digits, 16);
    for (int i = 0; i < u->packets; i++) {
        uint16_t s = htons((*sequence)++);
        memcpy(u->framed + u->at[i] + 2, &s, 2);
        memcpy(u->framed + u->at[i] + 4, &timestamp, 4);
    }
    size_t flat_bytes = 0;
    for (int i = 0; i < u->packets; i++) memcpy(flat + flat_bytes, u->framed + u->at[i], u->length[i]), flat_bytes += u->length[i];
    for (int i = 0; i < viewer_count; i++) {
        if (!viewers[i].playing) continue;
        if (viewers[i].udp) send_udp(&viewers[i], u, flat);
        else send_tcp(&viewers[i], u);
    }
}

static void on_viewer(Viewer *v) {
    char line[256];
    ssize_t n = recv(v->fd, line, sizeof line - 1, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
        close(v->fd);
        v->playing = v->fd = 0;
        return;
    }
    line[n] = 0;
    if (line[0] == 't' && !v->playing) v->playing = 1;
    if (line[0] == 'u') {
        v->udp = v->playing = 1;
        v->destination = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(line + 2)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    }
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    if (argc != 2) return fprintf(stderr, "usage: floor LOOP_FILE\n"), 2;
    load(argv[1]);
    int one = 1, buffer = 8 << 20, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (void *)&address, size) || listen(listener, 1024)) die("listen");
    getsockname(listener, (void *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    udp_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    setsockopt(udp_fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    int poll_fd = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec every = {{interval_us / 1000000, interval_us % 1000000 * 1000}, {0, 1000000}};
    timerfd_settime(timer, 0, &every, NULL);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = LISTENER};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event);
    event.data.u32 = TIMER;
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, timer, &event);
    uint32_t number = 0;
    uint16_t sequence = 1;
    for (;;) {
        struct epoll_event events[64];
        int n = epoll_wait(poll_fd, events, 64, -1);
        for (int i = 0; i < n; i++) {
            uint32_t id = events[i].data.u32;
            uint64_t expirations;
            if (id == LISTENER) {
                int fd = accept(listener, NULL, NULL), k = 0;
                while (k < viewer_count && viewers[k].fd) k++;
                if (fd < 0 || k == MAX_VIEWERS) continue;
                if (k == viewer_count) viewer_count++;
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                viewers[k] = (Viewer){.fd = fd};
                event.data.u32 = k;
                epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
            } else if (id == TIMER) {
                if (read(timer, &expirations, 8) == 8) send_unit(number++, &sequence);
            } else on_viewer(&viewers[id]);
        }
    }
}
