/* low_scatter.c: sums through an index (dw[idx[i], :] += ..), deterministic: whoever owns a place adds up, in f32 and in the order of their
 * instances, the rows that name it, and writes it once; places that nobody names become zero.
 *
 * Four launches.  (1) order: a block sorts the entries (place, instance) of CHUNK instances, and does what else they do with scalars.
 * (2) place: an entry's rank is the number of smaller ones in every chunk, so that all are sorted.  (3) lists: every LIST sorted entries of
 * one and the same place are added up, so that a place named by thousands is no chain of thousands; and the places that are named are
 * marked.  (4) owners: the first blocks own an entry each, and where it is its place's first write the place, taking whole lists where
 * they meet them; the others write zeros, `run` places each, but for those that are marked.  Reads and writes come together, then writes
 * alone: mixed throughout, the memory turns round too often.
 *
 * Workspace: of (1), entries by chunk, then all of them sorted, i64 each, place << 32 | instance; of (2), an i32 mark for each place; of
 * (3), a row of f32 for each list, by column tiles.  Entries that name no place stand last.
 */
#include "low.h"

#include <string.h>

enum { CHUNK = 512, LIST = 64, AT_ONCE = 4, SEARCHES = 16, PLACERS = 128, NOWHERE = INT32_MAX - 1 };
enum { ORDER, PLACE, LISTS, OWNERS };

static LirVal add(Low *w, LirVal a, LirVal b) { return lir_op2(w->fn, LIR_ADD, a, b); }
static LirVal times(Low *w, LirVal a, int64_t by) { return lir_op2(w->fn, LIR_MUL, a, low_ci(w, by)); }
static LirVal sreg(Low *w, LirOpcode op) { return lir_add(w->fn, (LirOp){.op = (uint8_t)op, .dt = DT_I32, .lanes = 1, .ref = -1}); }
static LirVal get(Low *w, LirVal var) { return lir_op1(w->fn, LIR_GET, var); }
static LirVal whole(Low *w, LirVal i32) { return lir_cast(w->fn, DT_I64, i32); }

static const TirOp *sum_op(const Low *w) { return &w->tir->ops[w->rv->scatter]; }

static LirVal places(Low *w) { return low_extent(w, row_view_places(w->rv)); }

/* ---- the workspace ---- */

static LirVal part(Low *w, int launch) { return low_word(w, DT_I64, (LirWord){LIR_W_WORK, (uint16_t)launch, 0}); }
static LirVal element(Low *w, LirVal base, LirVal i, int64_t bytes) { return add(w, base, low_mul_i64(w, i, bytes)); }

/* Blocks of launch 0, which are its chunks. */
static LirVal chunks(Low *w, int launch) { return launch == ORDER ? sreg(w, LIR_NCTAID) : low_word(w, DT_I32, (LirWord){LIR_W_BLOCKS, ORDER, 0}); }
static LirVal by_chunk(Low *w, LirVal i) { return element(w, part(w, ORDER), i, 8); }
static LirVal sorted(Low *w, int launch, LirVal i) { return element(w, element(w, part(w, ORDER), chunks(w, launch), CHUNK * 8), i, 8); }

/* Marks stand behind the blocks of (2) that place entries. */
static LirVal placing_blocks(Low *w) { return lir_op2(w->fn, LIR_DIV, add(w, w->ninst, low_ci(w, PLACERS - 1)), low_ci(w, PLACERS)); }
static LirVal mark_of(Low *w, LirVal place) { return element(w, part(w, PLACE), add(w, times(w, placing_blocks(w), PLACERS), place), 4); }

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

/* Sorted entry p, and in *in whether there is one (and `also` holds; 0: always). */
static LirVal sorted_entry(Low *w, LirVal p, LirVal also, LirVal *in)
{
    *in = low_and(w, lir_op2(w->fn, LIR_LT, p, w->ninst), also);
    return load(w, DT_I64, 1, sorted(w, OWNERS, p), *in, 8);
}

/* ---- launches and what their threads share ---- */

static void open_launch(Low *w, const Low *first, int nth, const char *symbol, int threads)
{
    *w = *first;
    w->fn = lir_new(w->a, nth ? arena_strf(w->a, "%s_%d", symbol, nth) : symbol);
    w->fn->precise = first->fn->precise;
    w->fn->pdl = w->s->pdl ? LIR_PDL_AFTER : LIR_PDL_NONE;
    w->fn->warp = w->host ? 1 : 32;
    w->fn->cluster = 1;
    w->fn->threads = w->host ? 1 : (uint32_t)threads;
    w->fn->min_ctas = nth == OWNERS ? (uint32_t)w->s->ctas : 0;
    w->active = w->head = w->turn = w->turn_k = 0;
    w->tid = w->host ? low_ci(w, 0) : sreg(w, LIR_TID);
    w->grp = low_ci(w, 0);
    w->lane = w->at = w->tid;
    w->block = sreg(w, LIR_CTAID);
    w->rowlen = w->s->len == LEN_EXACT ? low_ci(w, w->s->n) : low_word(w, DT_I32, (LirWord){LIR_W_ROWLEN, 0, 0});
    w->ninst = low_word(w, DT_I32, (LirWord){LIR_W_INST, 0, 0});
    low_forget_instance(w);
    if (w->fn->pdl) {
        low_mark(w, LIR_PDLWAIT, 0);
        low_mark(w, LIR_PDLGO, 0);
    }
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

/* ---- (1) order ---- */

/* Keys of the block's chunk: in shared memory; on the host where the sorted entries will come. */
static void key_store(Low *w, LirVal t, LirVal key)
{
    if (w->host)
        store(w, element(w, sorted(w, ORDER, times(w, w->block, CHUNK)), t, 4), key, 0, 4);
    else
        lir_add(w->fn, (LirOp){.op = LIR_STS, .ref = -1, .a = {times(w, t, 4), key}, .imm.i = 4});
}

static int key_lanes(const Low *w) { return w->host ? 16 : 4; }

static LirVal key_load(Low *w, LirVal t, int lanes)
{
    if (w->host)
        return load(w, DT_I32, lanes, element(w, sorted(w, ORDER, times(w, w->block, CHUNK)), t, 4), 0, 4);
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

/* How many entries of the chunk come before that of t: smaller keys, and equal ones before t. */
static LirVal rank_in_chunk(Low *w, LirVal t, LirVal key)
{
    int n = key_lanes(w);
    LirVal up = add(w, key, low_ci(w, 1)), sum = lir_op1(w->fn, LIR_VAR, lir_splat(w->fn, low_ci(w, 0), n)), var = lir_op1(w->fn, LIR_VAR, low_ci(w, 0));
    LirVal u = low_loop_begin(w, var, low_ci(w, CHUNK)), s = get(w, sum);
    for (int i = 0; i < 4; i++) {
        LirVal at = add(w, u, low_ci(w, i * n)), before = lir_op2(w->fn, LIR_LE, add(w, at, low_ci(w, n)), t);
        LirVal bound = lir_op3(w->fn, LIR_SELECT, before, up, key);
        s = add(w, s, count(w, lir_op2(w->fn, LIR_LT, key_load(w, at, n), lir_splat(w->fn, bound, n))));
    }
    lir_set(w->fn, sum, s);
    low_loop_end(w, var, u, low_ci(w, 4 * n));
    LirVal own = lir_op2(w->fn, LIR_AND, t, low_ci(w, -n)), steps = lir_add(w->fn, (LirOp){.op = LIR_STEPS, .dt = DT_I32, .lanes = (uint8_t)n, .ref = -1});
    LirVal same = lir_op2(w->fn, LIR_EQ, key_load(w, own, n), lir_splat(w->fn, key, n));
    LirVal before = lir_op2(w->fn, LIR_LT, steps, lir_splat(w->fn, lir_op2(w->fn, LIR_SUB, t, own), n));
    s = add(w, get(w, sum), count(w, lir_op2(w->fn, LIR_AND, same, before)));
    return lir_add(w->fn, (LirOp){.op = LIR_HSUM, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {s}});
}

static void order(const Low *first, const char *symbol)
{
    Low w;
    Each e;
    open_launch(&w, first, ORDER, symbol, CHUNK);
    w.lanes = 1;                        /* an instance a thread */
    w.fn->smem = w.host ? 0 : CHUNK * 4;
    LirVal chunk = times(&w, w.block, CHUNK), t = each_begin(&w, &e, CHUNK);
    low_set_instance(&w, add(&w, chunk, t), true);
    LirVal key = key_of(&w);
    key_store(&w, t, key);
    low_scalar_stores(&w);
    each_end(&w, &e);
    if (!w.host)
        low_mark(&w, LIR_BAR, 0);
    t = each_begin(&w, &e, CHUNK);
    key = w.host ? key_load(&w, t, 1) : key;
    LirVal to = add(&w, chunk, rank_in_chunk(&w, t, key));
    store(&w, by_chunk(&w, to), entry(&w, key, add(&w, chunk, t)), 0, 8);
    each_end(&w, &e);
    close_launch(&w, (LowLaunch){.grid = LOW_G_GROUPS, .per = CHUNK, .work_bytes = CHUNK * 16});
}

/* ---- (2) place ---- */

/* Entries below e in chunks c .. c+n-1; past the last chunk there are none. */
static LirVal below(Low *w, LirVal e, LirVal c, int n)
{
    LirVal nchunks = chunks(w, PLACE), at[SEARCHES], pos[SEARCHES], sum = low_ci(w, 0);
    for (int u = 0; u < n; u++) {
        LirVal mine = lir_op2(w->fn, LIR_MIN, add(w, c, low_ci(w, u)), lir_op2(w->fn, LIR_SUB, nchunks, low_ci(w, 1)));
        at[u] = by_chunk(w, times(w, mine, CHUNK));
        pos[u] = low_ci(w, 0);
    }
    for (int step = CHUNK / 2, last = 0; !last; step /= 2) {
        last = step == 0;
        for (int u = 0; u < n; u++) {
            LirVal x = load(w, DT_I64, 1, element(w, at[u], add(w, pos[u], low_ci(w, last ? 0 : step - 1)), 8), 0, 8);
            LirVal on = lir_op2(w->fn, LIR_LT, x, e);
            pos[u] = lir_op3(w->fn, LIR_SELECT, on, add(w, pos[u], low_ci(w, last ? 1 : step)), pos[u]);
        }
    }
    for (int u = 0; u < n; u++) {
        LirVal there = lir_op2(w->fn, LIR_LT, add(w, c, low_ci(w, u)), nchunks);
        sum = add(w, sum, lir_op3(w->fn, LIR_SELECT, there, pos[u], low_ci(w, 0)));
    }
    return sum;
}

static LirVal rank_in_all(Low *w, LirVal e)
{
    int n = w->host ? 1 : SEARCHES;
    LirVal sum = lir_op1(w->fn, LIR_VAR, low_ci(w, 0)), var = lir_op1(w->fn, LIR_VAR, low_ci(w, 0));
    LirVal c = low_loop_begin(w, var, chunks(w, PLACE));
    lir_set(w->fn, sum, add(w, get(w, sum), below(w, e, c, n)));
    low_loop_end(w, var, c, low_ci(w, n));
    return get(w, sum);
}

static void place(const Low *first, const char *symbol)
{
    Low w;
    Each each;
    open_launch(&w, first, PLACE, symbol, PLACERS);
    LirVal blocks = placing_blocks(&w), t = each_begin(&w, &each, PLACERS), q = add(&w, times(&w, w.block, PLACERS), t);
    low_mark(&w, LIR_IF, lir_op2(w.fn, LIR_LT, w.block, blocks));
    LirVal e = load(&w, DT_I64, 1, by_chunk(&w, q), 0, 8);
    store(&w, sorted(&w, PLACE, rank_in_all(&w, e)), e, 0, 8);
    low_mark(&w, LIR_ELSE, 0);
    store(&w, element(&w, part(&w, PLACE), q, 4), low_ci(&w, 0), 0, 4);
    low_mark(&w, LIR_END, 0);
    each_end(&w, &each);
    close_launch(&w, (LowLaunch){.grid = LOW_G_GROUPS_PLACES, .per = PLACERS, .per2 = PLACERS, .work_bytes = PLACERS * 4});
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

/* acc += v[0], then v[1], .., each where its ok holds (0: always). */
static void sums_add(Low *w, LirVal (*v)[LOW_MAX_PER], const LirVal *ok, int n)
{
    for (int k = 0; k < w->s->per; k++) {
        LirVal s = get(w, w->acc[k]);
        for (int u = 0; u < n; u++) {
            LirVal more = add(w, s, v[u][k]);
            s = ok[u] ? lir_op3(w->fn, LIR_SELECT, ok[u], more, s) : more;
        }
        lir_set(w->fn, w->acc[k], s);
    }
}

/* The row that an entry's instance adds; its conditions hold, or it would name no place. */
static void row_of(Low *w, LirVal e, LirVal ok, LirVal *v)
{
    low_set_instance(w, instance_of(w, e), false);
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

/* ---- (3) lists ---- */

/* Address of this lane's vector k of a list's sum, of the column tile `tile` of `tiles`. */
static LirVal list_vector(Low *w, LirVal list, LirVal tiles, LirVal tile)
{
    LirVal block = add(w, lir_op2(w->fn, LIR_MUL, list, tiles), tile), at = element(w, part(w, LISTS), block, (int64_t)low_tile(w) * 4);
    LirVal lane = times(w, w->lane, w->s->vec);
    return element(w, at, add(w, lane, low_ci(w, (int64_t)w->k * w->s->lanes * w->s->vec)), 4);
}

static int list_align(const Low *w) { return w->host || w->s->vec < 4 ? 4 : 16; }

/* Entry p is the first of its place. */
static LirVal is_first(Low *w, LirVal p, LirVal *e)
{
    LirVal in, there, before = sorted_entry(w, lir_op2(w->fn, LIR_SUB, p, low_ci(w, 1)), lir_op2(w->fn, LIR_GT, p, low_ci(w, 0)), &in);
    *e = sorted_entry(w, p, 0, &there);
    LirVal other = lir_op2(w->fn, LIR_OR, lir_op1(w->fn, LIR_NOT, in), lir_op2(w->fn, LIR_NE, place_of(w, before), place_of(w, *e)));
    return lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_AND, there, other), lir_op2(w->fn, LIR_NE, place_of(w, *e), low_ci(w, NOWHERE)));
}

/* Marks the places that the list's entries name first; by the block of its first columns. */
static void mark_places(Low *w, LirVal p, LirVal tile)
{
    Each each;
    LirVal e, t = each_begin(w, &each, LIST);
    for (int from = 0; from < LIST; from += w->host ? LIST : (int)w->fn->threads) {
        LirVal i = add(w, t, low_ci(w, from)), mine = lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_LT, i, low_ci(w, LIST)), lir_op2(w->fn, LIR_EQ, tile, low_ci(w, 0)));
        LirVal first = lir_op2(w->fn, LIR_AND, is_first(w, add(w, p, i), &e), mine);
        store(w, mark_of(w, place_of(w, e)), low_ci(w, 1), first, 4);
    }
    each_end(w, &each);
}

static void lists(const Low *first, const char *symbol)
{
    Low w;
    open_launch(&w, first, LISTS, symbol, first->s->lanes);
    LirVal tiles = low_tiles(&w), list = lir_op2(w.fn, LIR_DIV, w.block, tiles), tile = lir_op2(w.fn, LIR_REM, w.block, tiles), in, in0, p = times(&w, list, LIST);
    mark_places(&w, p, tile);
    w.turn = times(&w, tile, low_tile(&w));
    LirVal last = place_of(&w, sorted_entry(&w, add(&w, p, low_ci(&w, LIST - 1)), 0, &in)), same = place_of(&w, sorted_entry(&w, p, 0, &in0));
    LirVal one = lir_op2(w.fn, LIR_AND, lir_op2(w.fn, LIR_EQ, same, last), lir_op2(w.fn, LIR_NE, last, low_ci(&w, NOWHERE)));
    low_mark(&w, LIR_IF, lir_op2(w.fn, LIR_AND, in, one));
    sums_new(&w);
    LirVal var = lir_op1(w.fn, LIR_VAR, low_ci(&w, 0)), q = low_loop_begin(&w, var, low_ci(&w, LIST));
    LirVal v[AT_ONCE][LOW_MAX_PER], e[AT_ONCE], none[AT_ONCE] = {0};
    for (int u = 0; u < at_once(&w); u++)
        e[u] = load(&w, DT_I64, 1, sorted(&w, LISTS, add(&w, add(&w, p, q), low_ci(&w, u))), 0, 8);
    for (int u = 0; u < at_once(&w); u++)
        row_of(&w, e[u], 0, v[u]);
    sums_add(&w, v, none, at_once(&w));
    low_loop_end(&w, var, q, low_ci(&w, at_once(&w)));
    for (w.k = 0; w.k < w.s->per; w.k++)
        store(&w, list_vector(&w, list, tiles, tile), get(&w, w.acc[w.k]), 0, list_align(&w));
    w.k = 0;
    low_mark(&w, LIR_END, 0);
    close_launch(&w, (LowLaunch){.grid = LOW_G_GROUPS_COLUMNS, .per = LIST, .per2 = low_tile(&w), .work_bytes = low_tile(&w) * 4});
}

/* ---- (4) owners ---- */

/* Entry p names place r, where `also` holds. */
static LirVal names(Low *w, LirVal p, LirVal also, LirVal r)
{
    LirVal in, e = sorted_entry(w, p, also, &in);
    return lir_op2(w->fn, LIR_AND, in, lir_op2(w->fn, LIR_EQ, place_of(w, e), r));
}

static LirVal how_many(Low *w, const LirVal *ok, int n)
{
    LirVal sum = low_ci(w, 0);
    for (int u = 0; u < n; u++)
        sum = add(w, sum, count(w, ok[u]));
    return sum;
}

/* Lists from p on, the first of which is known to name r alone; gives how many entries. */
static LirVal take_lists(Low *w, LirVal p, LirVal r)
{
    LirVal ok[AT_ONCE], v[AT_ONCE][LOW_MAX_PER], tiles = low_tiles(w), first = lir_op2(w->fn, LIR_DIV, p, low_ci(w, LIST));
    LirVal tile = lir_op2(w->fn, LIR_DIV, w->turn ? w->turn : low_ci(w, 0), low_ci(w, low_tile(w)));
    for (int u = 0; u < at_once(w); u++) {
        ok[u] = names(w, add(w, p, low_ci(w, (int64_t)(u + 1) * LIST - 1)), 0, r);
        for (w->k = 0; w->k < w->s->per; w->k++)
            v[u][w->k] = load(w, DT_F32, w->s->vec, list_vector(w, add(w, first, low_ci(w, u)), tiles, tile), ok[u], list_align(w));
    }
    w->k = 0;
    sums_add(w, v, ok, at_once(w));
    return times(w, how_many(w, ok, at_once(w)), LIST);
}

/* Entries from p on that name r, not past the end of their list, so that the next one is met at its beginning; gives how many. */
static LirVal take_entries(Low *w, LirVal p, LirVal r)
{
    LirVal ok[AT_ONCE], e[AT_ONCE], v[AT_ONCE][LOW_MAX_PER], in, within = lir_op2(w->fn, LIR_AND, p, low_ci(w, LIST - 1));
    for (int u = 0; u < at_once(w); u++) {
        e[u] = sorted_entry(w, add(w, p, low_ci(w, u)), u ? lir_op2(w->fn, LIR_LT, add(w, within, low_ci(w, u)), low_ci(w, LIST)) : 0, &in);
        ok[u] = lir_op2(w->fn, LIR_AND, in, lir_op2(w->fn, LIR_EQ, place_of(w, e[u]), r));
    }
    for (int u = 0; u < at_once(w); u++)
        row_of(w, e[u], ok[u], v[u]);
    sums_add(w, v, ok, at_once(w));
    return how_many(w, ok, at_once(w));
}

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

/* Place r, whose first entry is p, in the columns at hand. */
static void sum_place(Low *w, LirVal first, LirVal r)
{
    sums_clear(w);
    LirVal var = lir_op1(w->fn, LIR_VAR, first), more = lir_op1(w->fn, LIR_VAR, lir_ci(w->fn, DT_BOOL, 1));
    low_mark(w, LIR_LOOP, 0);
    low_mark(w, LIR_WHILE, get(w, more));
    LirVal p = get(w, var), begins = lir_op2(w->fn, LIR_EQ, lir_op2(w->fn, LIR_AND, p, low_ci(w, LIST - 1)), low_ci(w, 0));
    low_mark(w, LIR_IF, names(w, add(w, p, low_ci(w, LIST - 1)), begins, r));
    lir_set(w->fn, var, add(w, p, take_lists(w, p, r)));
    low_mark(w, LIR_ELSE, 0);
    LirVal n = take_entries(w, p, r), next = add(w, p, n);
    LirVal at_list = lir_op2(w->fn, LIR_EQ, lir_op2(w->fn, LIR_AND, next, low_ci(w, LIST - 1)), low_ci(w, 0)), some = lir_op2(w->fn, LIR_GT, n, low_ci(w, 0));
    lir_set(w->fn, var, next);
    lir_set(w->fn, more, lir_op2(w->fn, LIR_OR, lir_op2(w->fn, LIR_EQ, n, low_ci(w, at_once(w))), lir_op2(w->fn, LIR_AND, at_list, some)));
    low_mark(w, LIR_END, 0);
    low_mark(w, LIR_END, 0);
    write_place(w, r, true, 0);
}

/* `run` places from r on that nobody names. */
static void clear_places(Low *w, LirVal r)
{
    LirVal free[64], at[64];
    for (int i = 0; i < w->s->run; i++) {
        at[i] = add(w, r, low_ci(w, i));
        LirVal in = lir_op2(w->fn, LIR_LT, at[i], lir_cast(w->fn, DT_I32, places(w)));
        free[i] = lir_op2(w->fn, LIR_AND, in, lir_op2(w->fn, LIR_EQ, load(w, DT_I32, 1, mark_of(w, at[i]), in, 4), low_ci(w, 0)));
    }
    for (int i = 0; i < w->s->run; i++)
        write_place(w, at[i], false, free[i]);
}

/* What an owner does in the columns at hand: entry `owner`, or zeros. */
static void own(Low *w, LirVal owner)
{
    LirVal e;
    low_mark(w, LIR_IF, lir_op2(w->fn, LIR_LT, owner, w->ninst));
    LirVal first = is_first(w, owner, &e);
    low_mark(w, LIR_IF, first);
    sum_place(w, owner, place_of(w, e));
    low_mark(w, LIR_END, 0);
    low_mark(w, LIR_ELSE, 0);
    clear_places(w, times(w, lir_op2(w->fn, LIR_SUB, owner, w->ninst), w->s->run));
    low_mark(w, LIR_END, 0);
}

static void owners(const Low *first, const char *symbol)
{
    Low w;
    open_launch(&w, first, OWNERS, symbol, first->s->lanes);
    sums_new(&w);
    if (w.s->split) {
        LirVal tiles = low_tiles(&w);
        w.turn = times(&w, lir_op2(w.fn, LIR_REM, w.block, tiles), low_tile(&w));
        own(&w, lir_op2(w.fn, LIR_DIV, w.block, tiles));
    } else if (w.s->len == LEN_ANY) {
        LirVal var = lir_op1(w.fn, LIR_VAR, low_ci(&w, 0)), turn = low_loop_begin(&w, var, w.rowlen);
        w.turn = turn;
        own(&w, w.block);
        w.turn = 0;
        low_loop_end(&w, var, turn, low_ci(&w, low_tile(&w)));
    } else
        own(&w, w.block);
    close_launch(&w, (LowLaunch){.grid = LOW_G_PLACES_COLUMNS, .per = w.s->run, .per2 = w.s->split ? low_tile(&w) : INT32_MAX});
}

void low_scatter(Low *w, const char *symbol)
{
    order(w, symbol);
    place(w, symbol);
    lists(w, symbol);
    owners(w, symbol);
}
