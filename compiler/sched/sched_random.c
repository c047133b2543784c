/* sched_random.c: random legal schedules, for the tests.
 *
 * In: facts of a kernel, a target, a seed.  Out: one legal schedule, and the seed advanced.  Every field is drawn in some of them; which are worth having
 * the model asks, not this.
 */
#include "sched_forms.h"
#include "sched_scatter.h"

static uint32_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

static int pick(uint64_t *seed, int n) { return (int)(next(seed) % (uint32_t)n); }

static Sched draw(const SchedFacts *f, const Target *t, uint64_t *seed)
{
    static const int lanes[] = {1, 2, 4, 5, 8, 12, 16, 32, 64, 96, 128, 224, 256};
    Sched s = sched_default();
    bool host = t->kind == TGT_HOST;
    s.align = pick(seed, 3);
    s.vec = s.align == ALIGN_SCALAR ? 1 : host ? 16 : 1 << pick(seed, 4);
    s.per = 1 + pick(seed, 4);
    s.lanes = host ? 1 : lanes[pick(seed, (int)(sizeof lanes / sizeof *lanes))];
    s.rows = host ? 1 : 1 << pick(seed, 4);
    s.keep = pick(seed, 3);
    s.len = pick(seed, 3);
    s.n = s.len == LEN_EXACT ? s.lanes * s.vec * s.per - s.vec * pick(seed, 2) * pick(seed, s.lanes) : 0;
    s.grid = f->accs || pick(seed, 2) ? GRID_PERSISTENT : GRID_ONESHOT;
    s.acc = f->accs ? pick(seed, 2) : 0;
    s.ctas = s.grid == GRID_PERSISTENT ? 1 + pick(seed, 2) : 0;
    s.async = s.grid == GRID_PERSISTENT ? pick(seed, 2) : 0;
    s.stages = s.async ? 2 + pick(seed, 3) : host && s.grid == GRID_PERSISTENT && s.len == LEN_ANY && f->walks > 1 ? 1 + pick(seed, 2) : 1;
    if (s.grid == GRID_ONESHOT && !host && pick(seed, 3) == 0) {          /* a cluster; or rows in shared memory, walked in a loop */
        s.cluster = (t->features & TGT_F_CLUSTER) && pick(seed, 2) ? 2 << pick(seed, 4) : 1;
        s.rows = s.cluster > 1 && pick(seed, 2) ? 1 : s.rows;
        s.n *= s.cluster;
        s.async = s.keep == KEEP_SMEM && (t->features & TGT_F_CPASYNC) ? pick(seed, 2) : 0;
        s.unroll = s.keep == KEEP_SMEM ? s.per % 2 ? 1 : 1 + pick(seed, 2) : 0;
    }
    s.wkeep = pick(seed, 3);
    s.split = (f->parts || !f->reductions) && !f->accs ? pick(seed, 2) : 0;
    s.hint = pick(seed, s.wkeep == WKEEP_SMEM && s.grid == GRID_ONESHOT ? 4 : 3);
    s.pdl = (t->features & TGT_F_PDL) ? pick(seed, 2) : 0;
    return s;
}

static Sched if_legal(const SchedFacts *f, const Target *t, Sched c, Sched s) { return sched_illegal(f, &c, t) ? s : c; }

/* Many vectors a lane. */
static Sched stretched(Sched s, uint64_t *seed)
{
    int more = 2 + pick(seed, 4);
    s.per *= more;
    s.n *= more;
    s.unroll *= pick(seed, 2) ? more : 1;
    return s;
}

/* A third of the persistent ones in clusters of blocks, half of those a row ahead, a third of the persistent ones with few turns, or fewer for late blocks, half
 * of the others with rows that are dealt, a quarter with operands as the arithmetic has them, half of rows that begin anywhere in lines, half of those under
 * conditions early, most of the one-shot ones with several rows together, a quarter one after the other, a quarter of all with many vectors a lane, half for both
 * sides of a condition and with the nest before, a third along another coordinate or for two nests, half asking for rows ahead, or their first KB, where that is
 * legal. */
static Sched vary(const SchedFacts *f, const Target *t, Sched s, uint64_t seed)
{
    bool persistent = s.grid == GRID_PERSISTENT;
    Sched c = s;
    if (persistent && pick(&seed, 3) == 0) {
        c.cluster = 2 << pick(&seed, 4);
        c.n *= c.cluster;
        s = if_legal(f, t, c, s);
    }
    c = s;
    c.line = 1;
    s = s.align != ALIGN_SHIFT || pick(&seed, 2) ? s : if_legal(f, t, c, s);
    c = s;
    c.eager = f->asks && !persistent && (s.len != LEN_ANY || s.split) ? pick(&seed, s.per + 1) : 0;
    s = pick(&seed, 2) ? s : if_legal(f, t, c, s);
    c = s;
    c.batch = 1 + pick(&seed, 3);
    s = persistent ? s : if_legal(f, t, c, s);
    c = s;
    c.lag = pick(&seed, 100);
    c.ctas = 1;
    s = persistent || pick(&seed, 4) ? s : if_legal(f, t, c, s);
    c = s;
    c.skew = 1;
    c.keep = KEEP_SMEM;
    c.async = ASYNC_CP;
    c.stages = s.stages < 3 ? 3 : s.stages;
    s = pick(&seed, 2) ? s : if_legal(f, t, c, s);
    c = s;
    c.turns = 1 + pick(&seed, 3);
    c.late = s.rows == 1 && s.ctas ? pick(&seed, c.turns) : 0;
    s = persistent && pick(&seed, 3) == 0 ? if_legal(f, t, c, s) : s;
    c = s;
    c.deal = 1;
    s = pick(&seed, 2) ? s : if_legal(f, t, c, s);
    c = s;
    c.wkeep = WKEEP_WIDE;
    s = persistent && pick(&seed, 4) == 0 ? if_legal(f, t, c, s) : s;
    c = stretched(s, &seed);
    s = pick(&seed, 4) || c.n > 1 << 15 ? s : if_legal(f, t, c, s);
    c = s;
    c.aside = 32 << pick(&seed, 3);
    s = pick(&seed, 2) ? s : if_legal(f, t, c, s);
    c = s;
    c.sides = 1;
    s = pick(&seed, 2) ? s : if_legal(f, t, c, s);
    c = s;
    c.inner = f->inner;
    s = pick(&seed, 3) ? s : if_legal(f, t, c, s);
    c = s;
    c.join = f->twin;
    s = pick(&seed, 3) ? s : if_legal(f, t, c, s);
    c = s;
    c.ask = persistent ? 1 + pick(&seed, 3) : s.batch;
    c.asked = pick(&seed, 2);
    s = pick(&seed, 2) ? s : if_legal(f, t, c, s);
    c = s;
    c.next = 1 + pick(&seed, 2);
    c.ctas = s.ctas ? s.ctas : 1;
    return pick(&seed, 3) ? s : if_legal(f, t, c, s);
}

Sched sched_random(const SchedFacts *f, const Target *t, uint64_t *seed)
{
    if (f->scatter)
        return sched_scatter_random(f, t, seed);
    for (int i = 0; i < 10000 && !(f->scalars && t->kind != TGT_HOST); i++) {
        Sched s = draw(f, t, seed);
        if (!sched_illegal(f, &s, t))
            return vary(f, t, s, *seed);
    }
    if (f->scalars && t->kind != TGT_HOST)
        return sched_scalars();
    Sched s = sched_always(f, 1, ALIGN_SCALAR);
    s.lanes = t->kind == TGT_HOST ? 1 : 32;
    return s;
}
