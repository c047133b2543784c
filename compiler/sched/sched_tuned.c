/* sched_tuned.c: tables of measured schedules.
 *
 * A table is text, a line an entry: `TARGET OP.KERNEL NEST TYPES N: SCHEDULE   # what was measured`.  NEST counts the kernel's par
 * nests, TYPES is what its types are bound to ("T=bf16,W=bf16", - for none), N the row length, which the schedule names too; `any` on the host.  Lines
 * that begin with # are remarks.  Several entries of one length differ in the sizes of a launch that they hold for (least= and most= of
 * the schedule): the one of the fewest sizes comes first, whatever the order of the lines; of two alike, the one that stands first.
 */
#include "sched.h"

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
