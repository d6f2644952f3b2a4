/* Values of DuckDB's vectors → JSON text. */
#include "warehouse/sql_value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void destroy_type(duckdb_logical_type *type)
{
    if (*type)
        hw_duckdb()->destroy_logical_type(type);
}
#define SCOPED_TYPE HW_CLEANUP(destroy_type) duckdb_logical_type

void hw_sql_quote(struct hw_buf *out, char quote, const char *s)
{
    hw_buf_add_char(out, quote);
    for (; *s; s++) {
        if (*s == quote)
            hw_buf_add_char(out, quote);
        hw_buf_add_char(out, *s);
    }
    hw_buf_add_char(out, quote);
}

/* --- Types --------------------------------------------------------------------------------------------------------- */
static const struct {
    duckdb_type id;
    const char *name;
} plain_types[] = {
    {DUCKDB_TYPE_BOOLEAN, "BOOLEAN"},
    {DUCKDB_TYPE_TINYINT, "TINYINT"},
    {DUCKDB_TYPE_SMALLINT, "SMALLINT"},
    {DUCKDB_TYPE_INTEGER, "INTEGER"},
    {DUCKDB_TYPE_BIGINT, "BIGINT"},
    {DUCKDB_TYPE_UTINYINT, "UTINYINT"},
    {DUCKDB_TYPE_USMALLINT, "USMALLINT"},
    {DUCKDB_TYPE_UINTEGER, "UINTEGER"},
    {DUCKDB_TYPE_UBIGINT, "UBIGINT"},
    {DUCKDB_TYPE_HUGEINT, "HUGEINT"},
    {DUCKDB_TYPE_UHUGEINT, "UHUGEINT"},
    {DUCKDB_TYPE_FLOAT, "FLOAT"},
    {DUCKDB_TYPE_DOUBLE, "DOUBLE"},
    {DUCKDB_TYPE_VARCHAR, "VARCHAR"},
    {DUCKDB_TYPE_BLOB, "BLOB"},
    {DUCKDB_TYPE_DATE, "DATE"},
    {DUCKDB_TYPE_TIME, "TIME"},
    {DUCKDB_TYPE_TIMESTAMP, "TIMESTAMP"},
    {DUCKDB_TYPE_TIMESTAMP_S, "TIMESTAMP_S"},
    {DUCKDB_TYPE_TIMESTAMP_MS, "TIMESTAMP_MS"},
    {DUCKDB_TYPE_TIMESTAMP_NS, "TIMESTAMP_NS"},
    {DUCKDB_TYPE_TIMESTAMP_TZ, "TIMESTAMP WITH TIME ZONE"},
    {DUCKDB_TYPE_INTERVAL, "INTERVAL"},
    {DUCKDB_TYPE_UUID, "UUID"},
    {DUCKDB_TYPE_ENUM, "ENUM"},
    {DUCKDB_TYPE_SQLNULL, "NULL"},
};

static bool struct_name(duckdb_logical_type type, struct hw_buf *out)
{
    const struct hw_duckdb_api *duck = hw_duckdb();
    bool ok = true;
    hw_buf_add_str(out, "STRUCT(");
    for (idx_t i = 0; i < duck->struct_type_child_count(type); i++) {
        SCOPED_TYPE child = duck->struct_type_child_type(type, i);
        char *name = duck->struct_type_child_name(type, i);
        hw_buf_printf(out, "%s%s ", i ? ", " : "", name);
        duck->free(name);
        ok &= hw_sql_type_name(child, out);
    }
    hw_buf_add_char(out, ')');
    return ok;
}

bool hw_sql_type_name(duckdb_logical_type type, struct hw_buf *out)
{
    const struct hw_duckdb_api *duck = hw_duckdb();
    duckdb_type id = duck->get_type_id(type);
    bool ok;
    if (id == DUCKDB_TYPE_DECIMAL) {
        hw_buf_printf(out, "DECIMAL(%u,%u)", duck->decimal_width(type), duck->decimal_scale(type));
        return true;
    }
    if (id == DUCKDB_TYPE_LIST || id == DUCKDB_TYPE_ARRAY) {
        SCOPED_TYPE child =
            id == DUCKDB_TYPE_LIST ? duck->list_type_child_type(type) : duck->array_type_child_type(type);
        ok = hw_sql_type_name(child, out);
        if (id == DUCKDB_TYPE_LIST)
            hw_buf_add_str(out, "[]");
        else
            hw_buf_printf(out, "[%" PRIu64 "]", (uint64_t)duck->array_type_array_size(type));
        return ok;
    }
    if (id == DUCKDB_TYPE_STRUCT)
        return struct_name(type, out);
    if (id == DUCKDB_TYPE_MAP) {
        SCOPED_TYPE key = duck->map_type_key_type(type);
        SCOPED_TYPE value = duck->map_type_value_type(type);
        hw_buf_add_str(out, "MAP(");
        ok = hw_sql_type_name(key, out);
        hw_buf_add_str(out, ", ");
        ok &= hw_sql_type_name(value, out);
        hw_buf_add_char(out, ')');
        return ok;
    }
    for (size_t i = 0; i < HW_ARRAY_SIZE(plain_types); i++) {
        if (plain_types[i].id != id)
            continue;
        char *alias = id == DUCKDB_TYPE_VARCHAR ? duck->logical_type_get_alias(type) : NULL;
        hw_buf_add_str(out, alias && *alias ? alias : plain_types[i].name); /* JSON is a VARCHAR by another name */
        if (alias)
            duck->free(alias);
        return true;
    }
    hw_buf_printf(out, "type %d", (int)id);
    return false;
}

/* --- Scalars ------------------------------------------------------------------------------------------------------- */
static const char *uint128_text(unsigned __int128 value, char buffer[48])
{
    char *p = buffer + 47;
    *p = 0;
    do {
        *--p = (char)('0' + (int)(value % 10));
        value /= 10;
    } while (value);
    return p;
}

static __int128 hugeint(const duckdb_hugeint *value)
{
    return (__int128)(((unsigned __int128)(uint64_t)value->upper << 64) | value->lower);
}

static void add_int128(struct hw_buf *out, __int128 value, unsigned scale)
{
    char buffer[48];
    bool negative = value < 0;
    const char *digits = uint128_text(negative ? -(unsigned __int128)value : (unsigned __int128)value, buffer);
    size_t size = strlen(digits);
    hw_buf_add_str(out, negative ? "\"-" : "\"");
    if (scale == 0) {
        hw_buf_add_str(out, digits);
    } else if (size > scale) {
        hw_buf_add(out, digits, size - scale);
        hw_buf_printf(out, ".%s", digits + size - scale);
    } else {
        hw_buf_add_str(out, "0.");
        for (size_t i = size; i < scale; i++)
            hw_buf_add_char(out, '0');
        hw_buf_add_str(out, digits);
    }
    hw_buf_add_char(out, '"');
}

static void add_double(struct hw_buf *out, double value, bool narrow)
{
    char text[32];
    if (!isfinite(value)) { /* JSON has no words for these */
        hw_buf_add_str(out, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
    }
    for (int digits = narrow ? 6 : 15; digits <= 17; digits++) { /* the shortest that reads back the same */
        snprintf(text, sizeof(text), "%.*g", digits, value);
        double back = strtod(text, NULL);
        if (narrow ? (float)back == (float)value : back == value)
            break;
    }
    hw_buf_add_str(out, text);
}

/* Years 1 to 9999, beyond them the bare number. */
static void add_time(struct hw_buf *out, int64_t us, const char *zone)
{
    char text[28];
    if (us == INT64_MAX || us == -INT64_MAX) {
        hw_buf_add_str(out, us > 0 ? "\"infinity\"" : "\"-infinity\"");
        return;
    }
    if (us < INT64_C(-62135596800000000) || us > INT64_C(253402300799999999)) {
        hw_buf_printf(out, "\"%" PRId64 " us\"", us);
        return;
    }
    hw_time_format_us(us, text);
    text[26] = 0; /* cut the Z */
    hw_buf_printf(out, "\"%s%s\"", text, zone);
}

static void add_date(struct hw_buf *out, int32_t day)
{
    char text[28];
    if (day < -719162 || day > 2932896) {
        hw_buf_printf(out, "\"%d days\"", day);
        return;
    }
    hw_time_format_us((int64_t)day * INT64_C(86400000000), text);
    hw_buf_printf(out, "\"%.10s\"", text);
}

static void add_interval(struct hw_buf *out, const duckdb_interval *value)
{
    hw_buf_printf(out, "\"P%dM%dDT%s%" PRIu64 ".%06" PRIu64 "S\"", value->months, value->days,
                  value->micros < 0 ? "-" : "", (uint64_t)llabs(value->micros) / 1000000,
                  (uint64_t)llabs(value->micros) % 1000000);
}

static void add_blob(struct hw_buf *out, const uint8_t *data, size_t size)
{
    hw_buf_add_char(out, '"');
    for (size_t i = 0; i < size; i++)
        hw_buf_printf(out, "%02x", data[i]);
    hw_buf_add_char(out, '"');
}

static void string_at(duckdb_vector vector, idx_t row, const char **out_data, size_t *out_size)
{
    const duckdb_string_t *s = &((const duckdb_string_t *)hw_duckdb()->vector_get_data(vector))[row];
    *out_size = s->value.inlined.length;
    *out_data = s->value.inlined.length <= 12 ? s->value.inlined.inlined : s->value.pointer.ptr;
}

static void add_decimal(struct hw_buf *out, const void *data, duckdb_logical_type type, idx_t row)
{
    const struct hw_duckdb_api *duck = hw_duckdb();
    unsigned scale = duck->decimal_scale(type);
    switch (duck->decimal_internal_type(type)) {
    case DUCKDB_TYPE_SMALLINT:
        add_int128(out, ((const int16_t *)data)[row], scale);
        break;
    case DUCKDB_TYPE_INTEGER:
        add_int128(out, ((const int32_t *)data)[row], scale);
        break;
    case DUCKDB_TYPE_BIGINT:
        add_int128(out, ((const int64_t *)data)[row], scale);
        break;
    default:
        add_int128(out, hugeint(&((const duckdb_hugeint *)data)[row]), scale);
    }
}

static void add_enum(struct hw_buf *out, const void *data, duckdb_logical_type type, idx_t row)
{
    const struct hw_duckdb_api *duck = hw_duckdb();
    duckdb_type internal = duck->enum_internal_type(type);
    idx_t index = internal == DUCKDB_TYPE_UTINYINT    ? ((const uint8_t *)data)[row]
                  : internal == DUCKDB_TYPE_USMALLINT ? ((const uint16_t *)data)[row]
                                                      : ((const uint32_t *)data)[row];
    char *word = duck->enum_dictionary_value(type, index);
    hw_buf_add_json_str(out, word ? word : "", word ? strlen(word) : 0);
    if (word)
        duck->free(word);
}

static void add_uuid(struct hw_buf *out, const duckdb_hugeint *value)
{
    uint8_t bytes[16];
    char text[37];
    unsigned __int128 bits =
        (unsigned __int128)hugeint(value) ^ ((unsigned __int128)1 << 127); /* kept so that it sorts */
    for (int i = 0; i < 16; i++)
        bytes[i] = (uint8_t)(bits >> (120 - 8 * i));
    hw_uuid_format(bytes, text);
    hw_buf_printf(out, "\"%s\"", text);
}

static void scalar_json(duckdb_vector vector, duckdb_logical_type type, duckdb_type id, idx_t row, struct hw_buf *out)
{
    const void *data = hw_duckdb()->vector_get_data(vector);
    const char *text;
    char buffer[48];
    size_t size;
    switch (id) {
    case DUCKDB_TYPE_BOOLEAN:
        hw_buf_add_str(out, ((const bool *)data)[row] ? "true" : "false");
        break;
    case DUCKDB_TYPE_TINYINT:
        hw_buf_printf(out, "%d", ((const int8_t *)data)[row]);
        break;
    case DUCKDB_TYPE_SMALLINT:
        hw_buf_printf(out, "%d", ((const int16_t *)data)[row]);
        break;
    case DUCKDB_TYPE_INTEGER:
        hw_buf_printf(out, "%d", ((const int32_t *)data)[row]);
        break;
    case DUCKDB_TYPE_UTINYINT:
        hw_buf_printf(out, "%u", ((const uint8_t *)data)[row]);
        break;
    case DUCKDB_TYPE_USMALLINT:
        hw_buf_printf(out, "%u", ((const uint16_t *)data)[row]);
        break;
    case DUCKDB_TYPE_UINTEGER:
        hw_buf_printf(out, "%u", ((const uint32_t *)data)[row]);
        break;
    case DUCKDB_TYPE_BIGINT:
        hw_buf_printf(out, "\"%" PRId64 "\"", ((const int64_t *)data)[row]);
        break;
    case DUCKDB_TYPE_UBIGINT:
        hw_buf_printf(out, "\"%" PRIu64 "\"", ((const uint64_t *)data)[row]);
        break;
    case DUCKDB_TYPE_HUGEINT:
        add_int128(out, hugeint(&((const duckdb_hugeint *)data)[row]), 0);
        break;
    case DUCKDB_TYPE_UHUGEINT:
        hw_buf_printf(out, "\"%s\"",
                      uint128_text((unsigned __int128)hugeint(&((const duckdb_hugeint *)data)[row]), buffer));
        break;
    case DUCKDB_TYPE_FLOAT:
        add_double(out, (double)((const float *)data)[row], true);
        break;
    case DUCKDB_TYPE_DOUBLE:
        add_double(out, ((const double *)data)[row], false);
        break;
    case DUCKDB_TYPE_DECIMAL:
        add_decimal(out, data, type, row);
        break;
    case DUCKDB_TYPE_VARCHAR:
        string_at(vector, row, &text, &size);
        hw_buf_add_json_str(out, text, size);
        break;
    case DUCKDB_TYPE_BLOB:
        string_at(vector, row, &text, &size);
        add_blob(out, (const uint8_t *)text, size);
        break;
    case DUCKDB_TYPE_DATE:
        add_date(out, ((const int32_t *)data)[row]);
        break;
    case DUCKDB_TYPE_TIME:
        hw_time_format_us(((const int64_t *)data)[row] % INT64_C(86400000000), buffer);
        hw_buf_printf(out, "\"%.15s\"", buffer + 11);
        break;
    case DUCKDB_TYPE_TIMESTAMP:
        add_time(out, ((const int64_t *)data)[row], "");
        break;
    case DUCKDB_TYPE_TIMESTAMP_TZ:
        add_time(out, ((const int64_t *)data)[row], "Z");
        break;
    case DUCKDB_TYPE_TIMESTAMP_S:
        add_time(out, ((const int64_t *)data)[row] * 1000000, "");
        break;
    case DUCKDB_TYPE_TIMESTAMP_MS:
        add_time(out, ((const int64_t *)data)[row] * 1000, "");
        break;
    case DUCKDB_TYPE_TIMESTAMP_NS:
        add_time(out, ((const int64_t *)data)[row] / 1000, "");
        break;
    case DUCKDB_TYPE_INTERVAL:
        add_interval(out, &((const duckdb_interval *)data)[row]);
        break;
    case DUCKDB_TYPE_UUID:
        add_uuid(out, &((const duckdb_hugeint *)data)[row]);
        break;
    case DUCKDB_TYPE_ENUM:
        add_enum(out, data, type, row);
        break;
    default:
        hw_buf_add_str(out, "null");
    }
}

/* --- Nested -------------------------------------------------------------------------------------------------------- */
static void list_json(duckdb_vector vector, duckdb_logical_type type, duckdb_type id, idx_t row, struct hw_buf *out)
{
    const struct hw_duckdb_api *duck = hw_duckdb();
    bool list = id == DUCKDB_TYPE_LIST;
    SCOPED_TYPE child_type = list ? duck->list_type_child_type(type) : duck->array_type_child_type(type);
    duckdb_vector child = list ? duck->list_vector_get_child(vector) : duck->array_vector_get_child(vector);
    idx_t size = list ? 0 : duck->array_type_array_size(type);
    duckdb_list_entry entry = {row * size, size};
    if (list)
        entry = ((const duckdb_list_entry *)duck->vector_get_data(vector))[row];
    hw_buf_add_char(out, '[');
    for (idx_t i = 0; i < entry.length; i++) {
        if (i)
            hw_buf_add_char(out, ',');
        hw_sql_value_json(child, child_type, entry.offset + i, out);
    }
    hw_buf_add_char(out, ']');
}

static void struct_json(duckdb_vector vector, duckdb_logical_type type, idx_t row, struct hw_buf *out)
{
    const struct hw_duckdb_api *duck = hw_duckdb();
    hw_buf_add_char(out, '{');
    for (idx_t i = 0; i < duck->struct_type_child_count(type); i++) {
        SCOPED_TYPE child_type = duck->struct_type_child_type(type, i);
        char *name = duck->struct_type_child_name(type, i);
        if (i)
            hw_buf_add_char(out, ',');
        hw_buf_add_json_str(out, name, strlen(name));
        hw_buf_add_char(out, ':');
        duck->free(name);
        hw_sql_value_json(duck->struct_vector_get_child(vector, i), child_type, row, out);
    }
    hw_buf_add_char(out, '}');
}

/* A map is a list of structs of key and value; as JSON its keys become strings. */
static void map_json(duckdb_vector vector, duckdb_logical_type type, idx_t row, struct hw_buf *out)
{
    const struct hw_duckdb_api *duck = hw_duckdb();
    SCOPED_TYPE key_type = duck->map_type_key_type(type);
    SCOPED_TYPE value_type = duck->map_type_value_type(type);
    duckdb_vector entries = duck->list_vector_get_child(vector);
    duckdb_vector keys = duck->struct_vector_get_child(entries, 0), values = duck->struct_vector_get_child(entries, 1);
    duckdb_list_entry entry = ((const duckdb_list_entry *)duck->vector_get_data(vector))[row];
    hw_buf_add_char(out, '{');
    for (idx_t i = entry.offset; i < entry.offset + entry.length; i++) {
        HW_CLEANUP(hw_buf_done) struct hw_buf key = {0};
        hw_sql_value_json(keys, key_type, i, &key);
        if (i > entry.offset)
            hw_buf_add_char(out, ',');
        if (key.size && key.data[0] == '"')
            hw_buf_add(out, key.data, key.size);
        else
            hw_buf_add_json_str(out, (const char *)key.data, key.size);
        hw_buf_add_char(out, ':');
        hw_sql_value_json(values, value_type, i, out);
    }
    hw_buf_add_char(out, '}');
}

void hw_sql_value_json(duckdb_vector vector, duckdb_logical_type type, idx_t row, struct hw_buf *out)
{
    const struct hw_duckdb_api *duck = hw_duckdb();
    uint64_t *validity = duck->vector_get_validity(vector);
    duckdb_type id = duck->get_type_id(type);
    if (validity && !duck->validity_row_is_valid(validity, row))
        hw_buf_add_str(out, "null");
    else if (id == DUCKDB_TYPE_LIST || id == DUCKDB_TYPE_ARRAY)
        list_json(vector, type, id, row, out);
    else if (id == DUCKDB_TYPE_STRUCT)
        struct_json(vector, type, row, out);
    else if (id == DUCKDB_TYPE_MAP)
        map_json(vector, type, row, out);
    else
        scalar_json(vector, type, id, row, out);
}

/* --- Iceberg's types ----------------------------------------------------------------------------------------------- */
static bool iceberg_nested(yyjson_val *type, struct hw_buf *out)
{
    const char *kind = hw_json_str(type, "type");
    bool ignored, ok;
    if (kind && strcmp(kind, "list") == 0) {
        ok = hw_sql_iceberg_type(yyjson_obj_get(type, "element"), out, &ignored);
        hw_buf_add_str(out, "[]");
        return ok;
    }
    if (kind && strcmp(kind, "map") == 0) {
        hw_buf_add_str(out, "MAP(");
        ok = hw_sql_iceberg_type(yyjson_obj_get(type, "key"), out, &ignored);
        hw_buf_add_str(out, ", ");
        ok &= hw_sql_iceberg_type(yyjson_obj_get(type, "value"), out, &ignored);
        hw_buf_add_char(out, ')');
        return ok;
    }
    if (!kind || strcmp(kind, "struct") != 0)
        return false;
    size_t i, max;
    yyjson_val *field;
    ok = true;
    hw_buf_add_str(out, "STRUCT(");
    yyjson_arr_foreach(yyjson_obj_get(type, "fields"), i, max, field) {
        const char *name = hw_json_str(field, "name");
        if (i)
            hw_buf_add_str(out, ", ");
        hw_sql_quote(out, '"', name ? name : "");
        hw_buf_add_char(out, ' ');
        ok &= name && hw_sql_iceberg_type(yyjson_obj_get(field, "type"), out, &ignored);
    }
    hw_buf_add_char(out, ')');
    return ok;
}

bool hw_sql_iceberg_type(yyjson_val *type, struct hw_buf *out, bool *nested)
{
    static const struct {
        const char *iceberg, *duckdb;
    } names[] = {{"boolean", "BOOLEAN"},     {"int", "INTEGER"},    {"long", "BIGINT"},
                 {"float", "FLOAT"},         {"double", "DOUBLE"},  {"date", "DATE"},
                 {"time", "TIME"},           {"string", "VARCHAR"}, {"uuid", "UUID"},
                 {"timestamp", "TIMESTAMP"}, {"binary", "BLOB"},    {"timestamptz", "TIMESTAMP WITH TIME ZONE"}};
    *nested = yyjson_is_obj(type);
    if (*nested)
        return iceberg_nested(type, out);
    const char *name = yyjson_get_str(type);
    unsigned precision, scale;
    if (!name)
        return false;
    for (size_t i = 0; i < HW_ARRAY_SIZE(names); i++) {
        if (strcmp(names[i].iceberg, name) == 0) {
            hw_buf_add_str(out, names[i].duckdb);
            return true;
        }
    }
    if (sscanf(name, "decimal(%u,%u)", &precision, &scale) == 2 ||
        sscanf(name, "decimal(%u, %u)", &precision, &scale) == 2) {
        hw_buf_printf(out, "DECIMAL(%u,%u)", precision, scale);
        return precision <= 38 && scale <= precision;
    }
    if (strncmp(name, "fixed[", 6) == 0) {
        hw_buf_add_str(out, "BLOB");
        return true;
    }
    return false;
}
