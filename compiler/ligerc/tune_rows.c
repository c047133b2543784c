/* tune_rows.c: the CSV of lgr_tune, see tune_table.h. Columns that a file of an earlier form lacks stay empty. */
#include "tune_table.h"

#include <stdlib.h>
#include <string.h>

/* X(id, name) */
#define COLUMNS(X)                                                                                                                   \
    X(TEXT, "case") X(VARIANT, "variant") X(US, "us") X(COPY, "copy_us") X(FATE, "fate") X(NEST, "nest") X(N, "n") X(TARGET, "target") \
    X(INSTANCES, "instances") X(MODEL, "model") X(SCHEDULE, "schedule")
enum {
#define X(id, name) COL_##id,
    COLUMNS(X)
#undef X
    COL_COUNT
};
static const char *const names[] = {
#define X(id, name) name,
    COLUMNS(X)
#undef X
};

enum { MAX_FIELDS = 32 };

/* Fields of one line, quotes taken off; the line's end is moved past. */
static uint32_t split(const char **line, Arena *a, const char **field)
{
    const char *p = *line;
    uint32_t n = 0;
    for (; *p && *p != '\n'; p += *p == ',') {
        bool quoted = *p == '"';
        p += quoted;
        size_t len = quoted ? strcspn(p, "\"\n") : strcspn(p, ",\n");
        if (n < MAX_FIELDS)
            field[n++] = arena_strn(a, p, len);
        p += len;
        p += quoted && *p == '"';
    }
    *line = p + (*p == '\n');
    return n;
}

static void find_columns(const char *const *field, uint32_t n, int *at)
{
    for (int c = 0; c < COL_COUNT; c++) {
        at[c] = -1;
        for (uint32_t i = 0; i < n; i++)
            if (!strcmp(field[i], names[c]))
                at[c] = (int)i;
    }
}

static const char *get(const char *const *field, uint32_t n, int at) { return at >= 0 && (uint32_t)at < n ? field[at] : ""; }

bool tune_rows_read(const char *text, Arena *a, TuneRows *out)
{
    const char *field[MAX_FIELDS];
    int at[COL_COUNT];
    find_columns(field, split(&text, a, field), at);
    if (at[COL_TEXT] < 0 || at[COL_US] < 0 || at[COL_FATE] < 0 || at[COL_SCHEDULE] < 0)
        return false;
    while (*text) {
        uint32_t n = split(&text, a, field);
        if (n <= (uint32_t)at[COL_SCHEDULE])
            continue;
#define F(id) get(field, n, at[COL_##id])
        *ARENA_PUSH(a, out->r, out->n, out->cap) = (TuneRow){.text = F(TEXT), .target = F(TARGET), .fate = F(FATE), .schedule = F(SCHEDULE), .variant = (uint32_t)atoi(F(VARIANT)),
            .nest = (uint32_t)atoi(F(NEST)), .n = atoll(F(N)), .instances = atoll(F(INSTANCES)), .us = atof(F(US)), .copy = atof(F(COPY)), .model = atoi(F(MODEL)) != 0};
#undef F
    }
    return true;
}
