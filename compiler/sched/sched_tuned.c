/* sched_tuned.c: tables of measured schedules.
 *
 * A table is text, a line an entry: `TARGET OP.KERNEL NEST TYPES N: SCHEDULE   # what was measured`.  NEST counts the kernel's par
 * nests, TYPES is what its types are bound to ("T=bf16,W=bf16", - for none), N the row length, which the schedule names too; `any` on the host.  Lines
 * that begin with # are remarks.  Several entries of one length differ in the sizes of a launch that they hold for (least= and most= of
 * the schedule): the one of the fewest sizes comes first, whatever the order of the lines; of two alike, the one that stands first.
 */
#include "sched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many sizes it holds for, as a number to compare. */
static int64_t sizes(const Sched *s) { return (s->most ? s->most : (int64_t)1 << 40) - s->least; }

/* Before the first of its length that holds for more sizes, else behind all. */
static void place(SchedList *out, uint32_t from, Arena *a, Sched s)
{
    uint32_t at = from;
    while (at < out->n && !(out->s[at].len == s.len && out->s[at].n == s.n && sizes(&out->s[at]) > sizes(&s)))
        at++;
    *ARENA_PUSH(a, out->s, out->n, out->cap) = s;
    for (uint32_t i = out->n - 1; i > at; i--)
        out->s[i] = out->s[i - 1];
    out->s[at] = s;
}

/* A schedule that keeps rows for a second walk was measured with options that have one, or that take as long over the first. */
static bool suits(const SchedFacts *f, const Sched *s, const Target *t) { return !sched_illegal(f, s, t) && !(s->unroll && f->phases < 2 && !f->lses); }

static const char *key_text(const SchedKey *k, Arena *a) { return arena_strf(a, "%s %s %u %s ", k->target, k->kernel, (unsigned)k->nest, k->types); }
static const char *next_line(const char *p) { return p += strcspn(p, "\n"), p + (*p == '\n'); }

/* ---- a table as a whole ---- */

/* One line: its words before the colon, and where its schedule begins. */
typedef struct Entry { char target[32], kernel[96], types[96], n[16]; unsigned nest; const char *schedule; } Entry;

static bool take_words(const char *line, Arena *a, Entry *e)
{
    size_t head = strcspn(line, ":#\n");
    int end = 0;
    if (line[head] != ':')
        return false;
    const char *words = arena_strn(a, line, head);
    if (sscanf(words, "%31s %95s %3u %95s %15s%n", e->target, e->kernel, &e->nest, e->types, e->n, &end) != 5 || words[end] || !strchr(e->kernel, '.'))
        return false;
    e->schedule = line + head + 1;
    return !strcmp(e->n, "any") || !e->n[strspn(e->n, "0123456789")];
}

static void tell(Diag *d, uint32_t file, const char *table, const char *from, size_t n, const char *what)
{
    uint32_t at = (uint32_t)(from - table);
    diag_report(d, DIAG_ERROR, LG_TUNED, (Span){file, at, at + (uint32_t)n}, "%s", what);
}

static void check_schedule(const Entry *e, uint32_t file, const char *table, Diag *d)
{
    const char *from = e->schedule + strspn(e->schedule, " ");
    size_t n = strcspn(from, "#\n");
    Sched s;
    Buf why = {0};
    while (n && from[n - 1] == ' ')
        n--;
    if (!sched_parse(arena_strn(d->arena, from, n), &s, &why))
        tell(d, file, table, from, n, arena_strf(d->arena, "%s", why.p));
    else if (s.len == LEN_EXACT ? strtol(e->n, NULL, 10) != s.n : strcmp(e->n, "any") != 0)
        tell(d, file, table, from, n, s.len == LEN_EXACT ? arena_strf(d->arena, "an entry of rows of %s whose schedule is for %d", e->n, (int)s.n)
                                                         : arena_strf(d->arena, "an entry of rows of %s whose schedule is for any", e->n));
    buf_free(&why);
}

bool sched_tuned_read(const char *table, uint32_t file, Diag *d)
{
    uint32_t before = d->nerrors;
    for (const char *p = table; *p; p = next_line(p)) {
        Entry e;
        if (*p == '#' || !p[strspn(p, " \t\r")] || p[strspn(p, " \t\r")] == '\n')
            continue;
        if (!take_words(p, d->arena, &e))
            tell(d, file, table, p, strcspn(p, "\n"), "wanted TARGET OP.KERNEL NEST TYPES N: SCHEDULE, or a remark that begins with #");
        else if (!target_find(e.target))
            tell(d, file, table, p, strlen(e.target), arena_strf(d->arena, "no target is called %s", e.target));
        else
            check_schedule(&e, file, table, d);
    }
    return d->nerrors == before;
}

/* ---- entries of one kernel ---- */

/* Is the line at p an entry of this key, with a schedule that can be read? */
static bool read_entry(const char *p, const char *key, Arena *a, Sched *s)
{
    const char *schedule = strncmp(p, key, strlen(key)) ? NULL : strpbrk(p, ":\n");
    Buf why = {0};
    bool is = schedule && *schedule == ':' && sched_parse(arena_strn(a, schedule + 1, strcspn(schedule + 1, "#\n")), s, &why);
    buf_free(&why);
    return is;
}

void sched_tuned(const char *table, const SchedKey *k, const SchedFacts *f, const Target *t, Arena *a, SchedList *out)
{
    const char *key = key_text(k, a);
    uint32_t from = out->n;
    Sched s;
    for (const char *p = table; p && *p; p = next_line(p))
        if (read_entry(p, key, a, &s) && suits(f, &s, t))
            place(out, from, a, s);
}

const char *sched_tuned_entry(const char *table, const SchedKey *k, const Sched *s, Arena *a)
{
    const char *key = key_text(k, a);
    Sched one;
    for (const char *p = table; p && *p; p = next_line(p))
        if (read_entry(p, key, a, &one) && !memcmp(&one, s, sizeof one))
            return p;
    return NULL;
}
