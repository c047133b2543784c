/* sched_tuned.c: tables of measured schedules, and candidates to measure.
 *
 * A table is text, a line an entry: `TARGET OP.KERNEL NEST TYPES N: SCHEDULE   # what was measured`.  NEST counts the kernel's par
 * nests, TYPES is what its types are bound to ("T=bf16,W=bf16", - for none), N the row length.  Lines that begin with # are remarks.
 */
#include "sched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool line_is(const char *line, const SchedKey *k, const char **schedule)
{
    char target[32], kernel[128], types[128];
    unsigned nest;
    int at = 0;
    if (sscanf(line, "%31s %127s %u %127s %*d: %n", target, kernel, &nest, types, &at) != 4 || !at)
        return false;
    *schedule = line + at;
    return nest == k->nest && !strcmp(target, k->target) && !strcmp(kernel, k->kernel) && !strcmp(types, k->types);
}

void sched_tuned(const char *table, const SchedKey *k, const SchedFacts *f, const Target *t, Arena *a, SchedList *out)
{
    for (const char *p = table; p && *p;) {
        size_t n = strcspn(p, "\n");
        const char *line = arena_strn(a, p, n), *schedule;
        Sched s;
        if (*line != '#' && line_is(line, k, &schedule) && sched_parse(arena_strn(a, schedule, strcspn(schedule, "#")), &s, NULL) && !sched_illegal(f, &s, t))
            *ARENA_PUSH(a, out->s, out->n, out->cap) = s;
        p += n + (p[n] == '\n');
    }
}
