#include "base/base.h"
#include "connect/bisect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

/* Records by offset: 'g' good, 'p' poison, 'f' fatal, 's' interrupts. */
struct trial {
    const char *records;
    char done[64]; /* in order: offsets put as digits/letters, poison in brackets */
    int puts;
    bool tolerate;
};

static int put(void *arg, const struct hw_batch *batch, struct hw_err *err) {
    struct trial *trial = arg;
    trial->puts++;
    for (size_t i = 0; i < batch->count; i++) {
        char kind = trial->records[batch->records[i].offset];
        if (kind == 'p')
            return hw_err_set(err, HW_ERR_DATA, 0, "poison");
        if (kind == 'f')
            return hw_err_set(err, HW_ERR_FATAL, 0, "fatal");
        if (kind == 's')
            return 1;
    }
    for (size_t i = 0; i < batch->count; i++)
        strncat(trial->done, (char[2]){(char)('a' + batch->records[i].offset), 0}, 2);
    return 0;
}

static int poison(void *arg, const struct hw_record *record, const struct hw_err *why, struct hw_err *err) {
    struct trial *trial = arg;
    assert_string_equal(why->text, "poison");
    if (!trial->tolerate)
        return hw_err_set(err, HW_ERR_DATA, 0, "at %d", (int)record->offset);
    strncat(trial->done, (char[2]){(char)('A' + record->offset), 0}, 2);
    return 0;
}

static int run(struct trial *trial, struct hw_err *err) {
    struct hw_record records[26] = {0};
    size_t count = strlen(trial->records);
    for (size_t i = 0; i < count; i++)
        records[i].offset = (int64_t)i;
    const struct hw_bisect bisect = {.put = put, .poison = poison, .arg = trial};
    return hw_bisect_put(&bisect, &(struct hw_batch){.records = records, .count = count}, err);
}

static void poison_is_isolated_and_order_kept(void **state) {
    static const struct {
        const char *records, *done;
        int most_puts;
    } cases[] = {
        {"", "", 0},
        {"g", "a", 1},
        {"p", "A", 1},
        {"gggggggg", "abcdefgh", 1},
        {"gggpgggg", "abcDefgh", 7},
        {"pggggggp", "AbcdefgH", 13},
        {"pppp", "ABCD", 7},
        {"gp", "aB", 3},
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        struct trial trial = {.records = cases[i].records, .tolerate = true};
        struct hw_err err = {0};
        assert_int_equal(run(&trial, &err), 0);
        assert_string_equal(trial.done, cases[i].done);
        assert_true(trial.puts <= cases[i].most_puts);
    }
}

static void without_tolerance_all_before_the_poison_is_put(void **state) {
    struct trial trial = {.records = "ggggpggp"};
    struct hw_err err = {0};
    assert_int_equal(run(&trial, &err), -1);
    assert_int_equal(err.kind, HW_ERR_DATA);
    assert_string_equal(err.text, "at 4");
    assert_string_equal(trial.done, "abcd");
}

static void other_endings_pass_through(void **state) {
    struct hw_err err = {0};
    struct trial fatal = {.records = "gpgf", .tolerate = true};
    assert_int_equal(run(&fatal, &err), -1);
    assert_int_equal(err.kind, HW_ERR_FATAL);
    assert_string_equal(fatal.done, "aB");
    struct trial stopped = {.records = "pggs", .tolerate = true};
    assert_int_equal(run(&stopped, &err), 1);
    assert_string_equal(stopped.done, "Ab");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(poison_is_isolated_and_order_kept),
        cmocka_unit_test(without_tolerance_all_before_the_poison_is_put),
        cmocka_unit_test(other_endings_pass_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
