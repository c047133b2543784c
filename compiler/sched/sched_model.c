/* sched_model.c: which variants a kernel gets by the analytical model (sched_cost.c).
 *
 * In: facts of a kernel, a target, a row length.  Out: the cheapest legal schedule of a small grid of candidates, for
 * each row length worth a variant of its own, then for capacities, then forms that always hold.
 */
#include "sched_forms.h"
#include "sched_scatter.h"

#include <math.h>
#include <stdlib.h>

static int64_t round_up(int64_t v, int64_t to) { return (v + to - 1) / to * to; }

/* ---- the grid of candidates ---- */

typedef struct Search {
    const SchedFacts *f; const Target *t; Arena *a;
    int64_t n; Sched best; double cost; bool found;
    struct Ranked { Sched s; double cost; } *all; uint32_t nall, capall; bool collect;      /* every legal one, where they are to be listed */
} Search;

/* Of blocks that a launch begins with, and that wait for their rows before they write: the time that the rows of one take of the memory's, half as long
 * again and more, since it writes as well.  The best of 16 schedules of two kernels, rows of 1024 to 262,144 on an H100 and an H200, was within a quarter of it.
 * Of one operand or less, short rows are worked off before they could get in step.  Where operands are put in place meanwhile, half of it was best. */
static int32_t lag_of(const Search *q, const Sched *s)
{
    double bytes = (double)q->n * s->rows * s->batch * q->f->row_bytes_in;
    bool steps = s->grid == GRID_ONESHOT && s->ctas && q->f->phases > 1 && !q->f->lses && !s->split && (q->f->shared_loads > 1 || bytes >= 32768);
    return steps ? (int32_t)((sched_places(s) ? 1.6 : 3.1) * bytes / q->t->gbps + 0.5) : 0;
}

static void consider(Search *q, const Sched *candidate)
{
    Sched late = *candidate, *s = &late;
    s->lag = lag_of(q, s);
    if (sched_illegal(q->f, s, q->t))
        return;
    double c = sched_typical_cost(q->f, s, q->t, q->n);
    if (q->collect)
        *ARENA_PUSH(q->a, q->all, q->nall, q->capall) = (struct Ranked){*s, c};
    if (!q->found || c < q->cost) {
        q->best = *s;
        q->cost = c;
        q->found = true;
    }
}

/* Operands that are fetched while the row is wide take registers as they find them, and with them blocks of a multiprocessor: so many are
 * asked for as their number leaves registers for.  Blocks of a cluster, which know each other's memory too, spilled with 80 and 128 where others did not. */
static int blocks_to_ask(const SchedFacts *f, const Sched *s, const Target *t)
{
    int threads = s->rows * s->lanes, held = s->per * s->vec * (f->row_bytes_in + 2 + 2 * f->shared_loads) / 8;
    if (s->wkeep == WKEEP_SMEM)             /* operands come one after the other, and with fewer registers not all of a row would be on its way at once */
        held = s->batch * s->per * s->vec * f->row_bytes_in / 4 + (!sched_places(s) ? 16 : s->len == LEN_EXACT ? 40 : 60);
    int regs = 24 + held + (s->align == ALIGN_SHIFT && !sched_places(s) ? 6 + held * 3 / 4 : 0) + (s->cluster > 1 && !sched_places(s) ? 16 : 0);      /* operands are put in place in registers */
    int k = t->regs_mp / (threads * regs);
    int lanes = s->per <= 2 ? 1280 : 1024;
    return k * threads > lanes ? lanes / threads : k;
}

/* Row groups that read operands from one copy are a tuner's to try. */
static void consider_shared(Search *q, Sched s)
{
    for (s.rows = 2; s.rows <= 4 && q->collect && q->f->shared_loads; s.rows++) {
        s.ctas = blocks_to_ask(q->f, &s, q->t);
        if (s.ctas)
            consider(q, &s);
    }
}

/* Operands of rows that begin anywhere, put in place while the rows come, once for two rows, or three: two or more by one block; by a cluster, whose lanes
 * hold much, one, for one row as well. */
static void consider_placed(Search *q, Sched s)
{
    bool spread = s.cluster > 1, fits = spread ? q->f->shared_loads == 1 : q->f->shared_loads > 1;
    s.rows = 1;
    if (s.align != ALIGN_SHIFT || !fits || q->f->phases < 2 || q->f->lses || s.per < 2 || s.lanes > 256)
        return;
    int most = 48 * 4 / (s.per * s.vec * q->f->row_bytes_in);      /* rows in registers; with more of them the assembler spilled */
    s.wkeep = WKEEP_SMEM;
    s.hint = HINT_NEAR;
    s.pdl = (q->t->features & TGT_F_PDL) != 0;
    for (s.batch = spread ? 1 : 2; s.batch <= (q->collect ? 3 : 2) && s.batch <= most; s.batch++) {
        s.ctas = blocks_to_ask(q->f, &s, q->t);
        consider(q, &s);
    }
    s.batch = 1;
    if (spread)
        consider_shared(q, s);
}

static void consider_oneshot(Search *q, Sched s)
{
    for (s.rows = 1; s.rows <= 64; s.rows *= 2) {
        if (s.rows * s.lanes > 256 && s.rows > 1)
            break;
        s.pdl = (q->t->features & TGT_F_PDL) && (q->f->several || !q->f->reductions || s.rows * s.lanes * s.per > 128);      /* short blocks whose lanes wait for each other lose by it */
        s.ctas = s.per >= 16 ? 2 : q->f->shared_loads > 1 && (s.per >= 4 || s.align != ALIGN_SHIFT) ? blocks_to_ask(q->f, &s, q->t) : 0;
        s.wkeep = WKEEP_LOAD;
        consider(q, &s);
        s.wkeep = WKEEP_REG;          /* fetched with the row; pays while it costs no block of a multiprocessor */
        bool fits = s.align == ALIGN_SHIFT ? s.per <= 3 : s.len == LEN_EXACT && s.per * q->f->shared_loads <= 16;
        if (fits)
            consider(q, &s);
        s.ctas = fits && q->collect && !s.ctas ? blocks_to_ask(q->f, &s, q->t) : 0;      /* a tuner's to try */
        if (s.ctas)
            consider(q, &s);
    }
    consider_placed(q, s);
}

/* Registers a lane may have where a block of the second launch is to wait beside the first's. */
static int room_beside(const Target *t, const Sched *s)
{
    int regs = (t->regs_mp - SCHED_SECOND_LANES * SCHED_SECOND_REGS) / (s->rows * s->lanes * s->ctas) / 8 * 8;
    return regs > 248 ? 248 : regs;
}

/* GB/s that a block takes which sums across rows, about its share of the memory of the family's usual card, less with more sums: where memory is slower, as on
 * an H100 (3350 GB/s) beside an H200, a fifth to a quarter of the multiprocessors is better left alone. */
static int taken(const SchedFacts *f, const Target *t, const Sched *s)
{
    return f->accs && s->ctas == 1 ? (int)ceil((f->accs > 1 ? 0.98 : 1.08) * t->gbps / t->mps) : 0;
}

static void consider_staged(Search *q, Sched s)
{
    bool second = q->f->accs && s.pdl;
    s.feed = taken(q->f, q->t, &s);
    for (s.wkeep = WKEEP_LOAD; s.wkeep <= WKEEP_WIDE; s.wkeep++)
        for (s.keep = KEEP_REG; s.keep <= (s.stages > 1 ? KEEP_SMEM : KEEP_REG); s.keep++) {
            s.regs = 0;
            consider(q, &s);
            s.regs = room_beside(q->t, &s);
            if (second && s.regs >= 32)
                consider(q, &s);
        }
}

static void consider_persistent(Search *q, Sched s)
{
    s.grid = GRID_PERSISTENT;
    s.pdl = (q->t->features & TGT_F_PDL) != 0;
    for (s.rows = 1; s.rows <= 8; s.rows *= 2)
        for (s.ctas = 1; s.ctas <= (s.align == ALIGN_SHIFT ? 16 : 2); s.ctas *= 2)    /* rows that begin anywhere are one a block */
            for (s.stages = 1; s.stages <= 3; s.stages++) {
                s.async = s.stages > 1 ? ASYNC_CP : ASYNC_NONE;
                consider_staged(q, s);
            }
}

/* Elements of a row of n that lanes have to hold in vectors, wherever it begins. */
static int64_t in_vectors(int64_t n, const Sched *s)
{
    int64_t left = sched_slack(s, 16 / s->vec);
    return n > left ? n - left : 1;
}

/* With as many blocks as the registers leave. */
static void consider_free(Search *q, Sched s)
{
    s.ctas = 0;
    if (s.wkeep == WKEEP_LOAD || q->collect)
        consider(q, &s);
}

/* And, with few registers a lane, as many as fit, or one less; with operands to read rather these, which begin block behind block and ask ahead, and a tuner
 * need not try both. */
static void consider_blocks(Search *q, Sched s)
{
    int32_t by_smem = (int32_t)(q->t->smem_mp_kb * 1024u / (sched_shared_bytes(q->f, &s) + 1024u)), by_regs = q->t->regs_mp / (s.rows * s.lanes * sched_looped_registers(&s));
    Sched bound = s;
    bound.ctas = by_smem < by_regs ? by_smem : by_regs;
    bool fits = bound.ctas > (s.wkeep == WKEEP_SMEM ? 1 : 2) && (s.wkeep == WKEEP_REG || bound.ctas >= by_smem - 1), rather = fits && q->f->shared_loads > 1;
    if (!rather)
        consider_free(q, s);
    if (fits)
        consider(q, &bound);
    if (rather && !q->collect)
        consider_free(q, s);
}

/* Two operands for two rows together, or a turn ahead, or copied behind the rows; the first two at once, or one operand so, is a tuner's to try. */
static void consider_operands(Search *q, Sched s)
{
    int operands = q->f->shared_loads;
    for (s.batch = 1; s.batch <= (operands > 1 || (q->collect && operands) ? 2 : 1); s.batch++) {
        bool ahead = q->collect ? operands > 0 : operands > 1 && s.batch == 1 && s.align == ALIGN_VEC && s.lanes <= 256;
        for (s.wkeep = WKEEP_LOAD; s.wkeep <= (ahead ? WKEEP_REG : WKEEP_LOAD); s.wkeep++)
            consider_blocks(q, s);
    }
    s.wkeep = WKEEP_SMEM;
    for (s.batch = 1; s.batch <= 3 && (q->collect ? operands > 0 : operands > 1 && s.align == ALIGN_VEC); s.batch++) {
        s.unroll = s.batch > 1 && s.align == ALIGN_VEC && s.per % 2 == 0 ? 2 : 1;      /* a turn of several rows waits for shared memory once for two vectors */
        consider_blocks(q, s);
    }
    s.batch = 1;
    s.unroll = s.per;
    s.eager = 0;
    for (s.rows = 2; s.rows <= 4 && q->collect && operands > 0; s.rows++)
        consider_blocks(q, s);
}

/* Rows over a cluster of persistent blocks, each of which sums its own columns. */
static void search_spread(Search *q, Sched s)
{
    if (!q->f->accs || q->f->phases < 2 || q->n < 8192 || s.align != ALIGN_VEC || !(q->t->features & TGT_F_CLUSTER))
        return;
    for (s.cluster = 2; s.cluster <= 8; s.cluster *= 2)
        for (s.per = 1; s.per <= 4; s.per++) {
            s.lanes = (int32_t)round_up(ceil_div(q->n, (int64_t)s.vec * s.per * s.cluster), 32);
            if (s.lanes >= 128 && s.lanes <= 1024)
                consider_persistent(q, s);
        }
}

/* Row groups that draw their rows, one a block.  Of rows that begin anywhere not by lines, so that few begin differently and each can draw from many. */
static void consider_drawn(Search *q, Sched s, int lanes)
{
    s.ctas = lanes / s.lanes;
    s.deal = 1;
    s.line = 0;
    if (s.ctas)
        consider(q, &s);
}

/* Rows that begin anywhere, by blocks that are there to the end, or dealt out. */
static void consider_dealt(Search *q, Sched s)
{
    enum { LANES = 640 };               /* of a multiprocessor, with operands in registers */
    for (s.cluster = 2; s.cluster <= 8; s.cluster++)
        for (s.per = 5; s.per <= 11; s.per += 3) {
            s.lanes = (int32_t)round_up(ceil_div(in_vectors(q->n, &s), (int64_t)s.vec * s.per * s.cluster), 32);
            s.ctas = LANES / s.lanes;
            for (s.stages = 2; s.stages <= 3 && s.lanes >= 96 && s.ctas; s.stages++) {
                for (s.turns = 0; s.turns <= 12; s.turns += 6)
                    for (s.late = 0; s.late <= (s.turns == 6); s.late++)
                        consider(q, &s);
                s.turns = s.late = 0;
                consider_drawn(q, s, LANES);
            }
        }
}

/* Rows so long that what their operands take of the way to the multiprocessors counts: blocks that stay keep them. */
static void search_stay(Search *q, Sched s)
{
    enum { LANES = 512 };
    int operands = q->f->shared_loads;
    bool placed = s.align == ALIGN_SHIFT && q->collect;       /* a tuner's to try */
    int64_t least = placed ? 16384 : (operands > 1 ? 2 : 4) * LONG_ROW;
    if (q->f->accs || q->f->phases < 2 || !operands || q->f->shared.wide || q->n < least || (s.align != ALIGN_VEC && !placed) || !(q->t->features & TGT_F_CLUSTER))
        return;
    s.grid = GRID_PERSISTENT;
    s.keep = KEEP_SMEM;
    s.async = ASYNC_CP;
    s.wkeep = WKEEP_REG;
    s.ctas = 1;
    s.pdl = (q->t->features & TGT_F_PDL) != 0;
    s.line = placed && s.vec * q->f->min_elem_bytes == 16;
    if (placed)
        consider_dealt(q, s);
    for (s.cluster = q->collect ? 4 : 8; s.cluster <= (q->collect ? 16 : 8) && !placed; s.cluster *= 2)       /* fewer and more, fewer vectors, a row ahead and streams are a tuner's to try */
        for (s.per = q->collect ? 4 : 8; s.per <= 8; s.per *= 2)
            for (s.skew = 0; s.skew <= q->collect; s.skew++) {
                s.stages = 2 + s.skew;
                s.lanes = (int32_t)round_up(ceil_div(q->n, (int64_t)s.vec * s.per * s.cluster), 32);
                for (s.hint = HINT_NONE; s.hint <= (q->collect ? HINT_STREAM : HINT_NONE); s.hint++) {
                    for (s.rows = 1; s.rows * s.lanes <= LANES && s.cluster >= 8; s.rows++)
                        consider(q, &s);
                    s.rows = 1;
                    consider_drawn(q, s, LANES);
                }
            }
}

/* Half of a row is on its way while its instance says whether it is wanted: the whole would cost too much of rows that are not. */
static int eager(const SchedFacts *f, const Sched *s) { return f->asks ? s->per / 2 : 0; }

/* Rows of several phases, or of a reduction with much work to a vector, in shared memory, over one block or a cluster. */
static void search_loops(Search *q, Sched s)
{
    static const int8_t clusters[] = {1, 2, 3, 4, 6, 8, 5, 10, 16};     /* the last three are a tuner's to try */
    size_t nclusters = sizeof clusters - (q->collect ? 0 : 3);
    if ((q->f->phases < 2 && !q->f->lses) || q->f->accs || q->n < 4096 || !(q->t->features & TGT_F_CPASYNC))
        return;
    s.line = s.align == ALIGN_SHIFT && s.vec * q->f->min_elem_bytes == 16;
    int64_t n = in_vectors(q->n, &s);
    s.keep = KEEP_SMEM;
    s.async = ASYNC_CP;
    s.unroll = 1;
    s.pdl = (q->t->features & TGT_F_PDL) != 0;
    s.hint = q->f->row_bytes_out ? HINT_NONE : HINT_KEEP;          /* rows that are read and not written are not wanted again */
    for (size_t c = 0; c < nclusters; c++)
        for (s.per = 4; s.per <= 16; s.per++) {
            s.cluster = clusters[c];
            s.lanes = (int32_t)round_up(ceil_div(n, (int64_t)s.vec * s.per * s.cluster), 32);
            if (s.lanes < (q->collect && s.cluster > 8 ? 64 : 128) || s.lanes > 1024)
                continue;
            s.eager = eager(q->f, &s);
            consider_operands(q, s);
        }
}

/* Rows of several phases in the registers of a cluster's blocks. */
static void search_clusters(Search *q, Sched s)
{
    if (q->f->phases < 2 || q->f->accs || q->f->shared.wide || q->n < 16384 || s.align != ALIGN_VEC || !(q->t->features & TGT_F_CLUSTER))
        return;
    s.pdl = (q->t->features & TGT_F_PDL) != 0;
    for (s.cluster = 2; s.cluster <= (q->collect ? 16 : 8); s.cluster *= 2)       /* more than 8 are not promised everywhere: a tuner's to try */
        for (s.per = 2; s.per <= (q->f->shared_loads ? 16 : 8); s.per *= 2) {
            s.lanes = (int32_t)round_up(ceil_div(q->n, (int64_t)s.vec * s.per * s.cluster), 32);
            if (s.lanes < 128 || s.lanes > 512)
                continue;
            s.wkeep = WKEEP_LOAD;
            s.ctas = q->f->lses ? 0 : blocks_to_ask(q->f, &s, q->t);
            for (; s.wkeep <= (s.len == LEN_EXACT && s.per * q->f->shared_loads <= 16 ? WKEEP_REG : WKEEP_LOAD); s.wkeep++)
                consider(q, &s);
            s.wkeep = WKEEP_SMEM;
            s.ctas = blocks_to_ask(q->f, &s, q->t);
            if (q->f->shared_loads > 1 && s.ctas >= 4)
                consider(q, &s);
            consider_shared(q, s);
        }
}

/* The same of rows that begin anywhere, in vectors from a line on. */
static void search_placed(Search *q, Sched s)
{
    if (q->f->phases < 2 || q->f->accs || q->f->shared.wide || q->n < 16384 || s.align != ALIGN_SHIFT || !(q->t->features & TGT_F_CLUSTER))
        return;
    s.line = s.vec * q->f->min_elem_bytes == 16;
    int64_t n = in_vectors(q->n, &s);
    for (s.cluster = 2; s.cluster <= 8; s.cluster++)
        for (s.per = 4; s.per <= 12; s.per++) {
            s.lanes = (int32_t)round_up(ceil_div(n, (int64_t)s.vec * s.per * s.cluster), 32);
            if (s.lanes >= 96)
                consider_placed(q, s);
        }
}

/* Of a row whose lanes hold more than a vector each: rows of one warp are as well on their way together as vectors of one row, and have fewer lanes
 * that wait for each other. */
static int fewest_lanes(const SchedFacts *f, const Sched *s)
{
    return f->phases > 1 && f->shared_loads && !f->accs && s->align == ALIGN_VEC && s->per <= 4 ? 8 : 32;
}

/* Every lane count that holds n elements in `per` vectors, per = 1..16. */
static void search_lanes(Search *q, Sched s)
{
    int64_t n = in_vectors(q->n, &s), least = s.align == ALIGN_SHIFT ? 3 * s.vec - 1 : 1;
    for (s.per = 1; s.per <= 16; s.per++) {
        int64_t lanes = ceil_div(n, (int64_t)s.vec * s.per);
        lanes = lanes < least ? least : lanes;
        if (lanes <= 32)
            for (s.lanes = 1; s.lanes < lanes; s.lanes *= 2) {}
        else
            s.lanes = (int32_t)round_up(lanes, 32);
        if (s.lanes > 1024 || (s.per > 1 && (s.lanes < fewest_lanes(q->f, &s) || (int64_t)s.lanes * (s.per - 1) * s.vec >= n)))
            continue;
        if (q->f->accs)
            consider_persistent(q, s);
        else
            consider_oneshot(q, s);
    }
    search_clusters(q, s);
    search_placed(q, s);
    search_stay(q, s);
    s.per = 1;
    search_spread(q, s);
}

static void add(SchedList *out, Arena *a, Sched s) { *ARENA_PUSH(a, out->s, out->n, out->cap) = s; }

/* Of rows in shared memory their first KB: more of all that run at once would hold up the last blocks of the kernel before. */
static int32_t asked_kb(const Search *q, const Sched *s)
{
    enum { ASKED_KB = 8192 };                  /* in all: of 512 rows of 32000 to 262144 numbers 6 to 13 MB were the best */
    uint32_t blocks = (uint32_t)(s->ctas ? s->ctas : q->t->threads_mp / (s->rows * s->lanes)), by_smem = (uint32_t)q->t->smem_mp_kb * 1024u / (sched_shared_bytes(q->f, s) + 1024u);
    int64_t rows = (int64_t)q->t->mps * (blocks < by_smem ? blocks : by_smem) * s->rows / s->cluster, kb = rows ? ASKED_KB / rows + 1 : 0;
    return kb < q->n * q->f->row_bytes_in / 1024 && kb <= 1024 ? (int32_t)kb : 0;
}

/* Rows that are waited for, and the operands, are asked for ahead, where they may be; not by loops that have as many registers as they like, and would
 * take a few more, and a block of a multiprocessor with them. */
static Sched asking(const Search *q, Sched s)
{
    Sched asks = s;
    asks.ask = s.grid == GRID_ONESHOT ? s.batch : 1;
    bool waits = q->f->phases > 1 && q->f->shared_loads && (!s.unroll || s.ctas);
    asks.asked = q->f->lses ? asked_kb(q, &s) : 0;
    return q->f->accs || !(q->f->lses || waits) || sched_illegal(q->f, &asks, q->t) ? s : asks;
}

/* Of rows that wait for their lanes in registers a share is asked for (1 / of), of the block that comes in this one's place: so there is something on its way
 * while it does, and fewer blocks are enough, and better, but where operands are fetched when they are used. Not where much is on its way as it is: rows in
 * shared memory, and others of which a multiprocessor has more than 64 KB, lost by it, as did those of few lanes, one of which asks. */
static Sched going_on(const Search *q, Sched s, int of)
{
    enum { ENOUGH = 40 << 10, MUCH = 66 << 10, FEW = 5 };        /* bytes of rows in a multiprocessor; blocks */
    Sched next = s;
    if (q->f->phases < 2 || !q->f->row_bytes_out || q->f->lses || s.keep != KEEP_REG || s.lanes < 16 || !q->f->row_bytes_in)
        return s;
    int64_t held = (int64_t)s.rows * s.batch * s.lanes * s.per * s.vec * q->f->row_bytes_in, fit = s.ctas ? s.ctas : blocks_to_ask(q->f, &s, q->t), enough = ceil_div(ENOUGH, held);
    if (q->f->shared_loads > 1 && s.wkeep == WKEEP_LOAD && enough < FEW)
        enough = FEW;
    if (s.cluster > 1 || s.batch > 1)
        enough = fit;
    next.ctas = (int32_t)(fit < enough ? fit : enough);
    next.next = (int32_t)ceil_div(q->n * q->f->max_elem_bytes, 1024 * of);
    return next.ctas * held > MUCH || sched_illegal(q->f, &next, q->t) ? s : next;
}

static int gpu_vec(const SchedFacts *f)
{
    int bytes = f->accs ? f->max_elem_bytes : f->min_elem_bytes;   /* asynchronous copies take 16 bytes at most */
    return 16 / bytes;
}

static void consider_tile(Search *q, Sched s)
{
    s.ctas = q->f->lses ? q->t->regs_mp / (s.lanes * (s.per > 2 ? 64 : 32)) : 0;      /* packed elements, and as many registers to work with */
    s.eager = eager(q->f, &s);
    consider(q, &s);
}

/* A block a column tile. */
static void search_tiles(Search *q, SchedAlign align)
{
    Sched s = sched_default();
    s.vec = gpu_vec(q->f);
    s.align = align;
    s.split = 1;
    s.sides = q->f->sides;
    s.pdl = (q->t->features & TGT_F_PDL) != 0;
    if (q->collect) {                          /* an entry of a table is of one length */
        s.len = LEN_EXACT;
        s.n = (int32_t)q->n;
    }
    for (s.lanes = 128; s.lanes <= 1024; s.lanes *= 2)
        for (s.per = 1; s.per <= 4; s.per *= 2)
            consider_tile(q, s);
    for (s.lanes = 64; s.lanes <= 192 && q->collect && align == ALIGN_SHIFT; s.lanes += 32)       /* a row that begins anywhere is better cut evenly, by lines */
        for (s.per = 3; s.per <= 6; s.per++)
            for (s.line = 0; s.line <= 1; s.line++)
                consider_tile(q, s);
}

/* Rows that are better cut into tiles.  Those of a logsumexp are not, where they fit: a tile is a long chain of the row's index, its elements,
 * their powers and the lanes, behind which too little is in flight. */
static bool tiles_are_better(Search *q, SchedAlign align, double cost)
{
    q->found = false;
    if (q->f->parts && !q->f->lses)
        search_tiles(q, align);
    return q->found && q->cost < cost;
}

static void add_length(SchedList *out, Search *q, SchedLen len, SchedAlign align, int64_t n)
{
    Sched s = sched_default();
    s.vec = gpu_vec(q->f);
    s.len = len;
    s.align = align;
    s.n = len == LEN_EXACT ? (int32_t)n : 0;
    q->n = n;
    q->found = false;
    if (len == LEN_EXACT && n % s.vec)
        return;
    search_lanes(q, s);
    Sched held = q->best;
    double cost = q->found ? q->cost : 0;
    q->found = false;
    search_loops(q, s);
    Sched looped = q->best;
    bool any = q->found, loops = any && (!cost || q->cost < cost);
    if ((any || cost) && tiles_are_better(q, align, loops ? q->cost : cost))
        return;
    if (loops || cost)
        add(out, q->a, going_on(q, asking(q, loops ? looped : held), 2));
    if (any && !loops && held.per * held.vec >= 96)     /* should the registers not do */
        add(out, q->a, asking(q, looped));
}

/* ---- the variants ---- */

/* Row lengths common in models, each worth its own variant, and capacities for the rest. */
static const int32_t exact_lengths[] = {256, 512, 1024, 2048, 2560, 3072, 3584, 4096, 5120, 6144, 7168, 8192, 12288, 16384, 32000, 32768, 65536, 128256, 131072,
                                        151936, 262144};
static const int32_t capacities[] = {64, 128, 256, 512, 1024, 1536, 2048, 3072, 4096, 5120, 6144, 8192, 10240, 12288, 16384, 24576, 32768, 40960, 51200, 65536, 81920, 98304, 131072, 163840,
                                     196608, 262144};
/* Halves of heads and whole heads, where a kernel walks several coordinates. */
static const int16_t short_lengths[] = {32, 40, 48, 64, 96, 128};
enum { NSHORT = sizeof short_lengths / sizeof *short_lengths };
enum { NEXACT = sizeof exact_lengths / sizeof *exact_lengths, NCAP = sizeof capacities / sizeof *capacities };

static void add_if_legal(SchedList *out, Search *q, Sched s)
{
    if (!sched_illegal(q->f, &s, q->t))
        add(out, q->a, s);
}

static void add_tiles(SchedList *out, Search *q, SchedAlign align)
{
    q->n = LONG_ROW;
    q->found = false;
    search_tiles(q, align);
    if (q->found)
        add(out, q->a, q->best);
}

Sched sched_always(const SchedFacts *f, int vec, SchedAlign align)
{
    Sched s = sched_default();
    s.vec = vec;
    s.align = align;
    s.keep = f->walks > 1 ? KEEP_RELOAD : KEEP_REG;
    s.lanes = 256;
    s.per = align == ALIGN_SCALAR ? 4 : 2;
    if (f->accs) {
        s.grid = GRID_PERSISTENT;
        s.acc = ACC_MEM;
        s.ctas = 2;
    }
    return s;
}

/* A lane an instance. */
Sched sched_scalars(void)
{
    Sched s = sched_default();
    s.align = ALIGN_SCALAR;
    s.len = LEN_EXACT;
    s.n = s.vec = s.lanes = 1;
    s.rows = 64;
    return s;
}

static void choose_gpu(Search *q, SchedList *out)
{
    bool elementwise = !q->f->reductions && !q->f->accs;
    for (int i = 0; i < NSHORT && elementwise && q->f->inner; i++)
        add_length(out, q, LEN_EXACT, ALIGN_VEC, short_lengths[i]);
    for (int i = 0; i < NEXACT && !elementwise; i++)
        add_length(out, q, LEN_EXACT, ALIGN_VEC, exact_lengths[i]);
    for (SchedAlign align = ALIGN_VEC; align <= ALIGN_SHIFT; align++) {
        for (int i = 0; i < NCAP; i++)
            if (!elementwise || capacities[i] <= 1024)
                add_length(out, q, LEN_CAP, align, capacities[i] - (align == ALIGN_SHIFT && capacities[i] > 1024 ? 64 : 0));      /* in as many lanes */
        if (elementwise || q->f->parts)
            add_tiles(out, q, align);
    }
    add_if_legal(out, q, sched_always(q->f, gpu_vec(q->f), ALIGN_VEC));
    add_if_legal(out, q, sched_always(q->f, 1, ALIGN_SCALAR));
}

/* Forms that hold for fewer calls go first: one launch for two nests, and a walk along the coordinate that lies nearer in memory.
 * The forms for any row length stay as they are. */
static void share_and_turn(const SchedFacts *f, const Target *t, Arena *a, SchedList *list)
{
    SchedList all = {0};
    for (int form = 3; form >= 0; form--) {
        bool join = form & 2, turn = form & 1;
        for (uint32_t i = 0; i < list->n && (f->twin || !join) && (f->inner || !turn); i++) {
            Sched s = list->s[i];
            s.join = join;
            s.inner = turn ? f->inner : 0;
            s.lag = join ? 0 : s.lag;
            if (!form || (s.len != LEN_ANY && !sched_illegal(f, &s, t)))
                add(&all, a, s);
        }
    }
    *list = all;
}

/* Nor are only rows asked for that wait for their lanes: aligned ones that reduce nothing, column tiles, and those summed across rows, of lengths that a
 * persistent block is soon done with.  Not rows side by side that share the memory's units of 32 bytes: rope of halves of 40 lost 2 %. */
static bool streams_ask(const SchedFacts *f, const Sched *s)
{
    bool exact = s->len == LEN_EXACT, shared = s->rows > 1 && exact && s->n * f->min_elem_bytes % 32;
    if (f->asks || s->align != ALIGN_VEC || shared)
        return false;
    return f->accs ? exact && s->n <= 8192 : s->split || !f->reductions;
}

static void ask_ahead(const SchedFacts *f, const Target *t, SchedList *list)
{
    for (uint32_t i = 0; i < list->n; i++) {
        Sched s = list->s[i];
        s.ask = 1;
        if (!list->s[i].ask && streams_ask(f, &s) && !sched_illegal(f, &s, t))
            list->s[i] = s;
    }
}

void sched_choose(const SchedFacts *f, const Target *t, Arena *a, SchedList *out)
{
    Search q = {.f = f, .t = t, .a = a};
    if (f->scatter)
        sched_scatter_choose(f, t, a, out);
    else if (t->kind == TGT_HOST)
        sched_host_choose(f, t, a, out);
    else if (f->scalars)
        add(out, a, sched_scalars());
    else
        choose_gpu(&q, out);
    share_and_turn(f, t, a, out);
    ask_ahead(f, t, out);
}

static int by_cost(const void *a, const void *b)
{
    double x = ((const struct Ranked *)a)->cost, y = ((const struct Ranked *)b)->cost;
    return (x > y) - (x < y);
}

static bool stays(const struct Ranked *r) { return r->s.grid == GRID_PERSISTENT; }

/* The cheapest, so many; but where there are blocks that stay and others, each has half of them, the cheapest's kind the larger: the model tells the one from
 * the other less well than among themselves. */
static void add_ranked(SchedList *out, Search *q, uint32_t most)
{
    uint32_t all[2] = {0}, some[2] = {0}, half[2] = {most / 2, most / 2};
    for (uint32_t i = 0; i < q->nall; i++)
        all[stays(&q->all[i])]++;
    if (q->nall)
        half[stays(&q->all[0])] += most % 2;
    for (uint32_t i = 0; i < q->nall; i++) {
        bool kind = stays(&q->all[i]), other = !kind;
        if (some[kind]++ >= most - (all[other] < half[other] ? all[other] : half[other]))
            continue;
        Sched asks = asking(q, q->all[i].s);
        add(out, q->a, i % 3 == 2 ? asks : going_on(q, asks, i % 3 ? 1 : 2));       /* for the next block half its rows, all, or none */
    }
}

void sched_candidates(const SchedFacts *f, const Target *t, int64_t n, uint32_t most, Arena *a, SchedList *out)
{
    Search q = {.f = f, .t = t, .a = a, .n = n, .collect = true};
    Sched s = sched_default();
    if (f->scatter) {
        sched_scatter_candidates(f, t, n, most, a, out);
        return;
    }
    if (t->kind == TGT_HOST) {
        sched_host_candidates(f, t, most, a, out);
        return;
    }
    s.vec = gpu_vec(f);
    s.len = LEN_EXACT;
    s.align = n % s.vec == 0 ? ALIGN_VEC : ALIGN_SHIFT;
    s.n = (int32_t)n;
    search_lanes(&q, s);
    search_loops(&q, s);
    search_tiles(&q, s.align);
    if (q.nall)
        qsort(q.all, q.nall, sizeof *q.all, by_cost);
    add_ranked(out, &q, most);
    ask_ahead(f, t, out);
}

/* An allocator left free may spill a few bytes to fit one block more: it is told first how few are enough, and then given less to hold. */
bool sched_lighter(const SchedFacts *f, const Target *t, Sched *s)
{
    Sched less = *s;
    if (s->ctas != 1)
        less.ctas = s->ctas ? s->ctas - (s->ctas + 7) / 8 : 2;
    else
        less.per = s->len == LEN_ANY ? s->per / 2 : 0;
    if (less.per < 1 || sched_illegal(f, &less, t))
        return false;
    *s = less;
    return true;
}
