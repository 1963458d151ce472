// record_floor: writes and hashes the bytes of so many recordings, and does nothing else: what no recorder can beat.
//
//     record_floor FOLDER FRAGMENTS CAMERAS FRAGMENT_MS SEGMENT_FRAGMENTS SYNC_MS WARM_S SECONDS
//
// FRAGMENTS is a file of what a recorder writes: fragment after fragment, each behind its length (32 bits, this machine's
// order). Every camera has a file; each of its fragments is hashed (SHA-256, OpenSSL's, as Python's hashlib has it) and
// appended by one write(). After SEGMENT_FRAGMENTS a new file begins. A second thread calls fdatasync() on every file each
// SYNC_MS, as the recorder does. The cameras' fragments, and their new files, are spread over time. After WARM_S the CPU
// time of SECONDS is measured; a line of JSON tells it.
#define _GNU_SOURCE
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CAMERAS = 1024, MAX_FRAGMENTS = 4096 };

static int files[MAX_CAMERAS], cameras, sync_ms;
static volatile int over;
static struct {
    const unsigned char *data;
    uint32_t size;
} fragments[MAX_FRAGMENTS];
static int fragment_count;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void sleep_until(int64_t ns) {
    struct timespec t = {ns / 1000000000LL, ns % 1000000000LL};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static double cpu_s(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void *sync_files(void *unused) {
    (void)unused;
    while (!over) {
        sleep_until(now_ns() + sync_ms * 1000000LL);
        for (int i = 0; i < cameras && !over; i++)
            fdatasync(files[i]);
    }
    return NULL;
}

static void read_fragments(const char *path) {
    int file = open(path, O_RDONLY);
    struct stat info;
    if (file < 0 || fstat(file, &info)) fail(path);
    unsigned char *data = malloc(info.st_size);
    if (read(file, data, info.st_size) != info.st_size) fail(path);
    close(file);
    for (int64_t at = 0; at + 4 <= info.st_size && fragment_count < MAX_FRAGMENTS; fragment_count++) {
        memcpy(&fragments[fragment_count].size, data + at, 4);
        fragments[fragment_count].data = data + at + 4;
        at += 4 + fragments[fragment_count].size;
    }
    if (!fragment_count) fail(path);
}

static void open_file(const char *folder, int camera, int number) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%d-%d.bin", folder, camera, number);
    int fresh = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0600);
    if (fresh < 0) fail(path);
    if (files[camera] > 0) {
        dup2(fresh, files[camera]); // the syncing thread may hold the number; it stays valid
        close(fresh);
    } else
        files[camera] = fresh;
}

int main(int argc, char **argv) {
    if (argc != 9) {
        fprintf(stderr, "usage: %s FOLDER FRAGMENTS CAMERAS FRAGMENT_MS SEGMENT_FRAGMENTS SYNC_MS WARM_S SECONDS\n", argv[0]);
        return 2;
    }
    const char *folder = argv[1];
    read_fragments(argv[2]);
    cameras = atoi(argv[3]);
    int64_t step = (int64_t)(atof(argv[4]) * 1e6 / cameras);
    int per_segment = atoi(argv[5]);
    sync_ms = atoi(argv[6]);
    if (cameras < 1 || cameras > MAX_CAMERAS || step < 1 || per_segment < 1) return 2;
    for (int i = 0; i < cameras; i++) open_file(folder, i, 0);
    pthread_t syncing;
    pthread_create(&syncing, NULL, sync_files, NULL);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    int64_t start = now_ns(), measured = start + (int64_t)(atof(argv[7]) * 1e9);
    int64_t end = measured + (int64_t)(atof(argv[8]) * 1e9);
    long long count = 0, counted = 0, bytes = 0;
    double began_s = -1;
    for (int64_t due = start; due < end; due += step, count++) {
        sleep_until(due);
        if (began_s < 0 && due >= measured) began_s = cpu_s(), counted = count, bytes = 0;
        int camera = count % cameras;
        long long number = count / cameras, of_file = number + (long long)camera * per_segment / cameras;
        if (number && of_file % per_segment == 0) open_file(folder, camera, of_file / per_segment);
        int which = (number + camera) % fragment_count;
        unsigned char digest[32];
        EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
        EVP_DigestUpdate(hash, fragments[which].data, fragments[which].size);
        EVP_DigestFinal_ex(hash, digest, NULL);
        if (write(files[camera], fragments[which].data, fragments[which].size) != (ssize_t)fragments[which].size) fail("write");
        bytes += fragments[which].size;
    }
    double window_s = (now_ns() - measured) / 1e9;
    printf("{\"window_s\": %.3f, \"cpu_s\": %.6f, \"fragments\": %lld, \"bytes\": %lld}\n", window_s, cpu_s() - began_s,
           count - counted, bytes);
    over = 1;
    return 0;
}
