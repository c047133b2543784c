/* low_digit.c: the entries of more than FEW instances in order: by two digits of their place, the lower one first, each as follows.
 *
 * Count: a block takes the tiles of its share one after the other, and tells of each entry how many of its digit stand before it in the share, and
 * of each digit how many entries the share has.  Deal: sums of those over shares and digits tell where a share's entries of a digit begin in all, and
 * every entry goes there.  Digits are taken WINDOW (DEALT) at a time, in shared memory; more are there where there are more places than its square.
 * The shares are at most MOST, so that a block sums up what all have.
 *
 * Workspace, of (DEAL): for each share and digit an i32; of the host two.  A rank is an i32 for each entry.
 */
#include "low_sort.h"

enum { LANES = 512, WARPS = LANES / 32, EACH = SORT_TILE / LANES, WINDOW = LANES, DEALERS = 512, DEALT = 256, FOUR = 4, PARTS = DEALERS * FOUR / DEALT, MOST = 128, SHARES = MOST / PARTS /* of a part */ };

static LirVal add(Low *w, LirVal a, LirVal b) { return sort_add(w, a, b); }
static LirVal sub(Low *w, LirVal a, LirVal b) { return sort_sub(w, a, b); }
static LirVal times(Low *w, LirVal a, int64_t by) { return sort_times(w, a, by); }
static LirVal product(Low *w, LirVal a, LirVal b) { return lir_op2(w->fn, LIR_MUL, a, b); }
static LirVal over(Low *w, LirVal a, int64_t by) { return lir_op2(w->fn, LIR_DIV, a, low_ci(w, by)); }
static LirVal least(Low *w, LirVal a, LirVal b) { return lir_op2(w->fn, LIR_MIN, a, b); }
static LirVal less(Low *w, LirVal a, LirVal b) { return lir_op2(w->fn, LIR_LT, a, b); }
static LirVal both(Low *w, LirVal a, LirVal b) { return lir_op2(w->fn, LIR_AND, a, b); }
static LirVal rest(Low *w, LirVal a, int64_t of) { return both(w, a, low_ci(w, of - 1)); }
static LirVal pick(Low *w, LirVal c, LirVal a, LirVal b) { return lir_op3(w->fn, LIR_SELECT, c, a, b); }
static LirVal get(Low *w, LirVal var) { return sort_get(w, var); }
static LirVal var(Low *w, LirVal v) { return lir_op1(w->fn, LIR_VAR, v); }
static LirVal whole(Low *w, LirVal i32) { return lir_cast(w->fn, DT_I64, i32); }
static void barrier(Low *w) { low_mark(w, LIR_BAR, 0); }

/* ---- shares ---- */

typedef struct Shares {
    LirVal entries;         /* i32: of all */
    LirVal n, tiles;        /* i32: shares, and tiles of each */
    LirVal shift, digits;   /* i32: bits of the lower digit, and how many there are: lgk_digits() */
} Shares;

static Shares shares_of(Low *w)
{
    Shares x;
    x.entries = sort_entries(w);
    LirVal tiles = sort_ceil_div(w, x.entries, SORT_TILE), most = least(w, tiles, low_ci(w, MOST));
    x.tiles = lir_op2(w->fn, LIR_DIV, sub(w, add(w, tiles, most), low_ci(w, 1)), most);
    x.n = lir_op2(w->fn, LIR_DIV, sub(w, add(w, tiles, x.tiles), low_ci(w, 1)), x.tiles);
    LirVal shift = var(w, low_ci(w, 3)), one = lir_ci(w->fn, DT_I64, 1);
    lir_add(w->fn, (LirOp){.op = LIR_LOOP, .ref = -1});
    LirVal s = get(w, shift), square = lir_op2(w->fn, LIR_SHL, one, whole(w, add(w, s, s)));
    low_mark(w, LIR_WHILE, lir_op2(w->fn, LIR_LE, square, low_extent(w, row_view_places(w->rv))));
    lir_set(w->fn, shift, add(w, s, low_ci(w, 1)));
    low_mark(w, LIR_END, 0);
    x.shift = get(w, shift);
    x.digits = lir_op2(w->fn, LIR_SHL, low_ci(w, 1), x.shift);
    return x;
}

static LirVal digit(Low *w, const Shares *x, LirVal place, bool high)
{
    return high ? lir_op2(w->fn, LIR_SHR, place, x->shift) : both(w, place, sub(w, x->digits, low_ci(w, 1)));
}

/* How many entries of digit d share c has; on the host, behind it, where they begin in all. */
static LirVal count_at(Low *w, const Shares *x, LirVal c, LirVal d)
{
    return sort_element(w, sort_part(w, SCATTER_DEAL), add(w, product(w, c, x->digits), d), w->host ? 8 : 4);
}

static LirVal rank_at(Low *w, LirVal q) { return sort_element(w, sort_area(w, 2), q, 4); }
/* Entries before they are dealt by the lower digit, between the two, and in the end. */
static LirVal entry_at(Low *w, LirVal q, bool middle) { return sort_element(w, sort_area(w, middle ? 0 : 1), q, 8); }

static LirVal load_i32(Low *w, LirVal at, LirVal when) { return low_load_at(w, DT_I32, 1, at, when, 4); }
static LirVal lds(Low *w, LirVal at) { return lir_add(w->fn, (LirOp){.op = LIR_LDS, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {at}, .imm.i = 4}); }
static void sts(Low *w, LirVal at, LirVal v) { lir_add(w->fn, (LirOp){.op = LIR_STS, .ref = -1, .a = {at, v}, .imm.i = 4}); }
static void sts_when(Low *w, LirVal at, LirVal v, LirVal when) { lir_add(w->fn, (LirOp){.op = LIR_STSP, .ref = -1, .a = {at, v, when}, .imm.i = 4}); }
static void mark_uniform(Low *w, LirOpcode op, LirVal a) { lir_add(w->fn, (LirOp){.op = (uint8_t)op, .ref = -1, .flags = LIR_F_UNIFORM, .a = {a}}); }

/* ---- count ---- */

/* i32 place of an instance, whose values v has from then on. */
static LirVal place_of_instance(Low *w, LirVal q, Low *v)
{
    *v = *w;
    low_own_values(v);
    low_set_instance(v, q, true);
    return low_place_named(v);
}

static LirVal place_of_entry(Low *w, LirVal q, LirVal in) { return low_place_of(w, low_load_at(w, DT_I64, 1, entry_at(w, q, true), in, 8)); }

/* What an instance is to leave: its entry, and scalars. */
static void leave(Low *v, LirVal q, LirVal place, LirVal in)
{
    low_store_at(v, entry_at(v, q, false), low_entry(v, place, q), in, 8);
    low_scalar_stores(v);
}

/* In shared memory, of a warp: entries of digit d of the window so far. */
static LirVal tally_at(Low *w, LirVal warp, LirVal d) { return times(w, add(w, times(w, warp, WINDOW), d), 4); }

/* A tile's entries of the window, from entry `from` on; `total` are the share's so far of the digit that is this thread's. */
static void count_tile(Low *w, const Shares *x, LirVal from, LirVal window, LirVal total, bool high)
{
    LirVal warp = over(w, w->tid, 32), lane = rest(w, w->tid, 32), zero = low_ci(w, 0), first = lir_op2(w->fn, LIR_EQ, window, zero);
    LirVal q[EACH], in[EACH], place[EACH], key[EACH], rank[EACH];
    Low v[EACH];
    for (int i = 0; i < EACH; i++) {
        q[i] = add(w, from, add(w, times(w, warp, 32 * EACH), add(w, lane, low_ci(w, 32 * i))));
        in[i] = less(w, q[i], x->entries);
        place[i] = high ? place_of_entry(w, q[i], in[i]) : place_of_instance(w, q[i], &v[i]);
    }
    if (!high) {
        mark_uniform(w, LIR_IF, first);
        for (int i = 0; i < EACH; i++)
            leave(&v[i], q[i], place[i], in[i]);
        mark_uniform(w, LIR_END, 0);
    }
    for (int i = 0; i < EACH; i++) {
        key[i] = sub(w, digit(w, x, place[i], high), window);
        in[i] = both(w, in[i], both(w, lir_op2(w->fn, LIR_GE, key[i], zero), less(w, key[i], low_ci(w, WINDOW))));
        key[i] = pick(w, in[i], key[i], low_ci(w, -1));
    }
    for (int i = 0; i < WARPS; i++)
        sts(w, tally_at(w, low_ci(w, i), w->tid), zero);
    barrier(w);
    for (int i = 0; i < EACH; i++) {
        LirVal alike = lir_op1(w->fn, LIR_ALIKE, key[i]), before = rest(w, alike, 1 << 16), at = tally_at(w, warp, lir_op2(w->fn, LIR_MAX, key[i], zero)), have = lds(w, at);
        rank[i] = add(w, have, before);
        low_mark(w, LIR_WARPSYNC, 0);
        sts_when(w, at, add(w, have, lir_op2(w->fn, LIR_SHR, alike, low_ci(w, 16))), both(w, in[i], lir_op2(w->fn, LIR_EQ, before, zero)));
        low_mark(w, LIR_WARPSYNC, 0);
    }
    barrier(w);
    LirVal sum = get(w, total), n[WARPS];
    for (int i = 0; i < WARPS; i++)
        n[i] = lds(w, tally_at(w, low_ci(w, i), w->tid));
    for (int i = 0; i < WARPS; i++) {
        sts(w, tally_at(w, low_ci(w, i), w->tid), sum);
        sum = add(w, sum, n[i]);
    }
    lir_set(w->fn, total, sum);
    barrier(w);
    for (int i = 0; i < EACH; i++)
        low_store_at(w, rank_at(w, q[i]), add(w, rank[i], lds(w, tally_at(w, warp, lir_op2(w->fn, LIR_MAX, key[i], zero)))), in[i], 4);
    barrier(w);
}

static void count_share(Low *w, const Shares *x, bool high)
{
    LirVal at = var(w, low_ci(w, 0)), window = low_loop_begin(w, at, x->digits), total = var(w, low_ci(w, 0));
    LirVal turn = var(w, low_ci(w, 0)), tile = low_loop_begin(w, turn, x->tiles);
    count_tile(w, x, times(w, add(w, product(w, w->block, x->tiles), tile), SORT_TILE), window, total, high);
    low_loop_end(w, turn, tile, low_ci(w, 1));
    LirVal d = add(w, window, w->tid);
    low_store_at(w, count_at(w, x, w->block, d), get(w, total), less(w, d, x->digits), 4);
    low_loop_end(w, at, window, low_ci(w, WINDOW));
}

/* The host's one thread meets them in order. */
static void count_in_order(Low *w, const Shares *x, bool high)
{
    LirVal length = times(w, x->tiles, SORT_TILE), from = product(w, w->block, length), d = var(w, low_ci(w, 0)), each = low_loop_begin(w, d, x->digits);
    low_store_at(w, count_at(w, x, w->block, each), low_ci(w, 0), 0, 4);
    low_loop_end(w, d, each, low_ci(w, 1));
    LirVal at = var(w, from), q = low_loop_begin(w, at, least(w, add(w, from, length), x->entries));
    Low v;
    LirVal place = high ? place_of_entry(w, q, 0) : place_of_instance(w, q, &v);
    if (!high)
        leave(&v, q, place, 0);
    LirVal count = count_at(w, x, w->block, digit(w, x, place, high)), n = load_i32(w, count, 0);
    low_store_at(w, rank_at(w, q), n, 0, 4);
    low_store_at(w, count, add(w, n, low_ci(w, 1)), 0, 4);
    low_loop_end(w, at, q, low_ci(w, 1));
}

uint32_t low_count_shared(const Low *w) { return w->host ? 0 : WARPS * WINDOW * 4; }

void low_count(Low *w, bool high)
{
    mark_uniform(w, LIR_IF, less(w, w->block, low_ci(w, MOST)));      /* so many are told at once that they have none */
    Shares x = shares_of(w);
    mark_uniform(w, LIR_IF, less(w, w->block, x.n));
    if (w->host)
        count_in_order(w, &x, high);
    else
        count_share(w, &x, high);
    mark_uniform(w, LIR_END, 0);
    mark_uniform(w, LIR_END, 0);
}

/* ---- deal ---- */

/* Of the four digits from d on: entries of a part of the shares, those from c on, and of those before the block's own. */
static void sum_shares(Low *w, const Shares *x, LirVal d, LirVal c, LirVal *all, LirVal *before)
{
    LirVal n[SHARES], own[SHARES], there = least(w, sort_ceil_div(w, x->n, PARTS), sub(w, x->n, c)), first = sub(w, w->block, c);
    LirVal at = count_at(w, x, c, d), step = times(w, x->digits, 4);
    there = pick(w, less(w, d, x->digits), there, low_ci(w, 0));
    for (int u = 0; u < SHARES; u++, at = add(w, at, whole(w, step))) {
        n[u] = low_load_at(w, DT_I32, FOUR, at, less(w, low_ci(w, u), there), 4 * FOUR);
        own[u] = less(w, low_ci(w, u), first);
    }
    *all = *before = lir_splat(w->fn, low_ci(w, 0), FOUR);
    for (int u = 0; u < SHARES; u++) {
        *all = add(w, *all, n[u]);
        *before = add(w, *before, pick(w, own[u], n[u], lir_splat(w->fn, low_ci(w, 0), FOUR)));
    }
}

/* Shared memory of a dealing block: by part and digit both sums; sums of warps; where the digits' entries go. */
enum { BEFORE_AT = PARTS * DEALT * 4, WARPS_AT = 2 * BEFORE_AT, PLACES_AT = WARPS_AT + DEALT / 32 * 4, DEAL_BYTES = PLACES_AT + DEALT * 4 };

static void put_four(Low *w, LirVal at, LirVal v) { lir_add(w->fn, (LirOp){.op = LIR_STS, .ref = -1, .a = {at, v}, .imm.i = 4 * FOUR}); }

/* i32: what lanes before this one of the warp have, and in *all the sum of all lanes'. */
static LirVal before_in_warp(Low *w, LirVal v, LirVal *all)
{
    LirVal before = low_ci(w, 0), sum = v, zero = low_ci(w, 0);
    for (int o = 1; o < 32; o *= 2) {
        LirVal other = low_butterfly(w, sum, o);
        before = add(w, before, pick(w, lir_op2(w->fn, LIR_NE, both(w, w->tid, low_ci(w, o)), zero), other, zero));
        sum = add(w, sum, other);
    }
    *all = sum;
    return before;
}

/* Where the share's entries of each digit of the window begin in all, into shared memory; `begun` are the entries of earlier windows. */
static void tell_places(Low *w, const Shares *x, LirVal window, LirVal begun)
{
    LirVal four = times(w, rest(w, w->tid, DEALT / FOUR), FOUR), part = over(w, w->tid, DEALT / FOUR), all, before, zero = low_ci(w, 0);
    sum_shares(w, x, add(w, window, four), lir_op2(w->fn, LIR_MUL, part, sort_ceil_div(w, x->n, PARTS)), &all, &before);
    LirVal at = times(w, add(w, times(w, part, DEALT), four), 4);
    put_four(w, at, all);
    put_four(w, add(w, at, low_ci(w, BEFORE_AT)), before);
    barrier(w);
    LirVal d = rest(w, w->tid, DEALT), tells = less(w, w->tid, low_ci(w, DEALT)), warp = over(w, d, 32), warp_all;
    all = before = zero;
    for (int p = 0; p < PARTS; p++) {
        all = add(w, all, lds(w, times(w, add(w, d, low_ci(w, p * DEALT)), 4)));
        before = add(w, before, lds(w, add(w, times(w, add(w, d, low_ci(w, p * DEALT)), 4), low_ci(w, BEFORE_AT))));
    }
    LirVal within = before_in_warp(w, all, &warp_all), start = get(w, begun), end = start;
    sts_when(w, add(w, times(w, warp, 4), low_ci(w, WARPS_AT)), warp_all, both(w, tells, lir_op2(w->fn, LIR_EQ, rest(w, d, 32), zero)));
    barrier(w);
    for (int i = 0; i < DEALT / 32; i++) {
        LirVal n = lds(w, low_ci(w, WARPS_AT + 4 * i));
        start = add(w, start, pick(w, less(w, low_ci(w, i), warp), n, zero));
        end = add(w, end, n);
    }
    lir_set(w->fn, begun, end);
    sts_when(w, add(w, times(w, d, 4), low_ci(w, PLACES_AT)), add(w, start, add(w, within, before)), tells);
    barrier(w);
}

/* One that names its place marks it: of a warp's entries the first to do so. */
static void mark_place(Low *w, LirVal place, LirVal when)
{
    when = both(w, when, low_named(w, place));
    if (!w->host) {
        LirVal alike = lir_op1(w->fn, LIR_ALIKE, pick(w, when, place, low_ci(w, -1)));
        when = both(w, when, lir_op2(w->fn, LIR_EQ, rest(w, alike, 1 << 16), low_ci(w, 0)));
    }
    lir_add(w->fn, (LirOp){.op = LIR_ATOM, .ref = -1, .a = {low_mark_of(w, place), low_ci(w, 1), when}, .imm.i = 4});
}

enum { EACH_DEALT = SORT_TILE / DEALERS };

/* A thread's entries of a tile, in variables: they come while the block learns where they go. */
typedef struct Hand { LirVal e[EACH_DEALT], rank[EACH_DEALT], in[EACH_DEALT]; } Hand;

static Hand no_hand(Low *w)
{
    Hand h;
    for (int i = 0; i < EACH_DEALT; i++) {
        h.e[i] = var(w, lir_ci(w->fn, DT_I64, 0));
        h.rank[i] = var(w, low_ci(w, 0));
        h.in[i] = var(w, lir_ci(w->fn, DT_BOOL, 0));
    }
    return h;
}

static void fetch_hand(Low *w, const Shares *x, LirVal tile, bool high, const Hand *h)
{
    LirVal from = times(w, add(w, product(w, w->block, x->tiles), tile), SORT_TILE);
    for (int i = 0; i < EACH_DEALT; i++) {
        LirVal q = add(w, from, add(w, w->tid, low_ci(w, i * DEALERS))), in = both(w, less(w, tile, x->tiles), less(w, q, x->entries));
        lir_set(w->fn, h->e[i], low_load_at(w, DT_I64, 1, entry_at(w, q, high), in, 8));
        lir_set(w->fn, h->rank[i], load_i32(w, rank_at(w, q), in));
        lir_set(w->fn, h->in[i], in);
    }
}

static void deal_hand(Low *w, const Shares *x, const Hand *h, LirVal window, bool high)
{
    for (int i = 0; i < EACH_DEALT; i++) {
        LirVal e = get(w, h->e[i]), place = low_place_of(w, e), d = sub(w, digit(w, x, place, high), window), zero = low_ci(w, 0);
        LirVal here = both(w, get(w, h->in[i]), both(w, lir_op2(w->fn, LIR_GE, d, zero), less(w, d, low_ci(w, DEALT))));
        LirVal at = add(w, lds(w, add(w, times(w, pick(w, here, d, zero), 4), low_ci(w, PLACES_AT))), get(w, h->rank[i]));
        low_store_at(w, entry_at(w, at, !high), e, here, 8);
        if (high)
            mark_place(w, place, here);
    }
}

static void deal_share(Low *w, const Shares *x, bool high)
{
    Hand h = no_hand(w);
    LirVal at = var(w, low_ci(w, 0)), begun = var(w, low_ci(w, 0)), window = low_loop_begin(w, at, x->digits);
    fetch_hand(w, x, low_ci(w, 0), high, &h);
    tell_places(w, x, window, begun);
    LirVal turn = var(w, low_ci(w, 0)), tile = low_loop_begin(w, turn, x->tiles);
    deal_hand(w, x, &h, window, high);
    fetch_hand(w, x, add(w, tile, low_ci(w, 1)), high, &h);
    low_loop_end(w, turn, tile, low_ci(w, 1));
    low_loop_end(w, at, window, low_ci(w, DEALT));
}

/* Entries of digit d in all shares, and in those before the block's own. */
static void sum_in_order(Low *w, const Shares *x, LirVal d, LirVal *all, LirVal *before)
{
    LirVal a = var(w, low_ci(w, 0)), b = var(w, low_ci(w, 0)), at = var(w, low_ci(w, 0)), i = low_loop_begin(w, at, x->n), n = load_i32(w, count_at(w, x, i, d), 0);
    lir_set(w->fn, a, add(w, get(w, a), n));
    lir_set(w->fn, b, add(w, get(w, b), pick(w, less(w, i, w->block), n, low_ci(w, 0))));
    low_loop_end(w, at, i, low_ci(w, 1));
    *all = get(w, a);
    *before = get(w, b);
}

static void deal_in_order(Low *w, const Shares *x, bool high)
{
    LirVal begun = var(w, low_ci(w, 0)), each = var(w, low_ci(w, 0)), four = lir_ci(w->fn, DT_I64, 4), d = low_loop_begin(w, each, x->digits), all, before;
    sum_in_order(w, x, d, &all, &before);
    low_store_at(w, add(w, count_at(w, x, w->block, d), four), add(w, get(w, begun), before), 0, 4);
    lir_set(w->fn, begun, add(w, get(w, begun), all));
    low_loop_end(w, each, d, low_ci(w, 1));
    LirVal length = times(w, x->tiles, SORT_TILE), from = product(w, w->block, length), at = var(w, from), q = low_loop_begin(w, at, least(w, add(w, from, length), x->entries));
    LirVal e = low_load_at(w, DT_I64, 1, entry_at(w, q, high), 0, 8), place = low_place_of(w, e);
    LirVal to = load_i32(w, add(w, count_at(w, x, w->block, digit(w, x, place, high)), four), 0);
    low_store_at(w, entry_at(w, add(w, to, load_i32(w, rank_at(w, q), 0)), !high), e, 0, 8);
    if (high)
        mark_place(w, place, lir_ci(w->fn, DT_BOOL, 1));
    low_loop_end(w, at, q, low_ci(w, 1));
}

static void deal(const Low *first, const char *symbol, bool high)
{
    Low w;
    low_launch_open(&w, first, high ? SCATTER_DEAL_HIGH : SCATTER_DEAL, symbol, DEALERS);
    w.fn->smem = w.host ? 0 : DEAL_BYTES;
    Shares x = shares_of(&w);
    mark_uniform(&w, LIR_IF, less(&w, w.block, x.n));
    if (w.host)
        deal_in_order(&w, &x, high);
    else
        deal_share(&w, &x, high);
    mark_uniform(&w, LIR_END, 0);
    LowLaunch l = {.grid = LOW_G_GROUPS_BEYOND, .per = SORT_TILE, .per2 = SORT_FEW};
    if (!high) {
        l.work_bytes = w.host ? 8 : 4;
        l.work_by = LOW_BY_DIGIT;
    }
    low_launch_close(&w, l);
}

static void count_high(const Low *first, const char *symbol)
{
    Low w;
    low_launch_open(&w, first, SCATTER_COUNT_HIGH, symbol, LANES);
    w.fn->smem = low_count_shared(&w);
    low_count(&w, true);
    low_launch_close(&w, (LowLaunch){.grid = LOW_G_GROUPS_BEYOND, .per = SORT_TILE, .per2 = SORT_FEW});
}

void low_digits(const Low *first, const char *symbol)
{
    deal(first, symbol, false);
    count_high(first, symbol);
    deal(first, symbol, true);
}
