/* sched_scatter.c: schedules of sums through an index.
 *
 * Nearly all of the time goes into writing places, most of which nobody names: a block clears `run` of them, enough bytes that starting it
 * and asking which are named does not show.
 */
#include "sched_scatter.h"

#include <string.h>

enum { BLOCK_BYTES = 16384, BLOCK_LANES = 256, LEAST_LANES = 128, MOST_GROUPS = 8, MP_LANES = 1024, WARM_MB = 16, BIN_WARM_MB = 18, BIN_LANES = 512,
       BIN_LEAST = 16384 /* instances */, BIN_ROW_BYTES = 1024 /* of longer rows, those that overfull bins leave in the workspace are many bytes */ };

/* Copies of 4, 8 or 16 bytes, of one row an instance. */
static bool ring_illegal(const SchedFacts *f, const Sched *s)
{
    int own = 0, bytes = 0;
    for (uint32_t i = 0; i < f->shared.nload; i++)
        if (f->shared.load[i].inst) {
            own++;
            bytes = f->shared.load[i].bytes * s->vec;
        }
    return own != 1 || (bytes != 4 && bytes != 8 && bytes != 16);
}

static bool bins_illegal(const SchedFacts *f, const Sched *s, const Target *t)
{
    int lanes = s->rows * s->lanes;
    if (s->stages > 1 && ring_illegal(f, s))
        return true;
    return t->kind == TGT_HOST || s->len == LEN_ANY || s->split || lanes % 128 || s->stages > 2;
}

const char *sched_scatter_illegal(const SchedFacts *f, const Sched *s, const Target *t)
{
    if (!f->scatter)
        return s->bins ? "bins are of a sum through an index" : s->run > 1 ? "run counts places of a sum through an index" : s->warm ? "warm is of a sum through an index" : NULL;
    if (s->warm && !s->pdl)
        return "rows are asked for ahead of their order under pdl alone";
    if ((s->rows > MOST_GROUPS && !s->bins) || s->rows & (s->rows - 1) || s->run & (s->run - 1))
        return "a sum through an index wants up to eight groups of lanes, of a power of two of places, in a block";
    if (s->cluster > 1 || s->grid != GRID_ONESHOT || s->async != ASYNC_NONE || s->keep != KEEP_REG || s->wkeep != WKEEP_LOAD || s->unroll || s->join || s->inner)
        return "a sum through an index wants one-shot blocks, and plain loads";
    if (s->bins && bins_illegal(f, s, t))
        return "bins want whole rows in the lanes of a GPU's blocks, of a multiple of 128 lanes, and one or two stages";
    return NULL;
}

static void add(const SchedFacts *f, const Target *t, Arena *a, SchedList *out, Sched s)
{
    if (!sched_illegal(f, &s, t))
        *ARENA_PUSH(a, out->s, out->n, out->cap) = s;
}

/* Places that fill a block. */
static int run_of(const SchedFacts *f, int64_t columns)
{
    int64_t bytes = columns * (f->row_bytes_out ? f->row_bytes_out : 1), run = 64;
    while (run > 4 && run * bytes > BLOCK_BYTES)
        run /= 2;
    return (int)run;
}

static Sched tiles(const SchedFacts *f, const Target *t, SchedAlign align)
{
    Sched s = sched_default();
    s.align = align;
    s.vec = align == ALIGN_SCALAR ? 1 : 16 / f->min_elem_bytes;
    s.lanes = BLOCK_LANES;
    s.per = align == ALIGN_SCALAR ? 4 : 2;
    s.split = 1;
    s.run = 8;
    s.pdl = (t->features & TGT_F_PDL) != 0;
    s.warm = s.pdl && align == ALIGN_VEC ? WARM_MB : 0;
    s.hint = align == ALIGN_VEC ? HINT_STREAM : HINT_NONE;
    return s;
}

/* Rows of up to n elements, a vector a lane: several groups of few lanes in a block. */
static Sched held(const SchedFacts *f, const Target *t, int64_t n)
{
    Sched s = tiles(f, t, ALIGN_VEC);
    s.split = 0;
    s.len = LEN_CAP;
    s.per = 1;
    s.lanes = (int)(n / s.vec);
    while (s.rows < MOST_GROUPS && s.rows * s.lanes < LEAST_LANES)
        s.rows *= 2;
    s.run = run_of(f, n * s.rows);
    s.ctas = MP_LANES / (s.rows * s.lanes);
    return s;
}

/* The same of many instances, dealt into bins: a block has as many lanes as order its bin soon. Rows come as copies, which leave in the second-level
 * cache what was asked for ahead. */
static Sched binned(const SchedFacts *f, const Target *t, int64_t n)
{
    Sched s = held(f, t, n);
    s.rows = BIN_LANES / s.lanes;
    s.ctas = MP_LANES / BIN_LANES;
    s.bins = t->mps * s.ctas;
    s.run = 1;
    s.least = (int)(BIN_LEAST * n / 1024);
    s.warm = s.warm ? BIN_WARM_MB : 0;
    s.stages = s.warm ? 2 : 1;
    if (sched_illegal(f, &s, t))
        s.stages = 1;
    return s;
}

static void choose_host(const SchedFacts *f, const Target *t, Arena *a, SchedList *out)
{
    for (int form = 0; form < 3; form++) {
        Sched s = sched_default();
        s.align = form == 2 ? ALIGN_SCALAR : ALIGN_VEC;
        s.vec = form == 2 ? 1 : 16;
        s.per = 4;
        s.lanes = 1;
        s.run = 16;
        s.hint = form == 0 ? HINT_STREAM : HINT_NONE;
        add(f, t, a, out, s);
    }
}

void sched_scatter_choose(const SchedFacts *f, const Target *t, Arena *a, SchedList *out)
{
    if (t->kind == TGT_HOST) {
        choose_host(f, t, a, out);
        return;
    }
    int64_t least = 8 * (16 / f->min_elem_bytes), most = BLOCK_LANES * (16 / f->min_elem_bytes);
    for (int64_t n = least; n <= most && n * f->min_elem_bytes <= BIN_ROW_BYTES; n *= 2)
        add(f, t, a, out, binned(f, t, n));
    for (int64_t n = least; n <= most; n *= 2)
        add(f, t, a, out, held(f, t, n));
    add(f, t, a, out, tiles(f, t, ALIGN_VEC));
    add(f, t, a, out, tiles(f, t, ALIGN_SCALAR));
}

void sched_scatter_candidates(const SchedFacts *f, const Target *t, int64_t n, uint32_t most, Arena *a, SchedList *out)
{
    static const int lanes[] = {256, 128, 512}, runs[] = {8, 4, 16, 2, 32};
    Sched s = tiles(f, t, n % (16 / f->min_elem_bytes) ? ALIGN_SCALAR : ALIGN_VEC);
    s.len = LEN_EXACT;
    s.n = (int32_t)n;
    for (int r = 0; r < 5; r++)
        for (int l = 0; l < 3; l++)
            for (s.per = 1; s.per <= 4; s.per *= 2) {
                s.run = runs[r];
                s.lanes = lanes[l];
                if (out->n < most)
                    add(f, t, a, out, s);
            }
}

static int pick(uint64_t *seed, int n)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (int)((uint32_t)(*seed >> 33) % (uint32_t)n);
}

Sched sched_scatter_random(const SchedFacts *f, const Target *t, uint64_t *seed)
{
    static const int lanes[] = {32, 64, 96, 128, 256, 8, 16};
    for (int i = 0; i < 1000; i++) {
        Sched s = sched_default();
        bool host = t->kind == TGT_HOST;
        s.align = pick(seed, 2) ? ALIGN_VEC : ALIGN_SCALAR;
        s.vec = s.align == ALIGN_SCALAR ? 1 : host ? 16 : 1 << pick(seed, 4);
        s.per = 1 + pick(seed, 4);
        s.lanes = host ? 1 : lanes[pick(seed, 7)];
        s.rows = host ? 1 : 1 << pick(seed, 4);
        s.len = pick(seed, 3);
        s.n = s.len == LEN_EXACT ? s.lanes * s.vec * s.per - s.vec * pick(seed, 2) * pick(seed, s.lanes) : 0;
        s.split = s.len != LEN_CAP && pick(seed, 2);
        s.run = 1 << pick(seed, 5);
        s.hint = pick(seed, 2);
        s.pdl = (t->features & TGT_F_PDL) ? pick(seed, 2) : 0;
        s.warm = s.pdl * pick(seed, 2);
        s.bins = host || pick(seed, 2) ? 0 : 1 + pick(seed, pick(seed, 2) ? 8 : 512);
        s.rows = s.bins ? s.rows << pick(seed, 3) : s.rows;
        s.stages = s.bins ? 1 + pick(seed, 2) : 1;
        if (!sched_illegal(f, &s, t))
            return s;
    }
    Sched s = tiles(f, t, ALIGN_SCALAR);
    s.lanes = t->kind == TGT_HOST ? 1 : s.lanes;
    return s;
}
