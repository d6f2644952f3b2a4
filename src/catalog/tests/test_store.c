/* The SQLite store: namespaces, tables, compare-and-swap. */
#include "catalog/store.h"

#include "base/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char folder[] = "/tmp/hw-store-XXXXXX";
static struct hw_store *store;
static struct hw_err err;

static int set_up(void **state)
{
    assert_non_null(mkdtemp(strcpy(folder, "/tmp/hw-store-XXXXXX")));
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/c.db", folder);
    return hw_store_open(path, &store, &err);
}

static int tear_down(void **state)
{
    store = hw_store_close(store);
    return hw_fs_remove_tree(folder, &err);
}

static void join(const char *a, const char *b, void *arg)
{
    hw_buf_printf(arg, "%s=%s;", a, b ? b : "");
}

static void namespaces_come_and_go(void **state)
{
    const struct hw_store_pair pairs[] = {{"owner", "me"}}, change[] = {{"owner", NULL}, {"x", "y"}};
    struct hw_buf out = {0};
    assert_int_equal(hw_store_namespace_exists(store, "a", &err), HW_STORE_MISSING);
    assert_int_equal(hw_store_namespace_create(store, "a", pairs, 1, &err), 0);
    assert_int_equal(hw_store_namespace_create(store, "a", pairs, 1, &err), HW_STORE_EXISTS);
    assert_int_equal(hw_store_namespace_create(store, "a.b", NULL, 0, &err), 0);
    assert_int_equal(hw_store_namespace_change(store, "a", change, 2, &err), 0);
    assert_int_equal(hw_store_namespace_change(store, "z", change, 2, &err), HW_STORE_MISSING);
    assert_int_equal(hw_store_properties(store, "a", join, &out, &err), 0);
    assert_string_equal(hw_buf_str(&out), "x=y;");
    hw_buf_clear(&out);
    assert_int_equal(hw_store_namespaces(store, join, &out, &err), 0);
    assert_string_equal(hw_buf_str(&out), "a=;a.b=;");
    assert_int_equal(hw_store_namespace_drop(store, "a", &err), HW_STORE_NOT_EMPTY);
    assert_int_equal(hw_store_namespace_drop(store, "a.b", &err), 0);
    assert_int_equal(hw_store_namespace_drop(store, "a", &err), 0);
    assert_int_equal(hw_store_namespace_drop(store, "a", &err), HW_STORE_MISSING);
    hw_buf_done(&out);
}

static void tables_swap_only_from_where_they_are(void **state)
{
    struct hw_store_swap swaps[] = {{"n", "t", "file:1", "file:2"}, {"n", "u", "file:9", "file:10"}};
    char *location = NULL;
    assert_int_equal(hw_store_table_create(store, "n", "t", "file:1", &err), HW_STORE_MISSING);
    assert_int_equal(hw_store_namespace_create(store, "n", NULL, 0, &err), 0);
    assert_int_equal(hw_store_table_create(store, "n", "t", "file:1", &err), 0);
    assert_int_equal(hw_store_table_create(store, "n", "t", "file:1", &err), HW_STORE_EXISTS);
    assert_int_equal(hw_store_swap_all(store, swaps, 2, &err),
                     HW_STORE_CHANGED); /* u is missing: t must not move either */
    assert_int_equal(hw_store_table_get(store, "n", "t", &location, &err), 0);
    assert_string_equal(location, "file:1");
    free(location);
    assert_int_equal(hw_store_swap_all(store, swaps, 1, &err), 0);
    assert_int_equal(hw_store_swap_all(store, swaps, 1, &err), HW_STORE_CHANGED);
    swaps[1].old_location = NULL;
    assert_int_equal(hw_store_swap_all(store, swaps + 1, 1, &err), 0);
    assert_int_equal(hw_store_swap_all(store, swaps + 1, 1, &err), HW_STORE_EXISTS);
    assert_int_equal(hw_store_table_rename(store, "n", "t", "n", "u", &err), HW_STORE_EXISTS);
    assert_int_equal(hw_store_table_rename(store, "n", "t", "z", "v", &err), HW_STORE_MISSING);
    assert_int_equal(hw_store_table_rename(store, "n", "t", "n", "v", &err), 0);
    assert_int_equal(hw_store_namespace_drop(store, "n", &err), HW_STORE_NOT_EMPTY);
    assert_int_equal(hw_store_table_drop(store, "n", "t", &err), HW_STORE_MISSING);
    assert_int_equal(hw_store_table_drop(store, "n", "v", &err), 0);
}

static void an_impossible_path_is_a_config_error(void **state)
{
    struct hw_store *other = NULL;
    assert_int_equal(hw_store_open("/nowhere/at/all.db", &other, &err), -1);
    assert_int_equal(err.kind, HW_ERR_CONFIG);
    assert_non_null(strstr(err.text, "/nowhere/at/all.db"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(namespaces_come_and_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tables_swap_only_from_where_they_are, set_up, tear_down),
        cmocka_unit_test(an_impossible_path_is_a_config_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
