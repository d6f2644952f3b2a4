/* UUIDs of RFC 9562: version 4, and version 7 with the monotonic counter of §6.2 method 1. */
#include "base/base.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Random bytes from the kernel in blocks: a thread asks once for 256 UUIDs. */
static void random_bytes(void *out, size_t size) {
    static _Thread_local uint8_t pool[4096];
    static _Thread_local size_t left;
    if (left < size) {
        if (getrandom(pool, sizeof pool, 0) != (ssize_t)sizeof pool)
            abort(); /* cannot happen for this size once the kernel's pool is ready (getrandom(2)) */
        left = sizeof pool;
    }
    left -= size;
    memcpy(out, pool + left, size);
    memset(pool + left, 0, size);
}

void hw_uuid_v4(uint8_t out[16]) {
    random_bytes(out, 16);
    out[6] = (uint8_t)((out[6] & 0x0f) | 0x40);
    out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
}

void hw_uuid_v7(uint8_t out[16]) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards last_ms, counter */
    static int64_t last_ms;
    static uint32_t counter;
    random_bytes(out, 16);
    int64_t ms = hw_now_ms();
    pthread_mutex_lock(&lock);
    if (ms > last_ms) {
        last_ms = ms;
        counter = out[7] & 0x7fu; /* a small random start leaves room for 3,968 ids in this millisecond */
    } else if (++counter > 0xfff) {
        last_ms++; /* borrow from the future rather than go back */
        counter = 0;
    }
    ms = last_ms;
    uint32_t mine = counter;
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < 6; i++)
        out[i] = (uint8_t)(ms >> (40 - 8 * i));
    out[6] = (uint8_t)(0x70 | (mine >> 8));
    out[7] = (uint8_t)mine;
    out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
}

void hw_uuid_format(const uint8_t uuid[16], char out[37]) {
    static const char hex[] = "0123456789abcdef";
    char *at = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = hex[uuid[i] >> 4];
        *at++ = hex[uuid[i] & 15];
    }
    *at = '\0';
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int hw_uuid_parse(const char *s, size_t size, uint8_t out[16]) {
    if (size != 36)
        return -1;
    for (int i = 0, at = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && s[at++] != '-')
            return -1;
        int high = hex_digit(s[at]), low = hex_digit(s[at + 1]);
        if (high < 0 || low < 0)
            return -1;
        out[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    return 0;
}
