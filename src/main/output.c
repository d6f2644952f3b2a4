/* Values of a table go to a terminal: control characters in them would act there, so they are shown as \xNN. */
#include "main/output.h"

#include <stdlib.h>
#include <string.h>

#define MAX_COLUMNS      256
#define MAX_CELL_COLUMNS 120

int output_format_parse(const char *text, enum output_format *out_format) {
    static const char *const names[] = {"table", "json", "jsonl", "csv", NULL};
    *out_format = OUTPUT_TABLE;
    if (!text)
        return 0;
    for (int i = 0; names[i]; i++)
        if (strcmp(text, names[i]) == 0) {
            *out_format = (enum output_format)i;
            return 0;
        }
    const char *near = hw_nearest(text, names);
    fprintf(stderr, "error: -o %s: expected table, json, jsonl or csv%s%s%s\n", text, near ? "; did you mean " : "",
            near ? near : "", near ? "?" : "");
    return -1;
}

static yyjson_val *follow(yyjson_val *item, const char *path) {
    while (item && *path) {
        size_t size = strcspn(path, ".");
        item = yyjson_is_arr(item) ? yyjson_arr_get(item, strtoul(path, NULL, 10)) : yyjson_obj_getn(item, path, size);
        path += size + (path[size] == '.');
    }
    return item;
}

/* A cell as text: strings as they are, the rest as JSON; null is nothing. */
static void cell_text(yyjson_val *value, struct hw_buf *out) {
    hw_buf_clear(out);
    if (!value || yyjson_is_null(value))
        return;
    if (yyjson_is_str(value)) {
        hw_buf_add(out, yyjson_get_str(value), yyjson_get_len(value));
        return;
    }
    bool plain_list = yyjson_is_arr(value);
    for (size_t i = 0; plain_list && i < yyjson_arr_size(value); i++)
        plain_list = yyjson_is_str(yyjson_arr_get(value, i));
    if (!plain_list) {
        if (hw_json_write_val(value, out) < 0)
            hw_buf_clear(out);
        return;
    }
    for (size_t i = 0; i < yyjson_arr_size(value); i++)
        hw_buf_printf(out, "%s%s", i ? ", " : "", yyjson_get_str(yyjson_arr_get(value, i)));
}

static void cell_for_terminal(const struct hw_buf *text, struct hw_buf *out) {
    hw_buf_clear(out);
    for (size_t i = 0; i < text->size; i++) {
        unsigned char c = text->data[i];
        if (c == '\n' || c == '\t')
            hw_buf_add_char(out, ' ');
        else if (c < 0x20 || c == 0x7f || (c == 0xc2 && i + 1 < text->size && text->data[i + 1] < 0xa0))
            hw_buf_printf(out, "\\x%02x", c);
        else
            hw_buf_add_char(out, (char)c);
    }
}

static size_t width_of(const char *text) {
    size_t width = 0;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        width += (*c & 0xc0) != 0x80;
    return width;
}

/* Cuts to a width in characters, with an ellipsis. */
static void shorten(char *text, size_t width) {
    if (width_of(text) <= width)
        return;
    size_t seen = 0;
    for (char *c = text; *c; c++) {
        if (((unsigned char)*c & 0xc0) != 0x80 && ++seen == width) {
            memcpy(c, "…", 4); /* the memory has 8 bytes to spare, see table_cell */
            return;
        }
    }
}

static void csv_cell(FILE *to, const struct hw_buf *text, bool first) {
    if (!first)
        fputc(',', to);
    bool quote = false;
    for (size_t i = 0; i < text->size && !quote; i++)
        quote = strchr(",\"\r\n", text->data[i]) != NULL;
    if (!quote) {
        fwrite(text->data, 1, text->size, to);
        return;
    }
    fputc('"', to);
    for (size_t i = 0; i < text->size; i++) {
        if (text->data[i] == '"')
            fputc('"', to);
        fputc(text->data[i], to);
    }
    fputc('"', to);
}

struct grid {
    size_t columns, rows;
    char **cells; /* rows × columns */
};

static void grid_print(FILE *to, const char *const *titles, struct grid *grid) {
    size_t widths[MAX_COLUMNS];
    for (size_t c = 0; c < grid->columns; c++) {
        widths[c] = width_of(titles[c]);
        for (size_t r = 0; r < grid->rows; r++)
            widths[c] = HW_MAX(widths[c], width_of(grid->cells[r * grid->columns + c]));
    }
    for (size_t r = 0; r <= grid->rows; r++)
        for (size_t c = 0; c < grid->columns; c++) {
            const char *text = r == 0 ? titles[c] : grid->cells[(r - 1) * grid->columns + c];
            bool last = c + 1 == grid->columns;
            fputs(text, to);
            for (size_t pad = width_of(text); !last && pad < widths[c] + 2; pad++)
                fputc(' ', to);
            if (last)
                fputc('\n', to);
        }
}

static char *table_cell(yyjson_val *value, struct hw_buf *raw, struct hw_buf *safe) {
    cell_text(value, raw);
    cell_for_terminal(raw, safe);
    hw_buf_reserve(safe, 8);
    char *text = hw_xmalloc(safe->size + 8);
    memcpy(text, hw_buf_str(safe), safe->size + 1);
    shorten(text, MAX_CELL_COLUMNS);
    return text;
}

static void print_json(FILE *to, const yyjson_val *value, bool pretty) {
    size_t size;
    char *text = yyjson_val_write(value, pretty ? YYJSON_WRITE_PRETTY_TWO_SPACES : YYJSON_WRITE_NOFLAG, &size);
    if (text)
        fwrite(text, 1, size, to);
    fputc('\n', to);
    free(text);
}

void output_items(FILE *to, enum output_format format, yyjson_val *items, const struct output_column *columns,
                  const char *when_empty) {
    size_t index, max;
    yyjson_val *item;
    if (format == OUTPUT_JSON) {
        print_json(to, items, true);
        return;
    }
    if (format == OUTPUT_JSONL) {
        yyjson_arr_foreach(items, index, max, item) {
            print_json(to, item, false);
        }
        return;
    }
    HW_CLEANUP(hw_buf_done) struct hw_buf raw = {0};
    HW_CLEANUP(hw_buf_done) struct hw_buf safe = {0};
    const char *titles[MAX_COLUMNS];
    struct grid grid = {0};
    for (; columns[grid.columns].title && grid.columns < MAX_COLUMNS; grid.columns++)
        titles[grid.columns] = columns[grid.columns].title;
    if (format == OUTPUT_CSV) {
        for (size_t c = 0; c < grid.columns; c++)
            fprintf(to, "%s%s", c ? "," : "", titles[c]);
        fputs("\r\n", to);
        yyjson_arr_foreach(items, index, max, item) {
            for (size_t c = 0; c < grid.columns; c++) {
                cell_text(follow(item, columns[c].path), &raw);
                csv_cell(to, &raw, c == 0);
            }
            fputs("\r\n", to);
        }
        return;
    }
    if (yyjson_arr_size(items) == 0) {
        if (when_empty)
            fprintf(stderr, "%s\n", when_empty);
        return;
    }
    grid.cells = hw_xcalloc(yyjson_arr_size(items) * grid.columns, sizeof *grid.cells);
    yyjson_arr_foreach(items, index, max, item) {
        for (size_t c = 0; c < grid.columns; c++)
            grid.cells[grid.rows * grid.columns + c] = table_cell(follow(item, columns[c].path), &raw, &safe);
        grid.rows++;
    }
    grid_print(to, titles, &grid);
    for (size_t i = 0; i < grid.rows * grid.columns; i++)
        free(grid.cells[i]);
    free(grid.cells);
}

void output_object(FILE *to, enum output_format format, yyjson_val *object, const struct output_column *columns) {
    if (format == OUTPUT_JSON || format == OUTPUT_JSONL) {
        print_json(to, object, format == OUTPUT_JSON);
        return;
    }
    HW_CLEANUP(hw_buf_done) struct hw_buf raw = {0};
    HW_CLEANUP(hw_buf_done) struct hw_buf safe = {0};
    size_t width = 0;
    for (const struct output_column *c = columns; c->title; c++)
        width = HW_MAX(width, width_of(c->title));
    for (const struct output_column *c = columns; c->title; c++) {
        cell_text(follow(object, c->path), &raw);
        if (format == OUTPUT_CSV) {
            fprintf(to, "%s,", c->title);
            csv_cell(to, &raw, true);
            fputs("\r\n", to);
            continue;
        }
        cell_for_terminal(&raw, &safe);
        if (safe.size)
            fprintf(to, "%-*s  %s\n", (int)width, c->title, hw_buf_str(&safe));
    }
}

void output_rows(FILE *to, enum output_format format, yyjson_val *answer) {
    yyjson_val *columns = yyjson_obj_get(answer, "columns"), *rows = yyjson_obj_get(answer, "rows"), *row, *value;
    size_t index, max, column, column_max;
    if (format == OUTPUT_JSON || format == OUTPUT_JSONL) {
        if (format == OUTPUT_JSON)
            fputc('[', to);
        yyjson_arr_foreach(rows, index, max, row) {
            HW_CLEANUP(hw_buf_done) struct hw_buf line = {0};
            hw_buf_add_char(&line, '{');
            yyjson_arr_foreach(row, column, column_max, value) {
                const char *name = hw_json_str(yyjson_arr_get(columns, column), "name");
                if (column)
                    hw_buf_add_char(&line, ',');
                hw_buf_add_json_str(&line, name ? name : "", name ? strlen(name) : 0);
                hw_buf_add_char(&line, ':');
                if (hw_json_write_val(value, &line) < 0)
                    hw_buf_add_str(&line, "null");
            }
            hw_buf_add_char(&line, '}');
            fprintf(to, "%s%s%s", format == OUTPUT_JSON && index ? "," : "", format == OUTPUT_JSON ? "\n" : "",
                    hw_buf_str(&line));
            if (format == OUTPUT_JSONL)
                fputc('\n', to);
        }
        if (format == OUTPUT_JSON)
            fputs("\n]\n", to);
        return;
    }
    static char paths[MAX_COLUMNS][24];
    struct output_column out[MAX_COLUMNS + 1] = {0};
    size_t count = 0;
    yyjson_arr_foreach(columns, column, column_max, value) {
        if (count == MAX_COLUMNS)
            break;
        snprintf(paths[count], sizeof paths[0], "%zu", count);
        out[count] = (struct output_column){hw_json_str(value, "name"), paths[count]};
        if (!out[count].title)
            out[count].title = "?";
        count++;
    }
    output_items(to, format, rows, out, "(no rows)");
}
