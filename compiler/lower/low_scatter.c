/* low_scatter.c: sums through an index (dw[idx[i], :] += ..), deterministic: the owner of a place adds up, in f32 and in the order of their
 * instances, the rows that name it, and writes it once; places that nobody names become zero.
 *
 * Four launches.  (1) order: a block sorts the entries (place, instance) of CHUNK instances, and does what else they do with scalars.
 * (2) place: an entry's rank is the number of smaller ones in every chunk, so that all are sorted; likewise where each owner's begin.
 * (3) lists: every LIST sorted entries of one and the same place are added up, so that a place named by thousands is no chain of
 * thousands.  (4) owners: a block writes `run` places, taking whole lists where it meets them.
 *
 * Workspace: of (1), entries by chunk, then all of them sorted, i64 each, place << 32 | instance; of (2), i32 first entry of an owner; of
 * (3), a row of f32 for each list, by column tiles.  Entries that name no place stand last.
 */
#include "low.h"

#include <string.h>

enum { CHUNK = 2048, PAIRS = CHUNK / 2, LIST = 32, AT_ONCE = 4, SEARCHES = 4, PLACERS = 128, NOWHERE = INT32_MAX - 1 };
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

/* Owners' first entries stand behind the blocks of (2) that place entries. */
static LirVal placing_blocks(Low *w) { return lir_op2(w->fn, LIR_DIV, add(w, w->ninst, low_ci(w, PLACERS - 1)), low_ci(w, PLACERS)); }
static LirVal first_entry(Low *w, LirVal owner) { return element(w, part(w, PLACE), add(w, times(w, placing_blocks(w), PLACERS), owner), 4); }

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

/* Entry i of the block's chunk: in shared memory, or on the host in the workspace. */
static LirVal chunk_load(Low *w, LirVal i)
{
    if (w->host)
        return load(w, DT_I64, 1, by_chunk(w, add(w, times(w, w->block, CHUNK), i)), 0, 8);
    return lir_add(w->fn, (LirOp){.op = LIR_LDS, .dt = DT_I64, .lanes = 1, .ref = -1, .a = {times(w, i, 8)}, .imm.i = 8});
}

static void chunk_store(Low *w, LirVal i, LirVal e)
{
    if (w->host)
        store(w, by_chunk(w, add(w, times(w, w->block, CHUNK), i)), e, 0, 8);
    else
        lir_add(w->fn, (LirOp){.op = LIR_STS, .ref = -1, .a = {times(w, i, 8), e}, .imm.i = 8});
}

/* The place that the instance at hand names. */
static LirVal key_of(Low *w)
{
    LirVal j = low_scalar(w, w->tir->ix[sum_op(w)->ix + (uint32_t)w->rv->place_dim].val);
    LirVal in = lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_GE, j, lir_ci(w->fn, DT_I64, 0)), lir_op2(w->fn, LIR_LT, j, places(w)));
    in = low_and(w, in, low_guard(w, w->rv->scatter));
    return lir_op3(w->fn, LIR_SELECT, in, lir_cast(w->fn, DT_I32, j), low_ci(w, NOWHERE));
}

/* Pair t of a step of Batcher's bitonic sort: of elements `apart` apart, in runs of `size` that rise and fall in turn. */
static void compare_pair(Low *w, LirVal t, LirVal apart, LirVal size)
{
    LirVal low = lir_op2(w->fn, LIR_AND, t, lir_op2(w->fn, LIR_SUB, apart, low_ci(w, 1))), i = lir_op2(w->fn, LIR_SUB, add(w, t, t), low), j = add(w, i, apart);
    LirVal a = chunk_load(w, i), b = chunk_load(w, j), falls = lir_op2(w->fn, LIR_NE, lir_op2(w->fn, LIR_AND, i, size), low_ci(w, 0));
    LirVal swap = lir_op2(w->fn, LIR_NE, lir_op2(w->fn, LIR_GT, a, b), falls);
    chunk_store(w, i, lir_op3(w->fn, LIR_SELECT, swap, b, a));
    chunk_store(w, j, lir_op3(w->fn, LIR_SELECT, swap, a, b));
}

/* Pairs of neighbours up to a warp apart are the warp's own. */
static void sort_chunk(Low *w)
{
    for (int size = 2; size <= CHUNK; size *= 2)
        for (int apart = size / 2; apart; apart /= 2) {
            compare_pair(w, w->tid, low_ci(w, apart), low_ci(w, size));
            bool next_is_near = apart > 1 ? apart / 2 <= 32 : size <= 32;
            low_mark(w, apart <= 32 && next_is_near ? LIR_WARPSYNC : LIR_BAR, 0);
        }
}

static void sort_chunk_alone(Low *w)
{
    LirVal log = lir_op1(w->fn, LIR_VAR, low_ci(w, 1)), l = low_loop_begin(w, log, low_ci(w, __builtin_ctz(CHUNK) + 1)), size = lir_op2(w->fn, LIR_SHL, low_ci(w, 1), l);
    LirVal step = lir_op1(w->fn, LIR_VAR, low_ci(w, 0)), d = low_loop_begin(w, step, l);
    LirVal apart = lir_op2(w->fn, LIR_SHR, size, add(w, d, low_ci(w, 1)));
    LirVal pair = lir_op1(w->fn, LIR_VAR, low_ci(w, 0)), t = low_loop_begin(w, pair, low_ci(w, PAIRS));
    compare_pair(w, t, apart, size);
    low_loop_end(w, pair, t, low_ci(w, 1));
    low_loop_end(w, step, d, low_ci(w, 1));
    low_loop_end(w, log, l, low_ci(w, 1));
}

static void order(const Low *first, const char *symbol)
{
    Low w;
    Each e;
    open_launch(&w, first, ORDER, symbol, PAIRS);
    w.lanes = 1;                        /* an instance a thread */
    w.fn->smem = w.host ? 0 : CHUNK * 8;
    LirVal chunk = times(&w, w.block, CHUNK), t = each_begin(&w, &e, PAIRS);
    for (int half = 0; half < 2; half++) {
        LirVal i = add(&w, t, low_ci(&w, half * PAIRS)), g = add(&w, chunk, i);
        low_set_instance(&w, g, true);
        chunk_store(&w, i, entry(&w, key_of(&w), g));
        low_scalar_stores(&w);
    }
    each_end(&w, &e);
    if (w.host)
        sort_chunk_alone(&w);
    else {
        low_mark(&w, LIR_BAR, 0);
        sort_chunk(&w);
        for (int half = 0; half < 2; half++) {
            LirVal i = add(&w, t, low_ci(&w, half * PAIRS));
            store(&w, by_chunk(&w, add(&w, chunk, i)), chunk_load(&w, i), 0, 8);
        }
    }
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
    LirVal blocks = placing_blocks(&w), owners = lir_op2(w.fn, LIR_GE, w.block, blocks), entries = lir_op1(w.fn, LIR_NOT, owners);
    LirVal t = each_begin(&w, &each, PLACERS), q = add(&w, times(&w, w.block, PLACERS), t);
    LirVal owner = lir_op2(w.fn, LIR_SUB, q, times(&w, blocks, PLACERS));
    LirVal bound = lir_op2(w.fn, LIR_SHL, low_mul_i64(&w, owner, w.s->run), lir_ci(w.fn, DT_I64, 32));
    LirVal e = lir_op3(w.fn, LIR_SELECT, owners, bound, load(&w, DT_I64, 1, by_chunk(&w, q), entries, 8));
    LirVal rank = rank_in_all(&w, e);
    store(&w, sorted(&w, PLACE, rank), e, entries, 8);
    store(&w, element(&w, part(&w, PLACE), q, 4), rank, owners, 4);
    each_end(&w, &each);
    close_launch(&w, (LowLaunch){.grid = LOW_G_GROUPS_PLACES, .per = PLACERS, .per2 = PLACERS * w.s->run, .work_bytes = PLACERS * 4});
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

/* The row that an entry's instance adds; its conditions hold, or it would name no place.  Loads that were fetched ahead are taken from there. */
static void row_of(Low *w, LirVal e, LirVal ok, LirVal (*ahead)[LOW_MAX_PER], LirVal *v)
{
    low_set_instance(w, instance_of(w, e), false);
    w->active = ok;
    w->listed = true;
    for (w->k = 0; w->k < w->s->per; w->k++) {
        low_mask(w);
        memset(w->row, 0, sizeof *w->row * w->tir->nops);
        for (uint32_t i = 0; ahead && i < w->rv->nload; i++)
            if (ahead[i][w->k])
                w->row[w->rv->load[i].op] = get(w, ahead[i][w->k]);
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

static void lists(const Low *first, const char *symbol)
{
    Low w;
    open_launch(&w, first, LISTS, symbol, first->s->lanes);
    LirVal tiles = low_tiles(&w), list = lir_op2(w.fn, LIR_DIV, w.block, tiles), tile = lir_op2(w.fn, LIR_REM, w.block, tiles), in, in0, p = times(&w, list, LIST);
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
        row_of(&w, e[u], 0, NULL, v[u]);
    sums_add(&w, v, none, at_once(&w));
    low_loop_end(&w, var, q, low_ci(&w, at_once(&w)));
    for (w.k = 0; w.k < w.s->per; w.k++)
        store(&w, list_vector(&w, list, tiles, tile), get(&w, w.acc[w.k]), 0, list_align(&w));
    w.k = 0;
    low_mark(&w, LIR_END, 0);
    close_launch(&w, (LowLaunch){.grid = LOW_G_GROUPS_COLUMNS, .per = LIST, .per2 = low_tile(&w), .work_bytes = low_tile(&w) * 4});
}

/* ---- (4) owners ---- */

/* Where an owner is in the sorted entries: the next one, and what is already known from there on.  The row of the next entry is fetched
 * ahead, so that it comes while places before it are written. */
typedef struct Walk {
    LirVal p, e[AT_ONCE], row[ROW_MAX_MEM][LOW_MAX_PER];    /* variables */
    LirVal end;                                             /* of the owner's places */
    bool   ahead;
} Walk;

static void look(Low *w, const Walk *at, LirVal p, LirVal *e, LirVal (*row)[LOW_MAX_PER])
{
    LirVal in, nowhere = lir_ci(w->fn, DT_I64, (int64_t)NOWHERE << 32);
    for (int u = 0; u < at_once(w); u++) {
        e[u] = sorted_entry(w, add(w, p, low_ci(w, u)), 0, &in);
        e[u] = lir_op3(w->fn, LIR_SELECT, in, e[u], nowhere);
    }
    if (!at->ahead)
        return;
    low_set_instance(w, instance_of(w, e[0]), false);
    w->active = lir_op2(w->fn, LIR_LT, place_of(w, e[0]), at->end);
    w->listed = true;
    for (w->k = 0; w->k < w->s->per; w->k++) {
        low_mask(w);
        for (uint32_t i = 0; i < w->rv->nload; i++)
            row[i][w->k] = w->rv->load[i].inst ? low_kept_load(w, i) : 0;
    }
    w->k = 0;
    w->active = 0;
}

static void walk_from(Low *w, Walk *at, LirVal p, LirVal end, bool ahead)
{
    LirVal e[AT_ONCE], row[ROW_MAX_MEM][LOW_MAX_PER];
    *at = (Walk){.end = end, .ahead = ahead};
    look(w, at, p, e, row);
    at->p = lir_op1(w->fn, LIR_VAR, p);
    for (int u = 0; u < at_once(w); u++)
        at->e[u] = lir_op1(w->fn, LIR_VAR, e[u]);
    for (uint32_t i = 0; ahead && i < w->rv->nload; i++)
        for (int k = 0; k < w->s->per; k++)
            at->row[i][k] = row[i][k] ? lir_op1(w->fn, LIR_VAR, row[i][k]) : 0;
}

static void walk_to(Low *w, const Walk *at, LirVal p)
{
    LirVal e[AT_ONCE], row[ROW_MAX_MEM][LOW_MAX_PER];
    look(w, at, p, e, row);
    lir_set(w->fn, at->p, p);
    for (int u = 0; u < at_once(w); u++)
        lir_set(w->fn, at->e[u], e[u]);
    for (uint32_t i = 0; at->ahead && i < w->rv->nload; i++)
        for (int k = 0; k < w->s->per; k++)
            if (row[i][k])
                lir_set(w->fn, at->row[i][k], row[i][k]);
}

static LirVal next_place(Low *w, const Walk *at) { return place_of(w, get(w, at->e[0])); }

/* Entry p names place r, where `also` holds. */
static LirVal names(Low *w, LirVal p, LirVal also, LirVal r)
{
    LirVal in, e = sorted_entry(w, p, also, &in);
    return lir_op2(w->fn, LIR_AND, in, lir_op2(w->fn, LIR_EQ, place_of(w, e), r));
}

static LirVal count(Low *w, LirVal yes) { return lir_cast(w->fn, DT_I32, yes); }

static LirVal how_many(Low *w, const LirVal *ok, int n)
{
    LirVal sum = low_ci(w, 0);
    for (int u = 0; u < n; u++)
        sum = add(w, sum, count(w, ok[u]));
    return sum;
}

/* Lists from p on, the first of which is known to name r alone. */
static void take_lists(Low *w, const Walk *at, LirVal p, LirVal r)
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
    walk_to(w, at, add(w, p, times(w, how_many(w, ok, at_once(w)), LIST)));
}

/* Entries from p on, not past the end of their list, so that the next one is met at its beginning. */
static void take_entries(Low *w, const Walk *at, LirVal p, LirVal r)
{
    LirVal ok[AT_ONCE] = {0}, e[AT_ONCE], v[AT_ONCE][LOW_MAX_PER], within = lir_op2(w->fn, LIR_AND, p, low_ci(w, LIST - 1)), taken = low_ci(w, 1);
    for (int u = 0; u < at_once(w); u++)
        e[u] = get(w, at->e[u]);
    for (int u = 1; u < at_once(w); u++) {
        ok[u] = lir_op2(w->fn, LIR_AND, lir_op2(w->fn, LIR_LT, add(w, within, low_ci(w, u)), low_ci(w, LIST)), lir_op2(w->fn, LIR_EQ, place_of(w, e[u]), r));
        taken = add(w, taken, count(w, ok[u]));
    }
    for (int u = 0; u < at_once(w); u++)
        row_of(w, e[u], ok[u], u || !at->ahead ? NULL : (LirVal (*)[LOW_MAX_PER])at->row, v[u]);
    sums_add(w, v, ok, at_once(w));
    walk_to(w, at, add(w, p, taken));
}

static void write_place(Low *w, LirVal r)
{
    const RowMem *m = &w->rv->store[0];
    low_forget_instance(w);
    w->scalar[w->tir->ix[sum_op(w)->ix + (uint32_t)w->rv->place_dim].val] = whole(w, r);
    LirVal base = low_base(w, sum_op(w), m);
    for (w->k = 0; w->k < w->s->per; w->k++) {
        low_mask(w);
        low_store_vec(w, base, m, lir_cast(w->fn, w->tir->tensors[m->tensor].dt, get(w, w->acc[w->k])), 0);
    }
    w->k = 0;
    low_forget_instance(w);
}

/* Place r, in the columns at hand. */
static void one_place(Low *w, const Walk *at, LirVal r)
{
    sums_clear(w);
    low_mark(w, LIR_LOOP, 0);
    low_mark(w, LIR_WHILE, lir_op2(w->fn, LIR_EQ, next_place(w, at), r));
    LirVal p = get(w, at->p), begins = lir_op2(w->fn, LIR_EQ, lir_op2(w->fn, LIR_AND, p, low_ci(w, LIST - 1)), low_ci(w, 0));
    low_mark(w, LIR_IF, names(w, add(w, p, low_ci(w, LIST - 1)), begins, r));
    take_lists(w, at, p, r);
    low_mark(w, LIR_ELSE, 0);
    take_entries(w, at, p, r);
    low_mark(w, LIR_END, 0);
    low_mark(w, LIR_END, 0);
    write_place(w, r);
}

/* All columns in turn: each begins where the place's entries do. */
static void place_by_turns(Low *w, const Walk *at, LirVal r)
{
    LirVal first = get(w, at->p), e[AT_ONCE], var = lir_op1(w->fn, LIR_VAR, low_ci(w, 0));
    for (int u = 0; u < at_once(w); u++)
        e[u] = get(w, at->e[u]);
    LirVal turn = low_loop_begin(w, var, w->rowlen);
    w->turn = turn;
    lir_set(w->fn, at->p, first);
    for (int u = 0; u < at_once(w); u++)
        lir_set(w->fn, at->e[u], e[u]);
    one_place(w, at, r);
    w->turn = 0;
    low_loop_end(w, var, turn, low_ci(w, low_tile(w)));
}

static void owners(const Low *first, const char *symbol)
{
    Low w;
    bool turns = first->s->len == LEN_ANY && !first->s->split;
    open_launch(&w, first, OWNERS, symbol, first->s->lanes);
    LirVal owner = w.block, run = low_ci(&w, w.s->run);
    if (w.s->split) {
        LirVal tiles = low_tiles(&w);
        owner = lir_op2(w.fn, LIR_DIV, w.block, tiles);
        w.turn = times(&w, lir_op2(w.fn, LIR_REM, w.block, tiles), low_tile(&w));
    }
    LirVal r0 = lir_op2(w.fn, LIR_MUL, owner, run), end = lir_op2(w.fn, LIR_MIN, add(&w, r0, run), lir_cast(w.fn, DT_I32, places(&w)));
    Walk at;
    walk_from(&w, &at, load(&w, DT_I32, 1, first_entry(&w, owner), 0, 4), end, !turns);
    sums_new(&w);
    LirVal var = lir_op1(w.fn, LIR_VAR, r0), r = low_loop_begin(&w, var, end);
    if (turns)
        place_by_turns(&w, &at, r);
    else
        one_place(&w, &at, r);
    low_loop_end(&w, var, r, low_ci(&w, 1));
    close_launch(&w, (LowLaunch){.grid = LOW_G_PLACES_COLUMNS, .per = w.s->run, .per2 = w.s->split ? low_tile(&w) : INT32_MAX});
}

void low_scatter(Low *w, const char *symbol)
{
    order(w, symbol);
    place(w, symbol);
    lists(w, symbol);
    owners(w, symbol);
}
