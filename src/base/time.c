/* Clocks, RFC 3339 and durations. */
#include "base/base.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t clock_us(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t hw_now_us(void) {
    return clock_us(CLOCK_REALTIME);
}

int64_t hw_now_ms(void) {
    return hw_now_us() / 1000;
}

int64_t hw_mono_us(void) {
    return clock_us(CLOCK_MONOTONIC);
}

int64_t hw_mono_ms(void) {
    return hw_mono_us() / 1000;
}

/* Days since 1970-01-01 of a proleptic Gregorian date, and back (years begin in March so that leap days come last). */
static int64_t days_of(int64_t year, int month, int day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of(int64_t days, int *year, int *month, int *day) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = (int)(yoe + era * 400 + (*month <= 2));
}

static void put(char *out, int width, int64_t value) {
    for (int i = width - 1; i >= 0; i--, value /= 10)
        out[i] = (char)('0' + value % 10);
}

void hw_time_format_us(int64_t us, char out[28]) {
    int64_t days = us / 86400000000, rest = us % 86400000000;
    if (rest < 0) {
        rest += 86400000000;
        days--;
    }
    int year, month, day;
    date_of(days, &year, &month, &day);
    memcpy(out, "0000-00-00T00:00:00.000000Z", 28);
    put(out, 4, year < 0 ? 0 : year > 9999 ? 9999 : year);
    put(out + 5, 2, month);
    put(out + 8, 2, day);
    put(out + 11, 2, rest / 3600000000);
    put(out + 14, 2, rest / 60000000 % 60);
    put(out + 17, 2, rest / 1000000 % 60);
    put(out + 20, 6, rest % 1000000);
}

/* width digits at s, or -1. */
static int digits(const char *s, int width) {
    int value = 0;
    for (int i = 0; i < width; i++) {
        if (!isdigit((unsigned char)s[i]))
            return -1;
        value = value * 10 + s[i] - '0';
    }
    return value;
}

int hw_time_parse_us(const char *s, size_t size, int64_t *out_us) {
    static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (size < 20 || size > 40)
        return -1;
    int year = digits(s, 4), month = digits(s + 5, 2), day = digits(s + 8, 2);
    int hour = digits(s + 11, 2), minute = digits(s + 14, 2), second = digits(s + 17, 2);
    if (year < 0 || s[4] != '-' || s[7] != '-' || (s[10] != 'T' && s[10] != 't' && s[10] != ' ') || s[13] != ':' || s[16] != ':')
        return -1;
    if (month < 1 || month > 12 || day < 1 || day > month_days[month - 1] || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        second < 0 || second > 60)
        return -1;
    if (month == 2 && day == 29 && (year % 4 || (year % 100 == 0 && year % 400)))
        return -1;
    size_t at = 19;
    int64_t fraction = 0;
    if (s[at] == '.') {
        int count = 0;
        for (at++; at < size && isdigit((unsigned char)s[at]); at++, count++)
            if (count < 6)
                fraction = fraction * 10 + s[at] - '0';
        if (!count || count > 9)
            return -1;
        for (; count < 6; count++)
            fraction *= 10;
    }
    int64_t zone = 0;
    if (at + 1 == size && (s[at] == 'Z' || s[at] == 'z')) {
        at++;
    } else if (at + 6 == size && (s[at] == '+' || s[at] == '-') && s[at + 3] == ':') {
        int zone_hour = digits(s + at + 1, 2), zone_minute = digits(s + at + 4, 2);
        if (zone_hour < 0 || zone_hour > 23 || zone_minute < 0 || zone_minute > 59)
            return -1;
        zone = (zone_hour * 60 + zone_minute) * (s[at] == '-' ? -60 : 60);
        at += 6;
    } else {
        return -1;
    }
    int64_t seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - zone;
    *out_us = seconds * 1000000 + fraction;
    return at == size ? 0 : -1;
}

int hw_duration_parse_ms(const char *s, int64_t *out_ms) {
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
    const char *end = s + strspn(s, "0123456789.");
    if (!isdigit((unsigned char)*s) || end - s > 20)
        return -1;
    char number[24] = {0}, *number_end;
    memcpy(number, s, (size_t)(end - s));
    double value = strtod(number, &number_end);
    if (*number_end)
        return -1;
    for (size_t i = 0; i < HW_ARRAY_SIZE(units); i++) {
        if (strcmp(end, units[i].unit) == 0) {
            if (!(value * (double)units[i].ms < 9e15))
                return -1;
            *out_ms = (int64_t)(value * (double)units[i].ms + 0.5);
            return 0;
        }
    }
    return -1;
}
