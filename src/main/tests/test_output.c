/* Answers as tables, CSV and JSON lines; hostile text stays text. */
#include "main/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char *printed(enum output_format format, const char *json, bool rows) {
    yyjson_doc *doc = NULL;
    struct hw_err err;
    assert_int_equal(hw_json_parse(json, strlen(json), &doc, &err), 0);
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    static const struct output_column columns[] = {
        {"NAME", "name"}, {"STATE", "status.state"}, {"FLOWS", "flows"}, {0}};
    if (rows)
        output_rows(to, format, yyjson_doc_get_root(doc));
    else
        output_items(to, format, yyjson_doc_get_root(doc), columns, NULL);
    fclose(to);
    yyjson_doc_free(doc);
    return text;
}

static void check(enum output_format format, bool rows, const char *json, const char *expected) {
    char *text = printed(format, json, rows);
    assert_string_equal(text, expected);
    free(text);
}

static void items_in_every_format(void **state) {
    const char *json = "[{\"name\":\"a\",\"status\":{\"state\":\"flowing\"},\"flows\":[\"x\",\"y\"]},{\"name\":\"long "
                       "name\",\"status\":null}]";
    check(OUTPUT_TABLE, false, json, "NAME       STATE    FLOWS\na          flowing  x, y\nlong name           \n");
    check(OUTPUT_CSV, false, json, "NAME,STATE,FLOWS\r\na,flowing,\"x, y\"\r\nlong name,,\r\n");
    check(OUTPUT_JSONL, false, "[{\"n\":1},{\"n\":2}]", "{\"n\":1}\n{\"n\":2}\n");
}

static void rows_keep_64_bit_numbers(void **state) {
    const char *json =
        "{\"columns\":[{\"name\":\"n\"},{\"name\":\"t\"}],\"rows\":[[\"9223372036854775807\",null],[1,\"a\\\"b\"]]}";
    check(OUTPUT_JSONL, true, json, "{\"n\":\"9223372036854775807\",\"t\":null}\n{\"n\":1,\"t\":\"a\\\"b\"}\n");
    check(OUTPUT_CSV, true, json, "n,t\r\n9223372036854775807,\r\n1,\"a\"\"b\"\r\n");
    check(OUTPUT_JSON, true, "{\"columns\":[],\"rows\":[]}", "[\n]\n");
}

static void control_characters_do_not_reach_the_terminal(void **state) {
    char *text = printed(OUTPUT_TABLE, "[{\"name\":\"a\\u001b[31mred\\u0007\"}]", false);
    assert_null(strchr(text, 0x1b));
    assert_null(strchr(text, 7));
    assert_non_null(strstr(text, "\\x1b[31mred\\x07"));
    free(text);
}

static void long_cells_are_cut_at_a_character(void **state) {
    char json[1024] = "[{\"name\":\"";
    for (int i = 0; i < 121; i++)
        strcat(json, "ö");
    strcat(json, "\"}]");
    char *text = printed(OUTPUT_TABLE, json, false);
    assert_non_null(strstr(text, "ö…"));
    free(text);
}

static void formats_by_name(void **state) {
    enum output_format format;
    assert_int_equal(output_format_parse("jsonl", &format), 0);
    assert_int_equal(format, OUTPUT_JSONL);
    assert_int_equal(output_format_parse("jsn", &format), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_in_every_format),
        cmocka_unit_test(rows_keep_64_bit_numbers),
        cmocka_unit_test(control_characters_do_not_reach_the_terminal),
        cmocka_unit_test(long_cells_are_cut_at_a_character),
        cmocka_unit_test(formats_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
