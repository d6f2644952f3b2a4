#include "main/args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct args_option *find(const struct args_option *options, const char *word, size_t size) {
    for (const struct args_option *o = options; o->name; o++)
        if ((strlen(o->name) == size && memcmp(o->name, word, size) == 0) ||
            (o->alias && strlen(o->alias) == size && memcmp(o->alias, word, size) == 0))
            return o;
    return NULL;
}

static int unknown(const struct args_option *options, const char *word, size_t size) {
    const char *names[64] = {0};
    size_t count = 0;
    for (const struct args_option *o = options; o->name && count + 1 < HW_ARRAY_SIZE(names); o++)
        names[count++] = o->name;
    HW_CLEANUP(hw_freep) char *given = hw_xstrndup(word, size);
    const char *near = hw_nearest(given, names);
    fprintf(stderr, "error: there is no option %s here%s%s%s\n", given, near ? "; did you mean " : "", near ? near : "",
            near ? "?" : "");
    return -1;
}

int args_list_add(struct args_list *list, const char *item) {
    if (list->count >= ARGS_MAX_LIST) {
        fprintf(stderr, "error: more than %d of one option; put them into a file (--config)\n", ARGS_MAX_LIST);
        return -1;
    }
    list->items[list->count++] = item;
    list->items[list->count] = NULL;
    return 0;
}

int args_parse(int argc, char **argv, const struct args_option *options, struct args_words *out_words) {
    bool only_words = false, seen[64] = {false};
    *out_words = (struct args_words){0};
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (!only_words && strcmp(word, "--") == 0) {
            only_words = true;
            continue;
        }
        if (only_words || word[0] != '-' || !word[1]) {
            if (out_words->count >= ARGS_MAX_WORDS) {
                fprintf(stderr, "error: too many words, from '%s' on\n", word);
                return -1;
            }
            out_words->items[out_words->count++] = word;
            continue;
        }
        const char *equals = strchr(word, '=');
        size_t size = equals ? (size_t)(equals - word) : strlen(word);
        const struct args_option *option = find(options, word, size);
        if (!option)
            return unknown(options, word, size);
        size_t index = (size_t)(option - options);
        if (!option->list && index < HW_ARRAY_SIZE(seen) && seen[index]) {
            /* The last one winning silently has surprised people: with two --data, which one holds the data? */
            fprintf(stderr, "error: %s is given twice; keep the one you mean\n", option->name);
            return -1;
        }
        if (index < HW_ARRAY_SIZE(seen))
            seen[index] = true;
        if (option->flag) {
            if (equals) {
                fprintf(stderr, "error: %s takes no value\n", option->name);
                return -1;
            }
            *option->flag = true;
            continue;
        }
        const char *value = equals ? equals + 1 : i + 1 < argc ? argv[++i] : NULL;
        if (!value) {
            fprintf(stderr, "error: %s needs a value\n", option->name);
            return -1;
        }
        if (option->list)
            HW_TRY(args_list_add(option->list, value));
        else
            *option->value = value;
    }
    return 0;
}

int args_expect(const struct args_words *words, const char *usage, size_t least, size_t most) {
    if (words->count < least)
        fprintf(stderr, "error: something is missing\nusage: highway %s\n", usage);
    else if (words->count > most)
        fprintf(stderr, "error: '%s' is one word too many (quote what belongs together)\nusage: highway %s\n",
                words->items[most], usage);
    return words->count < least || words->count > most ? -1 : 0;
}

int args_number(const char *option, const char *text, long least, long most, long *out_number) {
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno || end == text || *end || number < least || number > most) {
        fprintf(stderr, "error: %s %s: expected a whole number from %ld to %ld\n", option, text, least, most);
        return -1;
    }
    *out_number = number;
    return 0;
}
