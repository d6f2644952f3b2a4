/* The rules of the door that need no server: names of topics, content types. The rest is in tests/integration. */
#include "ingest/shape.h"
#include "ingest/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void topics(void **state) {
    static const struct {
        const char *name;
        enum hw_topic_check check;
    } cases[] = {
        {"clicks", HW_TOPIC_OK},
        {"A.b-c_9", HW_TOPIC_OK},
        {"_mine", HW_TOPIC_OK},
        {"...", HW_TOPIC_OK},
        {"highway-connector", HW_TOPIC_OK},
        {"", HW_TOPIC_BAD_NAME},
        {".", HW_TOPIC_BAD_NAME},
        {"..", HW_TOPIC_BAD_NAME},
        {"a b", HW_TOPIC_BAD_NAME},
        {"a/b", HW_TOPIC_BAD_NAME},
        {"ü", HW_TOPIC_BAD_NAME},
        {"a\n", HW_TOPIC_BAD_NAME},
        {"__highway.flows", HW_TOPIC_INTERNAL},
        {"__consumer_offsets", HW_TOPIC_INTERNAL},
        {"_schemas", HW_TOPIC_INTERNAL},
        {"highway-connect-configs", HW_TOPIC_INTERNAL},
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        if (hw_ingest_topic_check(cases[i].name) != cases[i].check)
            fail_msg("%s", cases[i].name);
    }
    char name[251];
    memset(name, 'x', sizeof(name));
    name[249] = 0;
    assert_int_equal(hw_ingest_topic_check(name), HW_TOPIC_OK);
    name[249] = 'x';
    name[250] = 0;
    assert_int_equal(hw_ingest_topic_check(name), HW_TOPIC_BAD_NAME);
}

static void content_types(void **state) {
    static const struct {
        const char *type;
        enum hw_shape shape;
    } cases[] = {
        {NULL, HW_SHAPE_JSON},
        {"", HW_SHAPE_JSON},
        {"application/json", HW_SHAPE_JSON},
        {"Application/JSON; charset=utf-8", HW_SHAPE_JSON},
        {"text/plain;charset=UTF-8", HW_SHAPE_JSON},
        {"application/x-ndjson", HW_SHAPE_LINES},
        {"application/jsonl ; x=y", HW_SHAPE_LINES},
        {"application/x-www-form-urlencoded", HW_SHAPE_UNKNOWN},
        {"application/jsonx", HW_SHAPE_UNKNOWN},
        {"application/js", HW_SHAPE_UNKNOWN},
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++)
        assert_int_equal(hw_ingest_shape(cases[i].type), cases[i].shape);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics),
        cmocka_unit_test(content_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
