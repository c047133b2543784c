/* sched_text.c: the schedule record and its one-line text. Fields at their default are left out; the order is sched.def's. */
#include "sched.h"

#include <stdlib.h>
#include <string.h>

typedef struct Field {
    const char *name;
    size_t off;
    const char *choices;   /* "a|b|c", NULL for a number */
    int32_t lo, hi, def;
} Field;

static const Field fields[] = {
#define E(field, text, list, def, doc) {text, offsetof(Sched, field), list, 0, 0, def},
#define N(field, text, lo, hi, def, doc) {text, offsetof(Sched, field), NULL, lo, hi, def},
#include "sched.def"
#undef E
#undef N
};
enum { NFIELDS = sizeof fields / sizeof *fields };

static int32_t *slot(Sched *s, const Field *f) { return (int32_t *)((char *)s + f->off); }
static int32_t value(const Sched *s, const Field *f) { return *(const int32_t *)((const char *)s + f->off); }

Sched sched_default(void)
{
    Sched s;
    for (int i = 0; i < NFIELDS; i++)
        *slot(&s, &fields[i]) = fields[i].def;
    return s;
}

Sched sched_aside(const Sched *of)
{
    Sched s = sched_default();
    s.len = LEN_CAP;
    s.align = ALIGN_SCALAR;
    s.vec = 1;
    s.wkeep = WKEEP_REG;            /* asked for before they are used */
    s.lanes = of->lanes;
    s.cluster = of->cluster;
    s.per = (of->aside + s.lanes * s.cluster - 1) / (s.lanes * s.cluster);
    return s;
}

/* The k-th of "a|b|c". */
static Str choice(const char *list, int k)
{
    while (k-- > 0)
        list = strchr(list, '|') + 1;
    return (Str){list, strcspn(list, "|")};
}

static int choice_index(const char *list, Str want)
{
    for (int k = 0;; k++) {
        Str c = choice(list, k);
        if (c.n == want.n && !memcmp(c.p, want.p, c.n))
            return k;
        if (!c.p[c.n])
            return -1;
    }
}

void sched_print(Buf *b, const Sched *s)
{
    const char *sep = "";
    for (int i = 0; i < NFIELDS; i++) {
        const Field *f = &fields[i];
        int32_t v = value(s, f);
        if (v == f->def)
            continue;
        if (f->choices) {
            Str c = choice(f->choices, v);
            buf_printf(b, "%s%s=%.*s", sep, f->name, (int)c.n, c.p);
        } else {
            buf_printf(b, "%s%s=%d", sep, f->name, (int)v);
        }
        sep = " ";
    }
    if (!*sep)
        buf_puts(b, "default");
}

static const Field *find_field(Str name)
{
    for (int i = 0; i < NFIELDS; i++)
        if (strlen(fields[i].name) == name.n && !memcmp(fields[i].name, name.p, name.n))
            return &fields[i];
    return NULL;
}

static bool parse_number(const Field *f, Str v, int32_t *out, Buf *err)
{
    char text[24];
    char *end;
    if (v.n == 0 || v.n >= sizeof text) {
        buf_printf(err, "%s wants a number", f->name);
        return false;
    }
    memcpy(text, v.p, v.n);
    text[v.n] = 0;
    long n = strtol(text, &end, 10);
    if (*end || n < f->lo || n > f->hi) {
        buf_printf(err, "%s=%s: wanted a number from %d to %d", f->name, text, (int)f->lo, (int)f->hi);
        return false;
    }
    *out = (int32_t)n;
    return true;
}

static bool parse_field(Str name, Str v, Sched *s, Buf *err)
{
    const Field *f = find_field(name);
    if (!f) {
        buf_printf(err, "no schedule field %.*s", (int)name.n, name.p);
        return false;
    }
    if (!f->choices)
        return parse_number(f, v, slot(s, f), err);
    int k = choice_index(f->choices, v);
    if (k < 0) {
        buf_printf(err, "%s=%.*s: wanted one of %s", f->name, (int)v.n, v.p, f->choices);
        return false;
    }
    *slot(s, f) = k;
    return true;
}

bool sched_parse(const char *text, Sched *out, Buf *err)
{
    *out = sched_default();
    if (!strcmp(text, "default"))
        return true;
    for (const char *p = text; *p;) {
        p += strspn(p, " \t\n");
        size_t n = strcspn(p, " \t\n");
        if (!n)
            break;
        const char *eq = memchr(p, '=', n);
        if (!eq) {
            buf_printf(err, "%.*s: wanted field=value", (int)n, p);
            return false;
        }
        Str name = {p, (size_t)(eq - p)}, v = {eq + 1, n - (size_t)(eq - p) - 1};
        if (!parse_field(name, v, out, err))
            return false;
        p += n;
    }
    return true;
}

bool sched_parse_list(const char *text, Arena *a, SchedList *out, Buf *err)
{
    *out = (SchedList){0};
    for (const char *p = text; p && *p;) {
        size_t n = strcspn(p, ";");
        Sched one;
        if (!sched_parse(arena_strn(a, p, n), &one, err))
            return false;
        *ARENA_PUSH(a, out->s, out->n, out->cap) = one;
        p += n + (p[n] == ';');
    }
    return true;
}
