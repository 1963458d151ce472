// tls_floor: what OpenSSL takes to write the bytes of a loop file to every viewer as TLS records, and nothing else.
//
//     tls_floor LOOP_FILE CERTIFICATE KEY       prints the port that it listens on (127.0.0.1)
//
// Whoever has connected and shaken hands gets each access unit by one SSL_write().
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "loop_file.h"

enum { MAX_VIEWERS = 1024 };

static SSL *viewers[MAX_VIEWERS];
static int viewer_count;

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    if (argc != 4) return fprintf(stderr, "usage: tls_floor LOOP_FILE CERTIFICATE KEY\n"), 2;
    load(argv[1]);
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(context, argv[2]) != 1 || SSL_CTX_use_PrivateKey_file(context, argv[3], SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        die(argv[2]);
    }
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), poll_fd = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (void *)&address, size) || listen(listener, 1024)) die("listen");
    getsockname(listener, (void *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    struct itimerspec every = {{interval_us / 1000000, interval_us % 1000000 * 1000}, {0, 1000000}};
    timerfd_settime(timer, 0, &every, NULL);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event);
    event.data.fd = timer;
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, timer, &event);
    for (uint32_t number = 0;;) {
        struct epoll_event events[8];
        int n = epoll_wait(poll_fd, events, 8, -1);
        for (int i = 0; i < n; i++) {
            uint64_t expirations;
            if (events[i].data.fd == listener) {
                int fd = accept(listener, NULL, NULL);
                if (fd < 0 || viewer_count == MAX_VIEWERS) continue;
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                SSL *ssl = SSL_new(context);
                SSL_set_fd(ssl, fd);
                if (SSL_accept(ssl) == 1) viewers[viewer_count++] = ssl;
            } else if (read(timer, &expirations, 8) == 8) {
                int unit = number++ % unit_count;
                // A viewer that is gone costs nothing any more.
                for (int k = 0; k < viewer_count; k++)
                    if (viewers[k] && SSL_write(viewers[k], units[unit].framed, units[unit].size) <= 0) viewers[k] = NULL;
            }
        }
    }
}
