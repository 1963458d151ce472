// The video that both floors send (bench/loop.py writes it), read into `units`.
//
// Loop file, big endian: u32 interval in microseconds; then for each access unit u32 packets, u32 offset of the stamp in
// the interleaved bytes, and each packet as u16 length and RTP.
#pragma once
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_UNITS = 4096, MAX_PACKETS = 1024, UNIT_BYTES = 2 << 20 };

typedef struct {
    uint8_t *framed; // interleaved for channel 0
    size_t size;
    int packets, stamp;
    int at[MAX_PACKETS], length[MAX_PACKETS];
} Unit;

static Unit units[MAX_UNITS];
static int unit_count;
static uint32_t interval_us;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void load(const char *path) {
    FILE *file = fopen(path, "rb");
    uint32_t head[2], interval;
    if (!file || fread(&interval, 4, 1, file) != 1) die(path);
    interval_us = ntohl(interval);
    while (unit_count < MAX_UNITS && fread(head, 4, 2, file) == 2) {
        Unit *u = &units[unit_count++];
        u->packets = ntohl(head[0]), u->stamp = ntohl(head[1]), u->framed = malloc(UNIT_BYTES);
        for (int i = 0; i < u->packets; i++) {
            uint16_t length;
            if (fread(&length, 2, 1, file) != 1) die(path);
            u->at[i] = u->size + 4, u->length[i] = ntohs(length);
            u->framed[u->size] = '$', u->framed[u->size + 1] = 0;
            memcpy(u->framed + u->size + 2, &length, 2);
            if (fread(u->framed + u->size + 4, 1, u->length[i], file) != (size_t)u->length[i]) die(path);
            u->size += 4 + u->length[i];
        }
    }
    fclose(file);
}
