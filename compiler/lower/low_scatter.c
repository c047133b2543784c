/* low_scatter.c: sums through an index (dw[idx[i], :] += ..), deterministic: the rows that name a place are added up in f32 and in an order
 * that the indices alone tell, and each place is written once; places that nobody names become zero.
 *
 * Five launches.  (1) order: a block sorts the entries (place, instance) of CHUNK instances, and does what else they do with scalars; other
 * blocks clear the marks.  (2) merge: an entry's rank is the number of smaller ones in FAN chunks, which make one run; it marks its place.
 * (3) where there are several runs, they are merged as the chunks were.  (4) sums: the first blocks take LIST sorted entries a group of lanes and
 * write each place whose entries end there; what began before the list or goes on after it becomes a partial sum.  The other blocks write
 * zeros, `run` places a group, but for those that are marked.  Reads and writes come together, then writes alone: mixed throughout, the memory
 * turns round too often.  (5) join: places whose entries are in several lists, from the partial sums.
 *
 * Workspace: of (1), entries by chunk, then an i32 mark for each place; of (2), the merged entries, which (3) puts back in the place of the
 * chunks; of (5), two rows of f32 for each list, by column tiles.  An entry is an i64, place << 32 | instance.  Those that name no place stand
 * last, and fill up the last chunk.
 */
#include "low.h"

#include <string.h>

enum { PIECE = 128, CHUNK = 512, FAN = 16, RUN = CHUNK * FAN, MERGERS = 32 /* a block: all multiprocessors take part */, LIST = 32, AT_ONCE = 4, JOIN_GROUPS = 8, JOIN_THREADS = 512, JOIN_BYTES = 32768, NOWHERE = INT32_MAX - 1 };
enum { ORDER, MERGE, MERGE_RUNS, SUMS, JOIN };

static LirVal add(Low *w, LirVal a, LirVal b) { return lir_op2(w->fn, LIR_ADD, a, b); }
static LirVal times(Low *w, LirVal a, int64_t by) { return lir_op2(w->fn, LIR_MUL, a, low_ci(w, by)); }
static LirVal get(Low *w, LirVal var) { return lir_op1(w->fn, LIR_GET, var); }
static LirVal whole(Low *w, LirVal i32) { return lir_cast(w->fn, DT_I64, i32); }

static const TirOp *sum_op(const Low *w) { return &w->tir->ops[w->rv->scatter]; }

static LirVal places(Low *w) { return low_extent(w, row_view_places(w->rv)); }

/* ---- the workspace ---- */

static LirVal part(Low *w, int launch) { return low_word(w, DT_I64, (LirWord){LIR_W_WORK, (uint16_t)launch, 0}); }
static LirVal element(Low *w, LirVal base, LirVal i, int64_t bytes) { return add(w, base, low_mul_i64(w, i, bytes)); }
static LirVal ceil_div(Low *w, LirVal a, int by) { return lir_op2(w->fn, LIR_DIV, add(w, a, low_ci(w, by - 1)), low_ci(w, by)); }

static LirVal chunks(Low *w) { return ceil_div(w, w->ninst, CHUNK); }
static int mergers(const Low *w) { return w->host ? CHUNK : MERGERS; }      /* on the host the keys of a whole chunk stand in that part first */
static LirVal merged(Low *w) { return times(w, ceil_div(w, w->ninst, mergers(w)), mergers(w)); }      /* entries, those of no instance included */
static LirVal by_chunk(Low *w, LirVal i) { return element(w, part(w, ORDER), i, 8); }
static LirVal by_run(Low *w, LirVal i) { return element(w, part(w, MERGE), i, 8); }
static LirVal mark_of(Low *w, LirVal place) { return element(w, by_chunk(w, times(w, chunks(w), CHUNK)), place, 4); }

static LirVal sorted(Low *w, LirVal i)
{
    LirVal several = lir_op2(w->fn, LIR_GT, w->ninst, low_ci(w, RUN));
    return element(w, lir_op3(w->fn, LIR_SELECT, several, part(w, ORDER), part(w, MERGE)), i, 8);
}

static LirVal load(Low *w, DType dt, int lanes, LirVal at, LirVal when, int align)
{
    LirOp o = {.op = when ? LIR_LDGP : LIR_LDG, .dt = (uint8_t)dt, .lanes = (uint8_t)lanes, .ref = -1, .a = {at, when}, .imm.i = align};
    return lir_add(w->fn, o);
}

static void store(Low *w, LirVal at, LirVal v, LirVal when, int align)
{
    lir_add(w->fn, (LirOp){.op = when ? LIR_STGP : LIR_STG, .ref = -1, .a = {at, v, when}, .imm.i = align});
}

static LirVal entry(Low *w, LirVal place, LirVal instance)
{
    LirVal high = lir_op2(w->fn, LIR_SHL, whole(w, place), lir_ci(w->fn, DT_I64, 32));
    return lir_op2(w->fn, LIR_OR, high, whole(w, instance));
}

static LirVal place_of(Low *w, LirVal e) { return lir_cast(w->fn, DT_I32, lir_op2(w->fn, LIR_SHR, e, lir_ci(w->fn, DT_I64, 32))); }
static LirVal instance_of(Low *w, LirVal e) { return lir_cast(w->fn, DT_I32, lir_op2(w->fn, LIR_AND, e, lir_ci(w->fn, DT_I64, INT32_MAX))); }

/* ---- launches and what their threads share ---- */

static void open_launch(Low *w, const Low *first, int nth, const char *symbol, int threads)
{
    *w = *first;
    w->fn = low_launch_after(first, nth ? arena_strf(w->a, "%s_%d", symbol, nth) : symbol, threads);
    w->fn->min_ctas = nth == SUMS ? (uint32_t)w->s->ctas : nth == JOIN;      /* left free, the assembler may spill to fit one block more */
    w->active = w->head = w->turn = w->turn_k = 0;
    w->tid = w->host ? low_ci(w, 0) : low_sreg(w, LIR_TID);
    w->grp = low_ci(w, 0);
    w->lane = w->at = w->tid;
    w->block = low_sreg(w, LIR_CTAID);
    w->rowlen = low_rowlen(w);
    w->ninst = low_word32(w, LIR_W_INST, 0);
    low_forget_instance(w);
    if (w->fn->pdl) {
        low_mark(w, LIR_PDLWAIT, 0);
        low_mark(w, LIR_PDLGO, 0);
    }
}

static void open_groups(Low *w, int n)
{
    if (n == 1)
        return;
    w->lane = w->at = lir_op2(w->fn, LIR_REM, w->tid, low_ci(w, w->s->lanes));
    w->grp = lir_op2(w->fn, LIR_DIV, w->tid, low_ci(w, w->s->lanes));
}

static void close_launch(const Low *w, LowLaunch l)
{
    l.fn = w->fn;
    l.ctas = 1;
    w->out->launch[w->out->nlaunch++] = l;
}

/* One of n things for each thread of the block; the host has one thread, which does them in turn. */
typedef struct Each { LirVal var, t; } Each;

static LirVal each_begin(Low *w, Each *e, int n)
{
    e->var = w->host ? lir_op1(w->fn, LIR_VAR, low_ci(w, 0)) : 0;
    return e->t = w->host ? low_loop_begin(w, e->var, low_ci(w, n)) : w->tid;
}

static void each_end(Low *w, const Each *e)
{
    if (w->host)
        low_loop_end(w, e->var, e->t, low_ci(w, 1));
}

/* ---- rank among pieces ---- */

/* Places in rising order, `size` a piece, n in all: `at` reads the i-th of all. Of two alike that of the earlier piece comes first. */
typedef struct Pieces { LirVal (*at)(Low *w, LirVal i), n; int size; } Pieces;
/* One of them: its place, its piece and its rank there. */
typedef struct Ranked { LirVal place, piece, rank; } Ranked;

/* Entries before e in a piece, which has none from `end` on. */
static LirVal before_in(Low *w, const Pieces *p, const Ranked *e, LirVal piece, LirVal end)
{
    LirVal one = low_ci(w, 1), there = lir_op2(w->fn, LIR_MIN, piece, lir_op2(w->fn, LIR_SUB, end, one)), first = times(w, there, p->size);
    LirVal last = lir_op2(w->fn, LIR_SUB, lir_op2(w->fn, LIR_MIN, add(w, first, low_ci(w, p->size)), p->n), one);
    LirVal bound = lir_op3(w->fn, LIR_SELECT, lir_op2(w->fn, LIR_LT, piece, e->piece), add(w, e->place, one), e->place), pos = lir_op1(w->fn, LIR_VAR, first);
    int steps = 1;
    while (p->size >> steps)
        steps++;
    LirVal var = lir_op1(w->fn, LIR_VAR, low_ci(w, 0)), nth = low_loop_begin(w, var, low_ci(w, steps)), step = lir_op2(w->fn, LIR_SHR, low_ci(w, p->size), nth);
    LirVal have = get(w, pos), i = add(w, have, lir_op2(w->fn, LIR_SUB, step, one)), x = p->at(w, lir_op2(w->fn, LIR_MIN, i, last));
    LirVal on = lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_LE, i, last), lir_op2(w->fn, LIR_LT, x, bound));
    lir_set(w->fn, pos, lir_op3(w->fn, LIR_SELECT, on, add(w, have, step), have));
    low_loop_end(w, var, nth, one);
    LirVal n = lir_op3(w->fn, LIR_SELECT, lir_op2(w->fn, LIR_EQ, piece, e->piece), e->rank, lir_op2(w->fn, LIR_SUB, get(w, pos), first));
    return lir_op3(w->fn, LIR_SELECT, lir_op2(w->fn, LIR_LT, piece, end), n, low_ci(w, 0));
}

/* Rank of e in those of pieces c .. end-1 that this thread looks at: from the `own`-th on every `by`-th. */
static LirVal rank_in(Low *w, const Pieces *p, const Ranked *e, LirVal c, LirVal end, LirVal own, int by)
{
    LirVal sum = lir_op1(w->fn, LIR_VAR, low_ci(w, 0)), var = lir_op1(w->fn, LIR_VAR, c), at = low_loop_begin(w, var, end);
    lir_set(w->fn, sum, add(w, get(w, sum), before_in(w, p, e, add(w, at, own), end)));
    low_loop_end(w, var, at, low_ci(w, by));
    return get(w, sum);
}

/* ---- (1) order ---- */

/* Keys of the block's chunk: in shared memory; on the host where (2) will put its entries. */
static LirVal key_place(Low *w, LirVal t) { return element(w, by_run(w, times(w, w->block, CHUNK)), t, 4); }

static void key_store(Low *w, LirVal t, LirVal key)
{
    if (w->host)
        store(w, key_place(w, t), key, 0, 4);
    else
        lir_add(w->fn, (LirOp){.op = LIR_STS, .ref = -1, .a = {times(w, t, 4), key}, .imm.i = 4});
}

static int key_lanes(const Low *w) { return w->host ? 16 : 4; }

static LirVal key_load(Low *w, LirVal t, int lanes)
{
    if (w->host)
        return load(w, DT_I32, lanes, key_place(w, t), 0, 4);
    return lir_add(w->fn, (LirOp){.op = LIR_LDS, .dt = DT_I32, .lanes = (uint8_t)lanes, .ref = -1, .a = {times(w, t, 4)}, .imm.i = 4 * lanes});
}

/* The place that the instance at hand names. */
static LirVal key_of(Low *w)
{
    LirVal j = low_scalar(w, w->tir->ix[sum_op(w)->ix + (uint32_t)w->rv->place_dim].val);
    LirVal in = lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_GE, j, lir_ci(w->fn, DT_I64, 0)), lir_op2(w->fn, LIR_LT, j, places(w)));
    in = low_and(w, in, low_guard(w, w->rv->scatter));
    return lir_op3(w->fn, LIR_SELECT, in, lir_cast(w->fn, DT_I32, j), low_ci(w, NOWHERE));
}

static LirVal count(Low *w, LirVal yes) { return lir_cast(w->fn, DT_I32, yes); }

/* How many entries of the n from `from` on come before that of t among them: smaller keys, and equal ones before t. */
static LirVal rank_of_key(Low *w, LirVal t, LirVal key, LirVal from, int all)
{
    int n = key_lanes(w);
    LirVal up = add(w, key, low_ci(w, 1)), sum = lir_op1(w->fn, LIR_VAR, lir_splat(w->fn, low_ci(w, 0), n)), var = lir_op1(w->fn, LIR_VAR, from);
    LirVal u = low_loop_begin(w, var, add(w, from, low_ci(w, all))), s = get(w, sum);
    LirVal bound = lir_op3(w->fn, LIR_SELECT, lir_op2(w->fn, LIR_LE, add(w, u, low_ci(w, n)), t), up, key);
    lir_set(w->fn, sum, add(w, s, count(w, lir_op2(w->fn, LIR_LT, key_load(w, u, n), lir_splat(w->fn, bound, n)))));
    low_loop_end(w, var, u, low_ci(w, n));
    LirVal own = lir_op2(w->fn, LIR_AND, t, low_ci(w, -n)), steps = lir_add(w->fn, (LirOp){.op = LIR_STEPS, .dt = DT_I32, .lanes = (uint8_t)n, .ref = -1});
    LirVal same = lir_op2(w->fn, LIR_EQ, key_load(w, own, n), lir_splat(w->fn, key, n));
    LirVal before = lir_op2(w->fn, LIR_LT, steps, lir_splat(w->fn, lir_op2(w->fn, LIR_SUB, t, own), n));
    s = add(w, get(w, sum), count(w, lir_op2(w->fn, LIR_AND, same, before)));
    return lir_add(w->fn, (LirOp){.op = LIR_HSUM, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {s}});
}

static LirVal sorted_key(Low *w, LirVal i) { return key_load(w, add(w, i, low_ci(w, CHUNK)), 1); }

/* Rank of the thread's key in the chunk: by comparing it with all others of its PIECE, and by a search among those of the other pieces. */
static LirVal rank_in_chunk(Low *w, LirVal t, LirVal key)
{
    if (w->host)
        return rank_of_key(w, t, key, low_ci(w, 0), CHUNK);
    LirVal piece = lir_op2(w->fn, LIR_DIV, t, low_ci(w, PIECE)), from = times(w, piece, PIECE);
    Ranked e = {key, piece, rank_of_key(w, t, key, from, PIECE)};
    Pieces p = {sorted_key, low_ci(w, CHUNK), PIECE};
    key_store(w, add(w, add(w, from, e.rank), low_ci(w, CHUNK)), key);
    low_mark(w, LIR_BAR, 0);
    LirVal left = lir_op2(w->fn, LIR_SUB, w->ninst, times(w, w->block, CHUNK)), pieces = lir_op2(w->fn, LIR_MIN, ceil_div(w, left, PIECE), low_ci(w, CHUNK / PIECE));
    LirVal rank = rank_in(w, &p, &e, low_ci(w, 0), pieces, low_ci(w, 0), 1);
    return lir_op3(w->fn, LIR_SELECT, lir_op2(w->fn, LIR_LT, piece, pieces), rank, t);      /* those of no instance are last already */
}

static void mark_uniform(Low *w, LirOpcode op, LirVal a) { lir_add(w->fn, (LirOp){.op = (uint8_t)op, .ref = -1, .flags = LIR_F_UNIFORM, .a = {a}}); }

static void order_chunk(Low *w, LirVal chunk)
{
    Each e;
    LirVal t = each_begin(w, &e, CHUNK);
    low_set_instance(w, add(w, chunk, t), true);
    LirVal key = key_of(w);
    key_store(w, t, key);
    low_scalar_stores(w);
    each_end(w, &e);
    if (!w->host)
        low_mark(w, LIR_BAR, 0);
    t = each_begin(w, &e, CHUNK);
    key = w->host ? key_load(w, t, 1) : key;
    LirVal to = add(w, chunk, rank_in_chunk(w, t, key));
    store(w, by_chunk(w, to), entry(w, key, add(w, chunk, t)), 0, 8);
    each_end(w, &e);
}

static void order(const Low *first, const char *symbol)
{
    Low w;
    Each e;
    open_launch(&w, first, ORDER, symbol, CHUNK);
    w.lanes = 1;                        /* an instance a thread */
    w.fn->smem = w.host ? 0 : 2 * CHUNK * 4;       /* keys, and those of each piece in order */
    LirVal chunk = times(&w, w.block, CHUNK);
    mark_uniform(&w, LIR_IF, lir_op2(w.fn, LIR_LT, w.block, chunks(&w)));
    order_chunk(&w, chunk);
    mark_uniform(&w, LIR_ELSE, 0);
    LirVal t = each_begin(&w, &e, CHUNK);
    store(&w, by_chunk(&w, add(&w, chunk, t)), lir_ci(w.fn, DT_I64, 0), 0, 8);        /* two marks */
    each_end(&w, &e);
    mark_uniform(&w, LIR_END, 0);
    close_launch(&w, (LowLaunch){.grid = LOW_G_GROUPS_PLACES, .per = CHUNK, .per2 = 2 * CHUNK, .work_bytes = CHUNK * 8});
}

/* ---- (2), (3) merge ---- */

static LirVal place_in_chunk(Low *w, LirVal i) { return load(w, DT_I32, 1, add(w, by_chunk(w, i), lir_ci(w->fn, DT_I64, 4)), 0, 4); }
static LirVal place_in_run(Low *w, LirVal i) { return load(w, DT_I32, 1, add(w, by_run(w, i), lir_ci(w->fn, DT_I64, 4)), 0, 4); }

static Ranked ranked(Low *w, LirVal e, LirVal q, int size)
{
    return (Ranked){place_of(w, e), lir_op2(w->fn, LIR_DIV, q, low_ci(w, size)), lir_op2(w->fn, LIR_AND, q, low_ci(w, size - 1))};
}

/* Threads that rank entries: q is theirs, and each of FAN warps has it, to look for it in other pieces than the others do.  The first of them
 * does the rest, within `mine`; the host has one. */
typedef struct Merger { Each each; LirVal q, t, warp; } Merger;

static void open_merge(Low *w, const Low *first, int nth, const char *symbol)
{
    open_launch(w, first, nth, symbol, FAN * MERGERS);
    w->fn->smem = w->host ? 0 : FAN * MERGERS * 4;
}

static Merger merger_begin(Low *w)
{
    Merger m = {.warp = low_ci(w, 0)};
    m.t = each_begin(w, &m.each, mergers(w));
    if (!w->host) {
        m.warp = lir_op2(w->fn, LIR_DIV, m.t, low_ci(w, MERGERS));
        m.t = lir_op2(w->fn, LIR_REM, m.t, low_ci(w, MERGERS));
    }
    m.q = add(w, times(w, w->block, mergers(w)), m.t);
    return m;
}

/* The rank in all pieces; from here on the first warp goes on alone. */
static LirVal merger_rank(Low *w, const Merger *m, const Pieces *p, const Ranked *e, LirVal c, LirVal end)
{
    LirVal n = rank_in(w, p, e, c, end, m->warp, w->host ? 1 : FAN), own = times(w, m->t, 4 * FAN);
    if (w->host)
        return n;
    lir_add(w->fn, (LirOp){.op = LIR_STS, .ref = -1, .a = {add(w, own, times(w, m->warp, 4)), n}, .imm.i = 4});
    low_mark(w, LIR_BAR, 0);
    low_mark(w, LIR_IF, lir_op2(w->fn, LIR_EQ, m->warp, low_ci(w, 0)));
    LirVal all = lir_add(w->fn, (LirOp){.op = LIR_LDS, .dt = DT_I32, .lanes = FAN, .ref = -1, .a = {own}, .imm.i = 16});
    return lir_add(w->fn, (LirOp){.op = LIR_HSUM, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {all}});
}

static void merger_end(Low *w, const Merger *m)
{
    if (!w->host)
        low_mark(w, LIR_END, 0);
    each_end(w, &m->each);
}

/* The first of its chunk that names its place marks it. */
static void mark_place(Low *w, LirVal q, LirVal e)
{
    LirVal within = lir_op2(w->fn, LIR_GT, lir_op2(w->fn, LIR_AND, q, low_ci(w, CHUNK - 1)), low_ci(w, 0));
    LirVal before = place_of(w, load(w, DT_I64, 1, by_chunk(w, lir_op2(w->fn, LIR_SUB, q, low_ci(w, 1))), within, 8)), place = place_of(w, e);
    LirVal first = lir_op2(w->fn, LIR_OR, lir_op1(w->fn, LIR_NOT, within), lir_op2(w->fn, LIR_NE, before, place));
    first = lir_op2(w->fn, LIR_AND, first, lir_op2(w->fn, LIR_NE, place, low_ci(w, NOWHERE)));
    lir_add(w->fn, (LirOp){.op = LIR_ATOM, .ref = -1, .a = {mark_of(w, place), low_ci(w, 1), first}, .imm.i = 4});
}

static void merge(const Low *first, const char *symbol)
{
    Low w;
    open_merge(&w, first, MERGE, symbol);
    Pieces p = {place_in_chunk, times(&w, chunks(&w), CHUNK), CHUNK};
    Merger m = merger_begin(&w);
    LirVal e = load(&w, DT_I64, 1, by_chunk(&w, m.q), 0, 8), run = lir_op2(w.fn, LIR_DIV, m.q, low_ci(&w, RUN)), c = times(&w, run, FAN);
    Ranked r = ranked(&w, e, m.q, CHUNK);
    LirVal to = merger_rank(&w, &m, &p, &r, c, lir_op2(w.fn, LIR_MIN, add(&w, c, low_ci(&w, FAN)), chunks(&w)));
    mark_place(&w, m.q, e);
    store(&w, by_run(&w, add(&w, times(&w, run, RUN), to)), e, 0, 8);
    merger_end(&w, &m);
    close_launch(&w, (LowLaunch){.grid = LOW_G_GROUPS, .per = mergers(&w), .work_bytes = mergers(&w) * 8});
}

static void merge_runs(const Low *first, const char *symbol)
{
    Low w;
    open_merge(&w, first, MERGE_RUNS, symbol);
    Pieces p = {place_in_run, merged(&w), RUN};
    Merger m = merger_begin(&w);
    LirVal e = load(&w, DT_I64, 1, by_run(&w, m.q), 0, 8);
    Ranked r = ranked(&w, e, m.q, RUN);
    LirVal to = merger_rank(&w, &m, &p, &r, low_ci(&w, 0), ceil_div(&w, w.ninst, RUN));
    store(&w, by_chunk(&w, to), e, 0, 8);
    merger_end(&w, &m);
    close_launch(&w, (LowLaunch){.grid = LOW_G_GROUPS_BEYOND, .per = mergers(&w), .per2 = RUN});
}

/* ---- rows of a tile of columns, added up in registers ---- */

static LirVal zeros(Low *w) { return lir_cf(w->fn, DT_F32, w->s->vec, 0.0); }

static void sums_new(Low *w)
{
    w->acc = ARENA_ARRAY(w->a, LirVal, LOW_MAX_PER);
    for (int k = 0; k < w->s->per; k++)
        w->acc[k] = lir_op1(w->fn, LIR_VAR, zeros(w));
}

static void sums_clear(Low *w)
{
    for (int k = 0; k < w->s->per; k++)
        lir_set(w->fn, w->acc[k], zeros(w));
}

/* The row that an entry's instance adds, where ok: it names a place, so that there is one and its conditions hold. */
static void row_of(Low *w, LirVal e, LirVal ok, LirVal *v)
{
    low_set_instance(w, instance_of(w, e), true);
    w->active = ok;
    w->listed = true;
    for (w->k = 0; w->k < w->s->per; w->k++) {
        low_mask(w);
        memset(w->row, 0, sizeof *w->row * w->tir->nops);
        v[w->k] = lir_splat(w->fn, lir_cast(w->fn, DT_F32, low_row(w, sum_op(w)->a[0])), w->s->vec);
    }
    w->k = 0;
    w->active = 0;
}

static int at_once(const Low *w) { return w->host ? 1 : AT_ONCE; }

/* ---- partial sums of lists ---- */

enum { LEADING, TRAILING };     /* of a list: of a place that began before it; of one that began in it and goes on after it */

static LirVal partial(Low *w, LirVal list, int which)
{
    LirVal tile = lir_op2(w->fn, LIR_DIV, w->turn ? w->turn : low_ci(w, 0), low_ci(w, low_tile(w)));
    LirVal nth = add(w, times(w, add(w, lir_op2(w->fn, LIR_MUL, list, low_tiles(w)), tile), 2), low_ci(w, which));
    LirVal lane = add(w, times(w, w->lane, w->s->vec), low_ci(w, (int64_t)w->k * w->s->lanes * w->s->vec));
    return element(w, element(w, part(w, JOIN), nth, (int64_t)low_tile(w) * 4), lane, 4);
}

static int partial_align(const Low *w) { return w->host || w->s->vec < 4 ? 4 : 16; }

static void partial_store(Low *w, LirVal list, int which)
{
    for (w->k = 0; w->k < w->s->per; w->k++)
        store(w, partial(w, list, which), get(w, w->acc[w->k]), 0, partial_align(w));
    w->k = 0;
}

/* ---- (4) sums ---- */

static void write_place(Low *w, LirVal r, bool sums, LirVal when)
{
    const RowMem *m = &w->rv->store[0];
    low_forget_instance(w);
    w->scalar[w->tir->ix[sum_op(w)->ix + (uint32_t)w->rv->place_dim].val] = whole(w, r);
    LirVal base = low_base(w, sum_op(w), m);
    for (w->k = 0; w->k < w->s->per; w->k++) {
        low_mask(w);
        low_store_vec(w, base, m, lir_cast(w->fn, w->tir->tensors[m->tensor].dt, sums ? get(w, w->acc[w->k]) : zeros(w)), when);
    }
    w->k = 0;
    low_forget_instance(w);
}

/* Place that entry p names; where there is no such entry, one that no entry names. */
static LirVal place_at(Low *w, LirVal p)
{
    LirVal there = lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_GE, p, low_ci(w, 0)), lir_op2(w->fn, LIR_LT, p, merged(w)));
    return lir_op3(w->fn, LIR_SELECT, there, place_of(w, load(w, DT_I64, 1, sorted(w, p), there, 8)), low_ci(w, -1));
}

static LirVal place_before(Low *w, LirVal p) { return place_at(w, lir_op2(w->fn, LIR_SUB, p, low_ci(w, 1))); }
static LirVal named(Low *w, LirVal place) { return lir_op2(w->fn, LIR_NE, place, low_ci(w, NOWHERE)); }

/* The sum at hand is that of `place` up to the list's end, or of all its entries there. */
static void put_sum(Low *w, LirVal list, LirVal leading, LirVal place)
{
    low_mark(w, LIR_IF, leading);
    partial_store(w, list, LEADING);
    low_mark(w, LIR_ELSE, 0);
    if (place)
        write_place(w, place, true, 0);
    else
        partial_store(w, list, TRAILING);
    low_mark(w, LIR_END, 0);
}

/* Entries p .. p + n of a list, and of its sum so far: what the last entry named, and whether it began before the list. */
static void sum_entries(Low *w, LirVal list, LirVal p, LirVal last, LirVal leading)
{
    int n = at_once(w);
    LirVal e[AT_ONCE], place[AT_ONCE + 1], in[AT_ONCE], v[AT_ONCE][LOW_MAX_PER], before = get(w, last);
    for (int u = 0; u < n; u++) {
        e[u] = load(w, DT_I64, 1, sorted(w, add(w, p, low_ci(w, u))), 0, 8);
        place[u] = place_of(w, e[u]);
        in[u] = named(w, place[u]);
    }
    place[n] = place_at(w, add(w, p, low_ci(w, n)));
    for (int u = 0; u < n; u++)
        row_of(w, e[u], in[u], v[u]);
    for (int u = 0; u < n; u++) {
        LirVal begins = lir_op2(w->fn, LIR_NE, u ? place[u - 1] : before, place[u]);
        for (int k = 0; k < w->s->per; k++)
            lir_set(w->fn, w->acc[k], add(w, lir_op3(w->fn, LIR_SELECT, begins, zeros(w), get(w, w->acc[k])), v[u][k]));
        low_mark(w, LIR_IF, lir_op2(w->fn, LIR_AND, in[u], lir_op2(w->fn, LIR_NE, place[u], place[u + 1])));
        put_sum(w, list, get(w, leading), place[u]);
        lir_set(w->fn, leading, lir_ci(w->fn, DT_BOOL, 0));
        low_mark(w, LIR_END, 0);
    }
    lir_set(w->fn, last, place[n - 1]);
}

static void sum_list(Low *w, LirVal list)
{
    LirVal p = times(w, list, LIST), end = add(w, p, low_ci(w, LIST)), before = place_before(w, p);
    LirVal last = lir_op1(w->fn, LIR_VAR, before), leading = lir_op1(w->fn, LIR_VAR, lir_op2(w->fn, LIR_EQ, before, place_at(w, p)));
    sums_clear(w);
    LirVal var = lir_op1(w->fn, LIR_VAR, p), at = low_loop_begin(w, var, end);
    sum_entries(w, list, at, last, leading);
    low_loop_end(w, var, at, low_ci(w, at_once(w)));
    LirVal on = lir_op2(w->fn, LIR_EQ, get(w, last), place_at(w, end));
    low_mark(w, LIR_IF, lir_op2(w->fn, LIR_AND, on, named(w, get(w, last))));
    put_sum(w, list, get(w, leading), 0);
    low_mark(w, LIR_END, 0);
}

/* `run` places from r on that nobody names. */
static void clear_places(Low *w, LirVal r)
{
    LirVal free[64], at[64], marks[64];
    int vec = w->s->run % 4 ? 1 : 4;
    for (int i = 0; i < w->s->run; i += vec)
        marks[i / vec] = load(w, DT_I32, vec, mark_of(w, add(w, r, low_ci(w, i))), 0, 4 * vec);
    for (int i = 0; i < w->s->run; i++) {
        at[i] = add(w, r, low_ci(w, i));
        LirVal mark = vec == 1 ? marks[i] : lir_add(w->fn, (LirOp){.op = LIR_EXTRACT, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {marks[i / vec]}, .imm.i = i % vec});
        LirVal in = lir_op2(w->fn, LIR_LT, at[i], lir_cast(w->fn, DT_I32, places(w)));
        free[i] = lir_op2(w->fn, LIR_AND, in, lir_op2(w->fn, LIR_EQ, mark, low_ci(w, 0)));
    }
    for (int i = 0; i < w->s->run; i++)
        write_place(w, at[i], false, free[i]);
}

/* What a block does in the columns at hand: lists, or zeros. */
static void sum_or_clear(Low *w, LirVal nth)
{
    int rows = w->s->rows;
    LirVal lists = ceil_div(w, w->ninst, rows * LIST);
    low_mark(w, LIR_IF, lir_op2(w->fn, LIR_LT, nth, lists));
    LirVal list = add(w, times(w, nth, rows), w->grp);
    low_mark(w, LIR_IF, lir_op2(w->fn, LIR_LT, times(w, list, LIST), w->ninst));
    sum_list(w, list);
    low_mark(w, LIR_END, 0);
    low_mark(w, LIR_ELSE, 0);
    clear_places(w, times(w, add(w, times(w, lir_op2(w->fn, LIR_SUB, nth, lists), rows), w->grp), w->s->run));
    low_mark(w, LIR_END, 0);
}

/* f for the block's columns, with its number among those of the same columns. */
static void each_tile(Low *w, void (*f)(Low *w, LirVal nth))
{
    if (w->s->split) {
        LirVal tiles = low_tiles(w);
        w->turn = times(w, lir_op2(w->fn, LIR_REM, w->block, tiles), low_tile(w));
        f(w, lir_op2(w->fn, LIR_DIV, w->block, tiles));
    } else if (w->s->len == LEN_ANY) {
        LirVal var = lir_op1(w->fn, LIR_VAR, low_ci(w, 0)), turn = low_loop_begin(w, var, w->rowlen);
        w->turn = turn;
        f(w, w->block);
        w->turn = 0;
        low_loop_end(w, var, turn, low_ci(w, low_tile(w)));
    } else
        f(w, w->block);
}

static int columns_a_block(const Low *w) { return w->s->split ? low_tile(w) : INT32_MAX; }

static void sums(const Low *first, const char *symbol)
{
    Low w;
    const Sched *s = first->s;
    open_launch(&w, first, SUMS, symbol, s->rows * s->lanes);
    open_groups(&w, s->rows);
    sums_new(&w);
    each_tile(&w, sum_or_clear);
    close_launch(&w, (LowLaunch){.grid = LOW_G_PLACES_COLUMNS, .per = s->rows * LIST, .per2 = s->rows * s->run, .per3 = columns_a_block(&w)});
}

/* ---- (5) join ---- */

/* Groups of lanes, each of which has a list of the block's. */
static int join_groups(const Sched *s, bool host)
{
    int n = 1;
    while (!host && 2 * n <= JOIN_GROUPS && 2 * n * s->lanes <= JOIN_THREADS && 2 * n * s->lanes * s->vec * s->per * 4 <= JOIN_BYTES)
        n *= 2;
    return n;
}

/* Adds the leading partial sums of lists from m on, as many as are read at once, where they name r. */
static void add_some(Low *w, LirVal m, LirVal r)
{
    LirVal v[AT_ONCE][LOW_MAX_PER];
    for (int u = 0; u < at_once(w); u++) {
        LirVal list = add(w, m, low_ci(w, u)), ok = lir_op2(w->fn, LIR_EQ, place_at(w, times(w, list, LIST)), r);
        for (w->k = 0; w->k < w->s->per; w->k++)
            v[u][w->k] = load(w, DT_F32, w->s->vec, partial(w, list, LEADING), ok, partial_align(w));
    }
    for (w->k = 0; w->k < w->s->per; w->k++)
        for (int u = 0; u < at_once(w); u++)
            lir_set(w->fn, w->acc[w->k], add(w, get(w, w->acc[w->k]), v[u][w->k]));
    w->k = 0;
}

/* Adds those of all lists from m on that name r, in rounds of which each group has its own. */
static void add_all(Low *w, LirVal m, LirVal r)
{
    int n = at_once(w), all = n * join_groups(w->s, w->host);
    LirVal var = lir_op1(w->fn, LIR_VAR, m), more = lir_op1(w->fn, LIR_VAR, lir_ci(w->fn, DT_BOOL, 1));
    low_mark(w, LIR_LOOP, 0);
    low_mark(w, LIR_WHILE, get(w, more));
    LirVal at = get(w, var), end = add(w, at, low_ci(w, all));
    lir_set(w->fn, more, lir_op2(w->fn, LIR_EQ, place_at(w, times(w, lir_op2(w->fn, LIR_SUB, end, low_ci(w, 1)), LIST)), r));
    add_some(w, add(w, at, times(w, w->grp, n)), r);
    lir_set(w->fn, var, end);
    low_mark(w, LIR_END, 0);
}

/* The groups' sums together, which the first group then has. */
static void add_groups(Low *w)
{
    int groups = join_groups(w->s, w->host), bytes = low_tile(w) * 4;
    LirVal lane = times(w, w->lane, 4 * w->s->vec), own = add(w, lane, times(w, w->grp, bytes));
    if (groups == 1)
        return;
    for (int k = 0; k < w->s->per; k++)
        lir_add(w->fn, (LirOp){.op = LIR_STS, .ref = -1, .a = {add(w, own, low_ci(w, k * w->s->lanes * w->s->vec * 4)), get(w, w->acc[k])}, .imm.i = 4 * w->s->vec < 16 ? 4 : 16});
    low_mark(w, LIR_BAR, 0);
    for (int g = 1; g < groups; g++)
        for (int k = 0; k < w->s->per; k++) {
            LirVal from = add(w, lane, low_ci(w, g * bytes + k * w->s->lanes * w->s->vec * 4));
            LirVal v = lir_add(w->fn, (LirOp){.op = LIR_LDS, .dt = DT_F32, .lanes = (uint8_t)w->s->vec, .ref = -1, .a = {from}, .imm.i = 4 * w->s->vec < 16 ? 4 : 16});
            lir_set(w->fn, w->acc[k], add(w, get(w, w->acc[k]), v));
        }
    low_mark(w, LIR_BAR, 0);            /* before the next sums come there */
}

/* Does the place that list's last entry names begin in the list, and go on after it? In *far whether past the lists that are read at once. */
static LirVal goes_on(Low *w, LirVal list, LirVal *far, LirVal *r)
{
    LirVal p = times(w, list, LIST), last = place_at(w, add(w, p, low_ci(w, LIST - 1)));
    LirVal begins = lir_op2(w->fn, LIR_OR, lir_op2(w->fn, LIR_NE, place_at(w, p), last), lir_op2(w->fn, LIR_NE, place_before(w, p), last));
    LirVal some = lir_op2(w->fn, LIR_AND, named(w, last), lir_op2(w->fn, LIR_GE, last, low_ci(w, 0)));
    *r = place_at(w, add(w, p, low_ci(w, LIST)));
    *far = lir_op2(w->fn, LIR_EQ, place_at(w, add(w, p, low_ci(w, (int64_t)LIST * (1 + at_once(w))))), last);
    return lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_AND, begins, some), lir_op2(w->fn, LIR_EQ, *r, last));
}

static void take_trailing(Low *w, LirVal list, LirVal when)
{
    for (w->k = 0; w->k < w->s->per; w->k++)
        lir_set(w->fn, w->acc[w->k], load(w, DT_F32, w->s->vec, partial(w, list, TRAILING), when, partial_align(w)));
    w->k = 0;
}

/* The group's own list, if its place does not go far. */
static void join_near(Low *w, LirVal list)
{
    LirVal far, r, on = goes_on(w, list, &far, &r);
    low_mark(w, LIR_IF, lir_op2(w->fn, LIR_AND, on, lir_op1(w->fn, LIR_NOT, far)));
    take_trailing(w, list, 0);
    add_some(w, add(w, list, low_ci(w, 1)), r);
    write_place(w, r, true, 0);
    low_mark(w, LIR_END, 0);
}

/* All groups, one list of the block's after another. */
static void join_far(Low *w, LirVal list)
{
    int groups = join_groups(w->s, w->host);
    LirVal var = lir_op1(w->fn, LIR_VAR, low_ci(w, 0)), i = low_loop_begin(w, var, low_ci(w, groups)), own = add(w, list, i), far, r;
    LirVal on = goes_on(w, own, &far, &r), first = lir_op2(w->fn, LIR_EQ, w->grp, low_ci(w, 0));
    mark_uniform(w, LIR_IF, groups > 1 ? lir_op2(w->fn, LIR_AND, on, far) : on);
    take_trailing(w, own, first);
    add_all(w, add(w, own, low_ci(w, 1)), r);
    add_groups(w);
    low_mark(w, LIR_IF, first);
    write_place(w, r, true, 0);
    low_mark(w, LIR_END, 0);
    mark_uniform(w, LIR_END, 0);
    low_loop_end(w, var, i, low_ci(w, 1));
}

static void join(const Low *first, const char *symbol)
{
    Low w;
    int groups = join_groups(first->s, first->host);
    open_launch(&w, first, JOIN, symbol, groups * first->s->lanes);
    open_groups(&w, groups);
    w.fn->smem = groups > 1 ? (uint32_t)(groups * low_tile(&w) * 4) : 0;
    sums_new(&w);
    LirVal tiles = low_tiles(&w);
    w.turn = times(&w, lir_op2(w.fn, LIR_REM, w.block, tiles), low_tile(&w));
    LirVal list = times(&w, lir_op2(w.fn, LIR_DIV, w.block, tiles), groups);
    if (groups > 1)
        join_near(&w, add(&w, list, w.grp));
    join_far(&w, list);
    close_launch(&w, (LowLaunch){.grid = LOW_G_GROUPS_COLUMNS, .per = groups * LIST, .per2 = low_tile(&w), .work_bytes = groups * 2 * low_tile(&w) * 4});
}

void low_scatter(Low *w, const char *symbol)
{
    order(w, symbol);
    merge(w, symbol);
    merge_runs(w, symbol);
    sums(w, symbol);
    join(w, symbol);
}
