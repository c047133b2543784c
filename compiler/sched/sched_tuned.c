/* sched_tuned.c: tables of measured schedules.
 *
 * A table is text, a line an entry: `TARGET OP.KERNEL NEST TYPES N: SCHEDULE   # what was measured`.  NEST counts the kernel's par
 * nests, TYPES is what its types are bound to ("T=bf16,W=bf16", - for none), N the row length, which the schedule names too.  Lines
 * that begin with # are remarks.
 */
#include "sched.h"

#include <string.h>

void sched_tuned(const char *table, const SchedKey *k, const SchedFacts *f, const Target *t, Arena *a, SchedList *out)
{
    const char *key = arena_strf(a, "%s %s %u %s ", k->target, k->kernel, (unsigned)k->nest, k->types);
    for (const char *p = table; p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
        const char *schedule = strncmp(p, key, strlen(key)) ? NULL : strpbrk(p, ":\n");
        Sched s;
        Buf why = {0};
        if (!schedule || *schedule != ':')
            continue;
        schedule++;
        if (sched_parse(arena_strn(a, schedule, strcspn(schedule, "#\n")), &s, &why) && !sched_illegal(f, &s, t))
            *ARENA_PUSH(a, out->s, out->n, out->cap) = s;
        buf_free(&why);
    }
}
