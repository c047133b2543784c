/* low_sort.c: entries (place, instance) in order of their place, and of the instance where it is the same: the first launches of a sum
 * through an index. No float is touched, and the order is one that the indices alone tell.
 *
 * (1) order: a block sorts the entries of CHUNK instances, and does what else they do with scalars; other blocks clear the marks of places.
 * Of no more than SORT_FEW entries: (2) merge: an entry's rank is the number of smaller ones in all chunks, which a block has in shared memory.
 * Of more, (1) counts instead, and what follows is in low_digit.c.
 * In the last of these launches one of the entries that name a place, or a few of them, mark it.
 *
 * Workspace, of (1): entries by chunk, or between two digits; entries in order; keys of the host; an i32 mark for each place.
 */
#include "low_sort.h"

enum { PIECE = 64, CHUNK = 512, FAN = SORT_FEW / CHUNK, MERGERS = 256, SLOT = 24 /* bytes of an entry */ };


static const TirOp *sum_op(const Low *w) { return &w->tir->ops[w->rv->scatter]; }

static LirVal places(Low *w) { return low_extent(w, row_view_places(w->rv)); }
static LirVal nowhere(Low *w) { return lir_cast(w->fn, DT_I32, places(w)); }

/* ---- the workspace ---- */

static LirVal chunks(Low *w) { return ceil_div(w, w->ninst, CHUNK); }
LirVal sort_entries(Low *w) { return times(w, chunks(w), CHUNK); }
LirVal sort_area(Low *w, int nth) { return sort_element(w, sort_part(w, SCATTER_ORDER), times(w, chunks(w), nth), 8 * CHUNK); }
static LirVal by_chunk(Low *w, LirVal i) { return sort_element(w, sort_area(w, 0), i, 8); }

LirVal low_sorted(Low *w, LirVal i) { return sort_element(w, sort_area(w, 1), i, 8); }
LirVal low_sorted_end(Low *w) { return times(w, ceil_div(w, w->ninst, MERGERS), MERGERS); }
LirVal low_mark_of(Low *w, LirVal place) { return sort_element(w, sort_area(w, SLOT / 8), place, 4); }

LirVal low_load_at(Low *w, DType dt, int lanes, LirVal at, LirVal when, int align)
{
    LirOp o = {.op = when ? LIR_LDGP : LIR_LDG, .dt = (uint8_t)dt, .lanes = (uint8_t)lanes, .ref = -1, .a = {at, when}, .imm.i = align};
    return lir_add(w->fn, o);
}

void low_store_at(Low *w, LirVal at, LirVal v, LirVal when, int align)
{
    lir_add(w->fn, (LirOp){.op = when ? LIR_STGP : LIR_STG, .ref = -1, .a = {at, v, when}, .imm.i = align});
}

LirVal low_entry(Low *w, LirVal place, LirVal instance)
{
    LirVal high = lir_op2(w->fn, LIR_SHL, whole(w, place), lir_ci(w->fn, DT_I64, 32));
    return lir_op2(w->fn, LIR_OR, high, whole(w, instance));
}

LirVal low_place_of(Low *w, LirVal e) { return lir_cast(w->fn, DT_I32, lir_op2(w->fn, LIR_SHR, e, lir_ci(w->fn, DT_I64, 32))); }
LirVal low_named(Low *w, LirVal place) { return less(w, place, nowhere(w)); }

/* ---- launches and what their threads share ---- */

void low_launch_open(Low *w, const Low *first, int nth, const char *symbol, int threads)
{
    *w = *first;
    w->fn = low_launch_after(first, nth ? arena_strf(w->a, "%s_%d", symbol, nth) : symbol, threads);
    w->fn->min_ctas = 1;                /* left free, the assembler may spill to fit one block more */
    w->active = w->head = w->turn = w->turn_k = 0;
    w->tid = w->host ? low_ci(w, 0) : low_sreg(w, LIR_TID);
    w->grp = low_ci(w, 0);
    w->lane = w->at = nth == SCATTER_ORDER ? w->grp : w->tid;
    w->block = low_sreg(w, LIR_CTAID);
    w->rowlen = low_rowlen(w);
    w->ninst = low_word32(w, LIR_W_INST, 0);
    low_forget_instance(w);
}

void low_launch_close(const Low *w, LowLaunch l)
{
    l.fn = w->fn;
    l.ctas = 1;
    w->out->launch[w->out->nlaunch++] = l;
}

/* One of n things for each thread of the block; the host has one thread, which does them in turn. */
typedef struct Each { LirVal var, t; } Each;

static LirVal each_begin(Low *w, Each *e, int n)
{
    e->var = w->host ? var_of(w, low_ci(w, 0)) : 0;
    return e->t = w->host ? low_loop_begin(w, e->var, low_ci(w, n)) : w->tid;
}

static void each_end(Low *w, const Each *e)
{
    if (w->host)
        low_loop_end(w, e->var, e->t, low_ci(w, 1));
}

static void barrier(Low *w)
{
    if (!w->host)
        low_mark(w, LIR_BAR, 0);
}

/* ---- keys of a chunk ---- */

/* In shared memory, where there is room for two of each; on the host in an area of their own. */
static LirVal key_at(Low *w, LirVal t) { return w->host ? sort_element(w, sort_area(w, 2), add(w, times(w, w->block, CHUNK), t), 4) : times(w, t, 4); }

static void key_store(Low *w, LirVal t, LirVal key)
{
    if (w->host)
        low_store_at(w, key_at(w, t), key, 0, 4);
    else
        lir_add(w->fn, (LirOp){.op = LIR_STS, .ref = -1, .a = {key_at(w, t), key}, .imm.i = 4});
}

static int key_lanes(const Low *w) { return w->host ? 16 : 4; }

static LirVal key_load(Low *w, LirVal t, int lanes)
{
    if (w->host)
        return low_load_at(w, DT_I32, lanes, key_at(w, t), 0, 4);
    return lir_add(w->fn, (LirOp){.op = LIR_LDS, .dt = DT_I32, .lanes = (uint8_t)lanes, .ref = -1, .a = {key_at(w, t)}, .imm.i = 4 * lanes});
}

static LirVal one_key(Low *w, LirVal t) { return key_load(w, t, 1); }

static LirVal count(Low *w, LirVal yes) { return lir_cast(w->fn, DT_I32, yes); }

/* How many entries of the n from `from` on come before that of t among them: smaller keys, and equal ones before t. */
static LirVal rank_of_key(Low *w, LirVal t, LirVal key, LirVal from, int all)
{
    int n = key_lanes(w);
    LirVal up = add(w, key, low_ci(w, 1)), sum = var_of(w, lir_splat(w->fn, low_ci(w, 0), n)), var = var_of(w, from);
    LirVal u = low_loop_begin(w, var, add(w, from, low_ci(w, all))), s = get(w, sum);
    LirVal bound = pick(w, lir_op2(w->fn, LIR_LE, add(w, u, low_ci(w, n)), t), up, key);
    lir_set(w->fn, sum, add(w, s, count(w, less(w, key_load(w, u, n), lir_splat(w->fn, bound, n)))));
    low_loop_end(w, var, u, low_ci(w, n));
    LirVal own = lir_op2(w->fn, LIR_AND, t, low_ci(w, -n)), steps = lir_add(w->fn, (LirOp){.op = LIR_STEPS, .dt = DT_I32, .lanes = (uint8_t)n, .ref = -1});
    LirVal same = lir_op2(w->fn, LIR_EQ, key_load(w, own, n), lir_splat(w->fn, key, n));
    LirVal before = less(w, steps, lir_splat(w->fn, sub(w, t, own), n));
    s = add(w, get(w, sum), count(w, lir_op2(w->fn, LIR_AND, same, before)));
    return lir_add(w->fn, (LirOp){.op = LIR_HSUM, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {s}});
}

/* ---- searches ---- */

/* In pieces of `size` numbers in rising order, a power of two, that begin at first[u]: how many are below bound[u], side by side. */
static void search(Low *w, LirVal (*at)(Low *w, LirVal i), int size, const LirVal *first, const LirVal *bound, int n, LirVal *found)
{
    LirVal pos[FAN], one = low_ci(w, 1);
    int steps = 1;
    while (size >> steps)
        steps++;
    for (int u = 0; u < n; u++)
        pos[u] = var_of(w, first[u]);
    LirVal var = var_of(w, low_ci(w, 0)), nth = low_loop_begin(w, var, low_ci(w, steps));
    LirVal step = lir_op2(w->fn, LIR_MAX, lir_op2(w->fn, LIR_SHR, low_ci(w, size / 2), nth), one);
    for (int u = 0; u < n; u++) {
        LirVal have = get(w, pos[u]), next = add(w, have, step);
        lir_set(w->fn, pos[u], pick(w, less(w, at(w, sub(w, next, one)), bound[u]), next, have));
    }
    low_loop_end(w, var, nth, one);
    for (int u = 0; u < n; u++)
        found[u] = sub(w, get(w, pos[u]), first[u]);
}

/* ---- (1) order ---- */

/* The place that the instance at hand names. */
LirVal low_place_named(Low *w)
{
    LirVal j = low_scalar(w, w->tir->ix[sum_op(w)->ix + (uint32_t)w->rv->place_dim].val);
    LirVal in = lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_GE, j, lir_ci(w->fn, DT_I64, 0)), less(w, j, places(w)));
    in = low_and(w, in, low_guard(w, w->rv->scatter));
    return pick(w, in, lir_cast(w->fn, DT_I32, j), nowhere(w));
}

/* Rank of the thread's key in the chunk: by comparing it with all of its PIECE, which then stands in order, and by searches in one that
 * stands so beside it, twice as large each time. Then the keys are in order from 0 on. */
static LirVal rank_in_chunk(Low *w, LirVal t, LirVal key)
{
    if (w->host)
        return rank_of_key(w, t, key, low_ci(w, 0), CHUNK);
    LirVal rank = rank_of_key(w, t, key, sub(w, t, rest(w, t, PIECE)), PIECE);
    int half = 1;
    for (int size = PIECE; size < CHUNK; size *= 2, half ^= 1) {
        LirVal own = sub(w, t, rest(w, t, size)), other = lir_op2(w->fn, LIR_XOR, own, low_ci(w, size)), found;
        key_store(w, add(w, add(w, own, rank), low_ci(w, half * CHUNK)), key);
        barrier(w);
        LirVal first = add(w, other, low_ci(w, half * CHUNK)), bound = add(w, key, count(w, less(w, other, own)));
        search(w, one_key, size, &first, &bound, 1, &found);
        rank = add(w, rank, found);
    }
    key_store(w, rank, key);            /* half is 0 again */
    return rank;
}

/* The entries of the block's chunk. */
static void order_chunk(Low *w)
{
    Each e;
    LirVal t = each_begin(w, &e, CHUNK), q = add(w, times(w, w->block, CHUNK), t);
    low_set_instance(w, q, true);
    LirVal place = low_place_named(w), x = low_entry(w, place, q);
    low_scalar_stores(w);
    if (w->host)
        low_store_at(w, low_sorted(w, q), x, 0, 8);
    key_store(w, t, place);
    each_end(w, &e);
    barrier(w);
    t = each_begin(w, &e, CHUNK);
    if (w->host) {
        x = low_load_at(w, DT_I64, 1, low_sorted(w, add(w, times(w, w->block, CHUNK), t)), 0, 8);
        place = one_key(w, t);
    }
    low_store_at(w, by_chunk(w, add(w, times(w, w->block, CHUNK), rank_in_chunk(w, t, place))), x, 0, 8);
    each_end(w, &e);
}

static void order(const Low *first, const char *symbol)
{
    Low w;
    Each e;
    low_launch_open(&w, first, SCATTER_ORDER, symbol, CHUNK);
    low_launch_wait(&w);
    low_launch_go(&w);
    w.lanes = 1;                        /* an instance a thread */
    w.fn->smem = low_count_shared(&w);          /* keys take less */
    mark_uniform(&w, LIR_IF, less(&w, w.block, chunks(&w)));
    mark_uniform(&w, LIR_IF, lir_op2(w.fn, LIR_GT, w.ninst, low_ci(&w, SORT_FEW)));
    low_count(&w, false);
    mark_uniform(&w, LIR_ELSE, 0);
    order_chunk(&w);
    mark_uniform(&w, LIR_END, 0);
    mark_uniform(&w, LIR_ELSE, 0);
    int marks = SLOT / 4;     /* of as many bytes as an entry has */
    LirVal t = each_begin(&w, &e, CHUNK), at = times(&w, add(&w, times(&w, sub(&w, w.block, chunks(&w)), CHUNK), t), marks);
    for (int i = 0; i < marks; i += 2)
        low_store_at(&w, low_mark_of(&w, add(&w, at, low_ci(&w, i))), lir_ci(w.fn, DT_I64, 0), 0, 8);
    each_end(&w, &e);
    mark_uniform(&w, LIR_END, 0);
    low_launch_close(&w, (LowLaunch){.grid = LOW_G_GROUPS_PLACES, .per = CHUNK, .per2 = marks * CHUNK, .work_bytes = CHUNK * SLOT});
}

/* The first of its chunk that names its place marks it. */
static void mark_place(Low *w, LirVal q, LirVal e)
{
    LirVal within = lir_op2(w->fn, LIR_GT, rest(w, q, CHUNK), low_ci(w, 0));
    LirVal before = low_place_of(w, low_load_at(w, DT_I64, 1, by_chunk(w, sub(w, q, low_ci(w, 1))), within, 8)), place = low_place_of(w, e);
    LirVal first = lir_op2(w->fn, LIR_OR, lir_op1(w->fn, LIR_NOT, within), lir_op2(w->fn, LIR_NE, before, place));
    first = lir_op2(w->fn, LIR_AND, first, low_named(w, place));
    lir_add(w->fn, (LirOp){.op = LIR_ATOM, .ref = -1, .a = {low_mark_of(w, place), low_ci(w, 1), first}, .imm.i = 4});
}

/* ---- (2) merge ---- */

/* The places of all chunks, in shared memory. */
static void fetch_places(Low *w)
{
    LirVal x[SORT_FEW / 2 / MERGERS], end = times(w, chunks(w), CHUNK), at = times(w, w->tid, 2);
    for (int u = 0; u < SORT_FEW / 2 / MERGERS; u++) {
        LirVal i = add(w, at, low_ci(w, u * 2 * MERGERS));
        x[u] = low_load_at(w, DT_I64, 2, by_chunk(w, i), less(w, i, end), 16);
    }
    for (int u = 0; u < SORT_FEW / 2 / MERGERS; u++) {
        LirVal i = add(w, at, low_ci(w, u * 2 * MERGERS)), place = lir_cast(w->fn, DT_I32, lir_op2(w->fn, LIR_SHR, x[u], lir_splat(w->fn, lir_ci(w->fn, DT_I64, 32), 2)));
        lir_add(w->fn, (LirOp){.op = LIR_STS, .ref = -1, .a = {times(w, i, 4), place}, .imm.i = 8});
    }
    barrier(w);
}

static LirVal place_in_chunk(Low *w, LirVal i)
{
    return w->host ? low_load_at(w, DT_I32, 1, add(w, by_chunk(w, i), lir_ci(w->fn, DT_I64, 4)), 0, 4) : one_key(w, i);
}

/* How many entries of all chunks come before that of place `place`, entry q. */
static LirVal rank_in_all(Low *w, LirVal q, LirVal place)
{
    LirVal first[FAN], bound[FAN], found[FAN], rank = rest(w, q, CHUNK), own = over(w, q, CHUNK), last = sub(w, chunks(w), low_ci(w, 1));
    for (int c = 0; c < FAN; c++) {
        first[c] = times(w, lir_op2(w->fn, LIR_MIN, low_ci(w, c), last), CHUNK);
        bound[c] = add(w, place, count(w, less(w, low_ci(w, c), own)));
    }
    search(w, place_in_chunk, CHUNK, first, bound, FAN, found);
    for (int c = 0; c < FAN; c++) {
        LirVal other = lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_NE, low_ci(w, c), own), lir_op2(w->fn, LIR_LE, low_ci(w, c), last));
        rank = add(w, rank, pick(w, other, found[c], low_ci(w, 0)));
    }
    return rank;
}

static void merge(const Low *first, const char *symbol)
{
    Low w;
    Each each;
    low_launch_open(&w, first, SCATTER_MERGE, symbol, MERGERS);
    low_launch_wait(&w);
    low_launch_go(&w);
    w.fn->smem = w.host ? 0 : SORT_FEW * 4;
    if (!w.host)
        fetch_places(&w);
    LirVal t = each_begin(&w, &each, MERGERS), q = add(&w, times(&w, w.block, MERGERS), t), e = low_load_at(&w, DT_I64, 1, by_chunk(&w, q), 0, 8);
    mark_place(&w, q, e);
    low_store_at(&w, low_sorted(&w, rank_in_all(&w, q, low_place_of(&w, e))), e, 0, 8);
    each_end(&w, &each);
    low_launch_close(&w, (LowLaunch){.grid = LOW_G_GROUPS_WITHIN, .per = MERGERS, .per2 = SORT_FEW});
}

void low_sort(const Low *first, const char *symbol)
{
    order(first, symbol);
    merge(first, symbol);
    low_digits(first, symbol);
}
