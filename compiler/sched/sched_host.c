/* sched_host.c: schedules for the host: forms that serve every length; which one is cheapest the model does not know. */
#include "sched_forms.h"

enum { HOST_BLOCKS = 256 };      /* many for each thread, which take them as they are done */

static void add_if_legal(const SchedFacts *f, const Target *t, Arena *a, SchedList *out, Sched s)
{
    if (!sched_illegal(f, &s, t))
        *ARENA_PUSH(a, out->s, out->n, out->cap) = s;
}

/* Long rows and many: loads ahead of the work, and where rows are walked more than once two of them in step. */
static Sched host_stream(const SchedFacts *f, Sched s)
{
    s.hint = HINT_STREAM;
    s.per = f->row_loads > 1 ? 4 : 8;
    if (f->walks > 1) {
        s.grid = GRID_PERSISTENT;
        s.stages = 2;
        s.per = 4;
        s.ctas = HOST_BLOCKS;
    }
    return s;
}

/* Streamed stores go past the caches by lines, which a vector of 16-bit elements ought to fill: a fifth of swiglu. */
static Sched whole_lines(const SchedFacts *f, Sched s)
{
    if (f->max_elem_bytes == 2) {
        s.vec *= 2;
        s.per /= 2;
    }
    return s;
}

void sched_host_choose(const SchedFacts *f, const Target *t, Arena *a, SchedList *out)
{
    for (int form = 0; form < 3; form++) {
        Sched s = sched_always(f, form == 2 ? 1 : 16, form == 2 ? ALIGN_SCALAR : ALIGN_VEC);
        s.lanes = 1;
        s.ctas = f->accs ? HOST_BLOCKS : 0;
        add_if_legal(f, t, a, out, form ? s : whole_lines(f, host_stream(f, s)));
    }
}

void sched_host_candidates(const SchedFacts *f, const Target *t, uint32_t most, Arena *a, SchedList *out)
{
    static const int8_t vecs[] = {16, 32, 8, 4}, pers[] = {2, 4, 1, 8};
    uint32_t from = out->n;
    for (int i = 0; i < 16; i++)
        for (int hint = HINT_NONE; hint <= HINT_STREAM; hint++) {
            Sched s = sched_always(f, vecs[i / 4], ALIGN_VEC);
            s.lanes = 1;
            s.per = pers[i % 4];
            s.ctas = f->accs ? HOST_BLOCKS : 0;
            s = hint == HINT_STREAM ? host_stream(f, s) : s;
            s.per = pers[i % 4];
            if (out->n - from < most)
                add_if_legal(f, t, a, out, s);
        }
}
