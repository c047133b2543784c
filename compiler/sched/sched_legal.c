/* sched_legal.c: which schedules a target can run and the row lowering can write down. */
#include "sched_scatter.h"

static bool power_of_two(int v) { return v > 0 && (v & (v - 1)) == 0; }

/* Lanes that exchange nothing may be of any number; others are met by butterflies within a warp, or whole warps. */
static bool lanes_fit(const SchedFacts *f, const Sched *s, int warp)
{
    bool apart = !f->reductions && !f->accs && s->cluster == 1 && !s->unroll;
    return apart || (s->lanes < warp ? power_of_two(s->lanes) : s->lanes % warp == 0);
}

static const char *shape_illegal(const SchedFacts *f, const Sched *s, const Target *t)
{
    int threads = s->rows * s->lanes;
    if (t->kind == TGT_HOST)
        return threads == 1 ? NULL : "the host runs one lane and one row group a block";
    if (threads > 1024)
        return "more than 1024 threads a block";
    if (threads % t->warp)
        return "threads are not whole warps";
    if (!lanes_fit(f, s, t->warp))
        return "lanes that exchange values must be a power of two below a warp, or whole warps";
    if (s->ctas && threads * s->ctas > t->threads_mp)
        return "more threads than a multiprocessor holds";
    if (s->align != ALIGN_SCALAR && s->vec * f->min_elem_bytes > 16)
        return "a vector of the narrowest stream is wider than 16 bytes";
    return NULL;
}

static const char *length_illegal(const SchedFacts *f, const Sched *s, const Target *t)
{
    int64_t cap = (int64_t)s->lanes * s->cluster * s->vec * s->per;
    if (s->len == LEN_EXACT && !s->split && cap < s->n - sched_slack(s, f->min_elem_bytes))
        return "the lanes do not hold a row of n elements";
    if (s->len == LEN_EXACT && s->align == ALIGN_VEC && s->n % s->vec)
        return "n is not a multiple of the vector";
    if (s->most && s->least > s->most)
        return "no launch has least elements or more and most or fewer";
    if (s->unroll && (s->keep != KEEP_SMEM || s->len == LEN_ANY || s->per % s->unroll || s->grid != GRID_ONESHOT || s->align == ALIGN_SCALAR || (s->wkeep == WKEEP_REG && f->phases < 2)))
        return "unroll wants rows kept in shared memory by one-shot blocks, in vectors, in a number of turns";
    if (s->split && ((f->reductions && !f->parts) || f->accs || s->grid != GRID_ONESHOT || s->rows > 1 || s->len == LEN_CAP || s->unroll || s->async != ASYNC_NONE))
        return "split wants a kernel whose row results need no reductions, one block a tile, plain loads, and any or exact length";
    if (s->split && f->reductions && t->kind == TGT_HOST)
        return "the host has no second launch for the tiles' reductions";
    if (s->len == LEN_ANY && !s->split && s->keep != KEEP_RELOAD && f->walks > 1)
        return "a loop over the row reads it again in each phase";
    return NULL;
}

/* Rows of exactly n elements end within their tiles, from wherever in a line they are counted. */
static bool lines_fit(const SchedFacts *f, const Sched *s)
{
    int64_t tile = (int64_t)s->lanes * s->vec * s->per;
    return s->len == LEN_EXACT && (s->n + tile - 1) / tile * tile >= s->n - sched_slack(s, f->min_elem_bytes);
}

/* Do row groups of a block meet at barriers of their own only? */
static bool walks_apart(const Sched *s, const Target *t) { return s->rows == 1 || (s->rows <= 14 && s->lanes % t->warp == 0); }

static const char *align_illegal(const SchedFacts *f, const Sched *s, const Target *t)
{
    if (s->align == ALIGN_SCALAR)
        return s->vec == 1 ? NULL : "align=scalar takes one element at a time";
    if (s->line && (s->align != ALIGN_SHIFT || s->vec * f->min_elem_bytes != 16 || (s->split && !lines_fit(f, s))))
        return "line wants rows that begin anywhere, in vectors of 16 bytes, and tiles that hold a row from its first line on";
    if (s->align == ALIGN_SHIFT) {
        if (t->kind == TGT_HOST || !power_of_two(s->vec) || f->max_elem_bytes != f->min_elem_bytes)
            return "align=shift wants streams of one element size, on a GPU";
        if (s->lanes * s->cluster < 3 * s->vec - 1)
            return "align=shift wants a lane for each element before and behind a row's vectors";
        bool alike = f->accs || sched_apart(s) || (s->grid == GRID_PERSISTENT && s->wkeep != WKEEP_LOAD);
        if (s->acc == ACC_MEM || f->scatter || (f->accs && s->cluster > 1) || (alike && (f->axes > 1 || !walks_apart(s, t))))
            return "align=shift keeps sums and operands of persistent blocks, and shares operands between row groups, where all rows of a row group begin alike: whole warps, 14 groups or fewer a block, instances of one axis";
        if (s->batch > 1 && (s->rows > 1 || f->axes > 1))
            return "align=shift takes rows together that begin alike: one row group a block, instances of one axis";
        if (s->len == LEN_ANY && !s->split)
            return "align=shift walks a row in a loop only in shared memory";
    }
    if (f->apart && s->align == ALIGN_SHIFT)
        return "rows picked by different indices need not begin alike";
    if (f->strided || (f->offset && s->align == ALIGN_SHIFT))
        return "a strided or offset slice is read element by element";
    return NULL;
}

static const char *async_illegal(const SchedFacts *f, const Sched *s, const Target *t)
{
    if (t->kind == TGT_HOST && s->stages > 1)
        return s->stages == 2 && s->grid == GRID_PERSISTENT && s->len == LEN_ANY && f->walks > 1 ? NULL : "the host walks two rows in step, where blocks walk over rows that are walked twice";
    if (s->eager && (!f->asks || s->grid == GRID_PERSISTENT || s->rows > 1 || (s->len == LEN_ANY && !s->split) || s->eager > s->per || t->kind == TGT_HOST))
        return "eager wants rows that are there whether they are wanted or not, one-shot blocks of a GPU that hold one row or a tile, and no more vectors than they hold";
    if (s->async == ASYNC_NONE)
        return s->stages == 1 || s->bins ? NULL : "stages without asynchronous copies";
    if (!(t->features & TGT_F_CPASYNC))
        return "the target has no asynchronous copies";
    if (s->grid == GRID_PERSISTENT ? s->stages < 2 : s->stages != 1 || s->keep != KEEP_SMEM)
        return "asynchronous copies want a persistent grid and two stages or more, or a one-shot one that keeps its rows in shared memory";
    if (s->align == ALIGN_SCALAR || s->len == LEN_ANY || !f->row_loads)
        return "asynchronous copies want aligned vectors and a whole row in the lanes";
    if (s->vec * f->max_elem_bytes > 16 || s->vec * f->min_elem_bytes < 4)
        return "an asynchronous copy is 4, 8 or 16 bytes";
    return NULL;
}

/* Can rows be asked for ahead: those in vectors, column tiles that are aligned, and none whose places an index tells? */
static bool may_ask(const SchedFacts *f, const Sched *s) { return s->align != ALIGN_SCALAR && (!s->split || s->align == ALIGN_VEC) && !f->scatter; }

static const char *across_illegal(const SchedFacts *f, const Sched *s, const Target *t)
{
    if (f->accs && s->grid != GRID_PERSISTENT)
        return "cross-row sums want a persistent grid";
    if (f->accs && s->acc == ACC_REG && s->len == LEN_ANY)
        return "register accumulators hold rows of bounded length";
    if (!f->accs && s->acc != ACC_REG)
        return "no cross-row sum to keep";
    if (s->wkeep != WKEEP_LOAD && (s->len == LEN_ANY || !f->shared_loads))
        return "operands are kept by blocks whose lanes hold a whole row";
    if (s->hint == HINT_NEAR && (s->wkeep != WKEEP_SMEM || s->grid != GRID_ONESHOT))
        return "hint=near is for operands that one-shot blocks copy into shared memory";
    if (s->wkeep == WKEEP_WIDE && s->grid != GRID_PERSISTENT)
        return "wide operands want a persistent grid";
    if (s->wkeep == WKEEP_SMEM && s->grid == GRID_ONESHOT && (s->per % s->rows || !(t->features & TGT_F_CPASYNC)))
        return "a one-shot block copies operands into shared memory asynchronously, each of its row groups as many vectors";
    if (sched_places(s) && (s->vec == 1 || s->vec * f->min_elem_bytes < 4))
        return "operands of rows that begin anywhere are copied in vectors of 4 bytes or more";
    if (s->batch > 1 && (s->grid != GRID_ONESHOT || s->align == ALIGN_SCALAR || s->len == LEN_ANY || f->several || f->picks || f->phases < 2 || f->exchanges >= f->phases
                         || s->keep != (s->async == ASYNC_CP ? KEEP_SMEM : KEEP_REG) || f->reductions * s->batch > 16 || t->kind == TGT_HOST))
        return "a batch is of rows that one-shot blocks keep in registers, or copies in shared memory, and walk again at last to reduce nothing";
    if (s->skew && (s->grid != GRID_PERSISTENT || s->cluster == 1 || s->async != ASYNC_CP || s->keep != KEEP_SMEM || s->stages < 3 || f->phases != 2 || f->exchanges != 1 || f->accs || f->picks || f->lses))
        return "skew wants persistent clusters with rows in three stages of shared memory or more, and a kernel of two phases that exchanges once and sums nothing across rows";
    if (s->feed && (s->grid != GRID_PERSISTENT || t->kind == TGT_HOST))
        return "feed is for persistent blocks of a GPU";
    if (s->deal && (s->grid != GRID_PERSISTENT || t->kind == TGT_HOST || f->accs || s->turns || s->skew || !f->shared.walk[0].words || (s->lanes <= t->warp && s->cluster == 1) || !walks_apart(s, t)))
        return "deal wants persistent blocks of a GPU, without turns or skew, that sum nothing across rows, whose first walk reduces what more than a warp exchanges, each row group by itself";
    if (s->turns && (s->grid != GRID_PERSISTENT || t->kind == TGT_HOST || f->accs || s->feed))
        return "turns wants persistent blocks of a GPU that sum nothing across rows, of which there may be any number";
    if (s->late && (s->late >= s->turns || s->rows > 1 || !s->ctas))
        return "late wants turns, more of them, one row group a block, and ctas, which tells how many a launch begins with";
    if (s->cluster > 1 && !(t->features & TGT_F_CLUSTER))
        return "the target has no clusters of blocks";
    if (s->cluster > 1 && (s->lanes % t->warp || s->split || f->shared.wide || s->acc == ACC_MEM))
        return "a cluster shares its rows in whole warps and sums across rows in registers; its exchange is of 32-bit values";
    if (s->cluster > 1 && (s->rows > 15 || (s->rows > 1 && s->grid == GRID_ONESHOT && f->picks)))
        return "a cluster shares fifteen rows, a one-shot one, where scalars are picked from them, one";
    if (t->kind == TGT_SIM && s->cluster * s->rows * s->lanes > 2048)
        return "more warps than the sim runs at once";
    if (s->lag && (t->kind == TGT_HOST || s->grid != GRID_ONESHOT || !s->ctas || s->join))
        return "lag wants one-shot blocks of one nest on a GPU, and ctas, which tells how many a launch begins with";
    if (s->aside && (!f->shared.aside || f->shared.wide || t->kind == TGT_HOST || s->grid != GRID_ONESHOT || s->rows > 1 || s->batch > 1 || s->split || s->aside > s->lanes * s->cluster * 64))
        return "aside wants a nest before this one that reduces inputs to scalars, and one-shot blocks of a GPU that hold one row and 64 elements a lane of it";
    if (s->sides && (!f->sides || t->kind == TGT_HOST || s->grid != GRID_ONESHOT || s->batch > 1))
        return "sides wants a condition on run-time scalars, and one-shot blocks of a GPU that take one row at a time";
    if (s->inner && (s->inner != f->inner || t->kind == TGT_HOST))
        return "no such coordinate to walk along";
    if (s->join && (!f->twin || t->kind == TGT_HOST || s->grid != GRID_ONESHOT || s->cluster > 1 || (s->split && f->reductions)))
        return "join wants a next nest that does the same, and one-shot blocks in one launch";
    if (s->ask && (!s->pdl || !may_ask(f, s) || (s->grid == GRID_ONESHOT && s->ask > s->batch)))
        return "ask wants programmatic dependent launch, vectors, column tiles that are aligned, and no more turns than a one-shot block has rows in its batch";
    if (s->asked && !s->ask)
        return "asked wants ask: it tells how much of a row that is";
    if (s->next && (t->kind == TGT_HOST || s->grid != GRID_ONESHOT || !s->ctas || !may_ask(f, s) || s->join))
        return "next wants one-shot blocks of one nest on a GPU, vectors, column tiles that are aligned, and ctas, which tells how many blocks run at once";
    if (s->pdl && !(t->features & TGT_F_PDL))
        return "the target has no programmatic dependent launch";
    return NULL;
}

/* Those of a persistent block that sums across rows, as ptxas came to do without spills: sums, operands, packed rows that stay, all the
 * vectors of a row on their way through, and the rest: less of it beside one sum and nothing else. */
static int summing_registers(const SchedFacts *f, const Sched *s)
{
    int row = s->per * s->vec, sums = f->accs * row;
    int operands = s->wkeep == WKEEP_WIDE ? row * f->shared_loads : s->wkeep == WKEEP_REG ? row * f->shared_loads / 2 : 0;
    int held = s->keep == KEEP_REG ? row * f->row_bytes_in / 4 + (s->per > 1 || f->accs > 1 ? 8 : 0) : 0;
    int edge = 4 * s->per + (f->accs == 1 && !operands && !held ? 0 : 6);
    bool masked = s->len == LEN_CAP || s->n % ((int64_t)s->lanes * s->cluster * row);
    return sums + operands + held + row * f->row_loads + 16 + (masked ? edge : 0);
}

/* Registers a lane needs for what it holds: packed rows, accumulators, one vector's worth of f32 work, addresses. */
static int registers(const SchedFacts *f, const Sched *s)
{
    if (f->accs && s->acc == ACC_REG && s->len != LEN_ANY && s->async == ASYNC_CP)
        return summing_registers(f, s);
    int packed = s->keep == KEEP_REG && s->len != LEN_ANY ? s->batch * s->per * s->vec * f->row_bytes_in / 4 : s->vec * f->row_bytes_in / 4;
    int sums = s->acc == ACC_REG ? f->accs * s->per * s->vec : 0;
    int listed = f->scatter ? s->per * s->vec * (1 + (s->stages > 1 ? 0 : f->row_bytes_in)) : 0;      /* sums, and four rows on their way to them, where it is not by way of shared memory */
    int operands = s->wkeep == WKEEP_REG ? (s->unroll ? 2 * s->unroll : s->per) * s->vec * f->shared_loads / 2 : 0;
    /* with sums, the operands of the last phase stay wide across the barrier */
    int wide = f->accs && s->keep == KEEP_REG && s->len != LEN_ANY ? s->per * s->vec * (f->row_loads + (s->wkeep == WKEEP_REG)) : 0;
    if (f->accs && s->keep == KEEP_SMEM)
        wide = s->per * s->vec * 5 / 4 + 20;
    return (f->scatter ? listed : packed) + sums + operands + wide + 3 * s->vec + 4;
}

static const char *resources_illegal(const SchedFacts *f, const Sched *s, const Target *t)
{
    int threads = s->rows * s->lanes, ctas = s->ctas ? s->ctas : 1;
    if (t->kind == TGT_HOST)
        return s->keep == KEEP_SMEM || s->wkeep != WKEEP_LOAD || s->regs ? "the host has no shared memory, and registers of its own" : NULL;
    uint32_t shared = sched_shared_bytes(f, s);
    if (shared > (uint32_t)t->smem_block_kb * 1024u)
        return "more shared memory than a block may have";
    if (shared * (uint32_t)ctas > (uint32_t)(t->smem_mp_kb - ctas) * 1024u)
        return "more shared memory than a multiprocessor has";
    int limit = t->regs_mp / (threads * ctas);
    if (s->regs > (limit > 255 ? 255 : limit))
        return "more registers asked for than a lane may have";
    limit = s->regs ? s->regs : limit > 255 ? 255 : limit;
    if (registers(f, s) > limit)
        return "more registers than a lane may have";
    return NULL;
}

const char *sched_illegal(const SchedFacts *f, const Sched *s, const Target *t)
{
    const char *why = shape_illegal(f, s, t);
    why = why ? why : length_illegal(f, s, t);
    why = why ? why : align_illegal(f, s, t);
    why = why ? why : async_illegal(f, s, t);
    why = why ? why : across_illegal(f, s, t);
    why = why ? why : sched_scatter_illegal(f, s, t);
    return why ? why : resources_illegal(f, s, t);
}

bool sched_holds(const Sched *s, const Target *t, int64_t n)
{
    int64_t cap = (int64_t)s->lanes * s->cluster * s->vec * s->per + sched_slack(s, 16 / s->vec);
    if (s->len == LEN_EXACT)
        return n == s->n;
    return (s->len != LEN_CAP || n <= cap) && (s->align != ALIGN_VEC || t->kind == TGT_HOST || n % s->vec == 0);
}
