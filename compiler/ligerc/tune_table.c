/* tune_table.c: from measurements to a table of schedules, see tune_table.h.
 *
 * Measurements of one kernel, binding and row length are a group; within it a point is a case: its size and what each schedule took.
 * Points in order of size are cut into as few buckets as can be such that one schedule is within SLACK of the best at every point of its
 * bucket.  A bucket ends at the geometric mean of the sizes on both sides.  Where a variant that is not of this length alone is the best, the
 * bucket gets no entry: an entry would go before it, or be taken for other lengths.  Where the model has a variant of this length alone, which goes
 * before those of others, they count as what that took.
 */
#include "tune_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLACK 0.005
enum { MAX_POINTS = 64, MAX_SCHEDULES = 1024 };

/* n: the row length; 0 on the host, whose forms serve every length. */
typedef struct Item { const char *key; const TuneRow *r; int64_t n; } Item;

typedef struct Group {
    const char *key;                               /* "sm_90a rms_norm.forward 0 T=bf16,W=bf16" */
    int64_t n;
    const char *point[MAX_POINTS]; int64_t instances[MAX_POINTS], elements[MAX_POINTS]; double copy[MAX_POINTS], best[MAX_POINTS], ahead[MAX_POINTS]; uint32_t npoints;   /* ahead: the model's, where it is of this length alone */
    const char *schedule[MAX_SCHEDULES]; bool own[MAX_SCHEDULES]; uint32_t nschedules;
    double (*us)[MAX_POINTS];                      /* by schedule; 0: not measured */
} Group;

/* "T=bf16,W=bf16" of a case's text: names whose value is an element type, in order. */
static const char *types_in(const char *text, Arena *a)
{
    static const char *const names[] = {"bf16", "f16", "f32"};
    const char *out = NULL;
    for (const char *p = strchr(text, ':'); p && p[1];) {
        size_t n = strcspn(p + 1, ","), eq = strcspn(p + 1, "=");
        for (int i = 0; i < 3; i++)
            if (eq < n && n - eq - 1 == strlen(names[i]) && !strncmp(p + 2 + eq, names[i], n - eq - 1))
                out = arena_strf(a, "%s%s%.*s", out ? out : "", out ? "," : "", (int)n, p + 1);
        p = p[1 + n] ? p + 1 + n : NULL;
    }
    return out ? out : "-";
}

static const char *key_of(const TuneRow *r, const char *target, Arena *a)
{
    target = target ? target : *r->target ? r->target : "sm_90a";
    return arena_strf(a, "%s %.*s %u %s", target, (int)strcspn(r->text, ":"), r->text, (unsigned)r->nest, types_in(r->text, a));
}

static int64_t elements_of(const TuneRow *r) { return r->instances * r->n; }

/* "sm_90a rms_norm.forward 0 T=bf16,W=bf16 8192:" */
static const char *head_of(const char *key, int64_t n, Arena *a) { return n ? arena_strf(a, "%s %lld:", key, (long long)n) : arena_strf(a, "%s any:", key); }

static int by_place(const void *a, const void *b)
{
    const Item *x = a, *y = b;
    int c = strcmp(x->key, y->key);
    if (!c)
        c = (x->n > y->n) - (x->n < y->n);
    if (!c)
        c = (elements_of(x->r) > elements_of(y->r)) - (elements_of(x->r) < elements_of(y->r));
    return c ? c : strcmp(x->r->text, y->r->text);
}

static uint32_t point_of(Group *g, const TuneRow *r)
{
    uint32_t i = 0;
    while (i < g->npoints && strcmp(g->point[i], r->text))
        i++;
    if (i == g->npoints && i < MAX_POINTS) {
        g->point[i] = r->text;
        g->instances[i] = r->instances;
        g->elements[i] = elements_of(r);
        g->npoints++;
    }
    return i;
}

/* A schedule's place; of the text only how, not for what sizes. MAX_SCHEDULES: no schedule, or one too many. */
static uint32_t schedule_of(Group *g, const TuneRow *r, Arena *a)
{
    Sched s;
    Buf b = {0};
    uint32_t i = 0;
    bool ok = sched_parse(r->schedule, &s, &b);
    buf_free(&b);
    if (!ok)
        return MAX_SCHEDULES;
    s.least = s.most = 0;
    sched_print(&b, &s);
    const char *text = arena_strf(a, "%s", b.p ? b.p : "");
    buf_free(&b);
    while (i < g->nschedules && strcmp(g->schedule[i], text))
        i++;
    if (i == g->nschedules && i < MAX_SCHEDULES) {
        g->schedule[i] = text;
        g->own[i] = g->n ? s.len == LEN_EXACT && s.n == g->n : s.len == LEN_ANY;
        g->nschedules++;
    }
    return i;
}

static void take(Group *g, const TuneRow *r, Arena *a)
{
    uint32_t p = point_of(g, r), s = schedule_of(g, r, a);
    if (p >= MAX_POINTS || s >= MAX_SCHEDULES)
        return;
    if (!g->us[s][p] || r->us < g->us[s][p])
        g->us[s][p] = r->us;
    if (r->model && g->own[s])
        g->ahead[p] = g->us[s][p];
    g->copy[p] = r->copy;
}

/* What of each point's schedules counts, and the best of that. */
static void count(Group *g)
{
    for (uint32_t s = 0; s < g->nschedules; s++)
        for (uint32_t p = 0; p < g->npoints; p++) {
            double *us = &g->us[s][p];
            if (*us > 0 && !g->own[s] && g->ahead[p] > 0)
                *us = g->ahead[p];
            if (*us > 0 && (!g->best[p] || *us < g->best[p]))
                g->best[p] = *us;
        }
}

/* How much longer than the best schedule s takes at the worst of these points; huge where it was not measured. */
static double worst_of(const Group *g, uint32_t s, uint32_t from, uint32_t to)
{
    double worst = 0;
    for (uint32_t p = from; p < to; p++) {
        double r = g->us[s][p] > 0 ? g->us[s][p] / g->best[p] - 1 : 1e9;
        worst = r > worst ? r : worst;
    }
    return worst;
}

static double mean_of(const Group *g, uint32_t s, uint32_t from, uint32_t to)
{
    double sum = 0;
    for (uint32_t p = from; p < to; p++)
        sum += g->us[s][p] > 0 ? g->us[s][p] / g->best[p] - 1 : 1e9;
    return sum / (to - from);
}

/* The schedule of a bucket: of this length where one is as good as any, MAX_SCHEDULES when nothing was measured. */
static uint32_t choose(const Group *g, uint32_t from, uint32_t to)
{
    uint32_t best = MAX_SCHEDULES;
    double least = 0;
    for (uint32_t s = 0; s < g->nschedules; s++) {
        double m = mean_of(g, s, from, to) + (g->own[s] ? 0 : SLACK);
        if (m < 1e8 && (best == MAX_SCHEDULES || m < least)) {
            best = s;
            least = m;
        }
    }
    return best;
}

static bool one_serves(const Group *g, uint32_t from, uint32_t to)
{
    for (uint32_t s = 0; s < g->nschedules; s++)
        if (worst_of(g, s, from, to) <= SLACK)
            return true;
    return false;
}

/* The end of the bucket that begins at `from`: points of one size stay together. */
static uint32_t bucket_end(const Group *g, uint32_t from)
{
    uint32_t to = from + 1;
    while (to < g->npoints && (g->elements[to] == g->elements[to - 1] || one_serves(g, from, to + 1)))
        to++;
    return to;
}

/* In units of 1024 elements, between the points on both sides of `at`. */
static int32_t boundary(const Group *g, uint32_t at)
{
    double k = sqrt((double)g->elements[at - 1] * (double)g->elements[at]) / 1024;
    return k < 1 ? 1 : k > 1 << 30 ? 1 << 30 : (int32_t)k;
}

static void put_measured(const Group *g, uint32_t s, uint32_t from, uint32_t to, Buf *out)
{
    const char *sep = "   # ";
    for (uint32_t p = from; p < to; p++, sep = "; ") {
        buf_puts(out, sep);
        if (to - from > 1 && g->instances[p])
            buf_printf(out, "%lld x %lld ", (long long)g->instances[p], (long long)(g->elements[p] / g->instances[p]));
        buf_printf(out, "%.2f us, copy %.2f us", g->us[s][p], g->copy[p]);
    }
    buf_puts(out, "\n");
}

static void put_group(const Group *g, Arena *a, Buf *out)
{
    int32_t least = 0;
    for (uint32_t from = 0, to; from < g->npoints; from = to) {
        to = bucket_end(g, from);
        uint32_t pick = choose(g, from, to);
        int32_t most = to < g->npoints ? boundary(g, to) : 0;
        Sched s;
        Buf none = {0};
        if (pick == MAX_SCHEDULES || !g->own[pick] || !sched_parse(g->schedule[pick], &s, &none)) {
            if (pick != MAX_SCHEDULES)
                buf_printf(out, "# %s the best serves other lengths too, and is left to the model: %s", head_of(g->key, g->n, a), g->schedule[pick]);
            if (pick != MAX_SCHEDULES)
                put_measured(g, pick, from, to, out);
            least = most ? most + 1 : 0;
            continue;
        }
        s.least = least;
        s.most = most;
        buf_printf(out, "%s ", head_of(g->key, g->n, a));
        sched_print(out, &s);
        put_measured(g, pick, from, to, out);
        least = 0;
    }
}

/* ---- entries from before ---- */

static bool has_group(const Item *it, uint32_t n, const char *line, Arena *a)
{
    for (uint32_t i = 0; i < n; i++) {
        const char *head = head_of(it[i].key, it[i].n, a);
        if (!strncmp(line, head, strlen(head)) || (line[0] == '#' && line[1] == ' ' && !strncmp(line + 2, head, strlen(head))))
            return true;
    }
    return false;
}

static bool is_entry(const char *line) { return strncmp(line, "# Measured", 10) && strchr(line, ':'); }

typedef struct Line { const char *text; uint32_t nth; } Line;

/* By kernel and types, then by length; those of one length as they come. */
static int by_line(const void *a, const void *b)
{
    const char *x = ((const Line *)a)->text, *y = ((const Line *)b)->text;
    x += 2 * (*x == '#');
    y += 2 * (*y == '#');
    size_t kx = strcspn(x, ":"), ky = strcspn(y, ":");
    while (kx && x[kx - 1] != ' ')
        kx--;
    while (ky && y[ky - 1] != ' ')
        ky--;
    int c = strncmp(x, y, kx < ky ? kx : ky);
    if (!c && kx != ky)
        c = kx < ky ? -1 : 1;
    long nx = strtol(x + kx, NULL, 10), ny = strtol(y + ky, NULL, 10);
    if (!c)
        c = (nx > ny) - (nx < ny);
    return c ? c : (((const Line *)a)->nth > ((const Line *)b)->nth) - (((const Line *)a)->nth < ((const Line *)b)->nth);
}

typedef struct Lines { Line *l; uint32_t n, cap; } Lines;

static void add_lines(Lines *all, const char *text, const Item *it, uint32_t n, Arena *a)
{
    for (const char *p = text; p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
        const char *line = arena_strn(a, p, strcspn(p, "\n"));
        if (is_entry(line) && !has_group(it, n, line, a)) {
            Line *l = ARENA_PUSH(a, all->l, all->n, all->cap);
            *l = (Line){line, all->n};
        }
    }
}

/* ---- the whole ---- */

static bool measured(const TuneRow *r) { return !strcmp(r->fate, "ok") && r->us > 0; }

/* Items from `at` on that are of one group; its text goes to out. */
static uint32_t group(const Item *it, uint32_t n, uint32_t at, Arena *a, Buf *out)
{
    Group *g = ARENA_NEW(a, Group);
    uint32_t i = at;
    g->key = it[at].key;
    g->n = it[at].n;
    g->us = arena_alloc(a, sizeof *g->us * MAX_SCHEDULES);
    for (; i < n && !strcmp(it[i].key, g->key) && it[i].n == g->n; i++)
        take(g, it[i].r, a);
    count(g);
    put_group(g, a, out);
    return i;
}

void tune_table(const TuneRows *rows, const char *target, const char *old, Arena *a, Buf *out)
{
    Item *it = ARENA_ARRAY(a, Item, rows->n + 1);
    Lines all = {0};
    Buf fresh = {0};
    uint32_t n = 0;
    for (uint32_t i = 0; i < rows->n; i++)
        if (measured(&rows->r[i])) {
            const char *key = key_of(&rows->r[i], target, a);
            it[n++] = (Item){key, &rows->r[i], strncmp(key, "host ", 5) ? rows->r[i].n : 0};
        }
    qsort(it, n, sizeof *it, by_place);
    for (uint32_t i = 0; i < n;)
        i = group(it, n, i, a, &fresh);
    add_lines(&all, old, it, n, a);
    add_lines(&all, fresh.p, it, 0, a);
    buf_free(&fresh);
    if (all.n)
        qsort(all.l, all.n, sizeof *all.l, by_line);
    buf_puts(out, "# Measured schedules; form: compiler/sched/sched_tuned.c. Made by `ligerc tune` from what lgr_tune measured.\n");
    for (uint32_t i = 0; i < all.n; i++)
        buf_printf(out, "%s\n", all.l[i].text);
}
