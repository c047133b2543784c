/* low_digit.c: the entries of more than FEW instances in order: by two digits of their place, the lower one first, each as follows.
 *
 * Count: a block tells how many entries of each digit its share has.  Deal: sums of those over shares and digits tell where a share's entries of
 * a digit begin in all; a tile's entries are put in order in shared memory, and go there side by side.
 * Digits are taken WINDOW at a time; more are there where there are more places than its square.  The shares are at most MOST, so that a block sums
 * up what all have.
 *
 * Workspace, of (DEAL): for each share and digit an i32; of the host two.
 */
#include "low_sort.h"

enum { LANES = 512, WARPS = LANES / 32, EACH = SORT_TILE / LANES, WINDOW = LANES, WINDOW_BITS = 9, FOUR = 4, PARTS_BITS = 4, SOME = 8, MOST = 128 };

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
    LirVal tiles = ceil_div(w, x.entries, SORT_TILE), most = least(w, tiles, low_ci(w, MOST));
    x.tiles = lir_op2(w->fn, LIR_DIV, sub(w, add(w, tiles, most), low_ci(w, 1)), most);
    x.n = lir_op2(w->fn, LIR_DIV, sub(w, add(w, tiles, x.tiles), low_ci(w, 1)), x.tiles);
    LirVal shift = var_of(w, low_ci(w, 3)), one = lir_ci(w->fn, DT_I64, 1);
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

/* How many entries of digit d share c has; on the host, behind it, where the next one of them goes. */
static LirVal count_at(Low *w, const Shares *x, LirVal c, LirVal d)
{
    return sort_element(w, sort_part(w, SCATTER_DEAL), add(w, product(w, c, x->digits), d), w->host ? 8 : 4);
}

/* Entries before they are dealt by the lower digit, between the two, and in the end. */
static LirVal entry_at(Low *w, LirVal q, bool middle) { return sort_element(w, sort_area(w, middle ? 0 : 1), q, 8); }

static LirVal load_i32(Low *w, LirVal at, LirVal when) { return low_load_at(w, DT_I32, 1, at, when, 4); }
static LirVal load_entry(Low *w, LirVal q, bool middle, LirVal when) { return low_load_at(w, DT_I64, 1, entry_at(w, q, middle), when, 8); }
/* The thread's entry i of those from `from` on: a warp's lie side by side. */
static LirVal nth_of_thread(Low *w, LirVal from, int i)
{
    return add(w, from, add(w, times(w, over(w, w->tid, 32), 32 * EACH), add(w, rest(w, w->tid, 32), low_ci(w, 32 * i))));
}

static LirVal share_begins(Low *w, const Shares *x, LirVal tile) { return times(w, add(w, product(w, w->block, x->tiles), tile), SORT_TILE); }

/* ---- a tile's digits in shared memory ---- */

/* Shared memory behind the tallies: by part and digit both sums of shares, later the tile's entries in order; by digit where those of the tile begin,
 * and what to add for where they go; sums of warps. */
enum { SUMS_AT = WARPS * WINDOW * 4, BEFORE_AT = SUMS_AT + LANES * FOUR * 4, ENTRIES_AT = SUMS_AT, OWN_AT = BEFORE_AT + LANES * FOUR * 4, TO_AT = OWN_AT + WINDOW * 4,
       WARPS_AT = TO_AT + WINDOW * 4, DEAL_BYTES = WARPS_AT + WARPS * 4, DEAL_REGS = 88 /* of a lane: a block of the next launch finds room beside it */ };
static const Tally TALLY = {.warps = WARPS, .window = WINDOW, .sums = WARPS_AT};

/* An entry's digit within the window, or -1. */
static LirVal key_of(Low *w, const Shares *x, LirVal place, LirVal in, LirVal window, bool high)
{
    LirVal key = sub(w, digit(w, x, place, high), window), here = both(w, lir_op2(w->fn, LIR_GE, key, low_ci(w, 0)), less(w, key, low_ci(w, WINDOW)));
    return pick(w, both(w, in, here), key, low_ci(w, -1));
}

static LirVal is_key(Low *w, LirVal key) { return lir_op2(w->fn, LIR_GE, key, low_ci(w, 0)); }

/* ---- count ---- */

/* i32 place of an instance, whose values v has from then on. */
static LirVal place_of_instance(Low *w, LirVal q, Low *v)
{
    *v = *w;
    low_own_values(v);
    low_set_instance(v, q, true);
    return low_place_named(v);
}

/* What an instance is to leave: its entry, and scalars. */
static void leave(Low *v, LirVal q, LirVal place, LirVal in)
{
    low_store_at(v, entry_at(v, q, false), low_entry(v, place, q), in, 8);
    low_scalar_stores(v);
}

static LirVal place_of_entry(Low *w, LirVal q, LirVal in) { return low_place_of(w, load_entry(w, q, true, in)); }

/* A tile's entries of the window from entry `from` on, into the share's so far of the digit that is this thread's. */
static void count_tile(Low *w, const Shares *x, LirVal from, LirVal window, LirVal total, bool high)
{
    LirVal q[EACH], in[EACH], place[EACH], key[EACH], rank[EACH];
    Low v[EACH];
    for (int i = 0; i < EACH; i++) {
        q[i] = nth_of_thread(w, from, i);
        in[i] = less(w, q[i], x->entries);
        place[i] = high ? place_of_entry(w, q[i], in[i]) : place_of_instance(w, q[i], &v[i]);
    }
    if (!high) {
        mark_uniform(w, LIR_IF, same(w, window, low_ci(w, 0)));
        for (int i = 0; i < EACH; i++)
            leave(&v[i], q[i], place[i], in[i]);
        mark_uniform(w, LIR_END, 0);
    }
    low_tally_clear(w, &TALLY);
    for (int i = 0; i < EACH; i++)
        key[i] = key_of(w, x, place[i], in[i], window, high);
    barrier(w);
    low_tally(w, &TALLY, key, EACH, rank);
    barrier(w);
    lir_set(w->fn, total, add(w, get(w, total), low_tally_all(w, &TALLY)));
    barrier(w);
}

static void count_share(Low *w, const Shares *x, bool high)
{
    LirVal at = var_of(w, low_ci(w, 0)), window = low_loop_begin(w, at, x->digits), total = var_of(w, low_ci(w, 0));
    LirVal turn = var_of(w, low_ci(w, 0)), tile = low_loop_begin(w, turn, x->tiles);
    count_tile(w, x, share_begins(w, x, tile), window, total, high);
    low_loop_end(w, turn, tile, low_ci(w, 1));
    LirVal d = add(w, window, w->tid);
    low_store_at(w, count_at(w, x, w->block, d), get(w, total), less(w, d, x->digits), 4);
    low_loop_end(w, at, window, low_ci(w, WINDOW));
}

/* f for each entry q of the share, in order. */
static void each_in_order(Low *w, const Shares *x, bool high, void (*f)(Low *w, const Shares *x, LirVal q, bool high))
{
    LirVal length = times(w, x->tiles, SORT_TILE), from = product(w, w->block, length), at = var_of(w, from), q = low_loop_begin(w, at, least(w, add(w, from, length), x->entries));
    f(w, x, q, high);
    low_loop_end(w, at, q, low_ci(w, 1));
}

static void count_one(Low *w, const Shares *x, LirVal q, bool high)
{
    Low v;
    LirVal place = high ? place_of_entry(w, q, 0) : place_of_instance(w, q, &v), count = count_at(w, x, w->block, digit(w, x, place, high));
    if (!high)
        leave(&v, q, place, 0);
    low_store_at(w, count, add(w, load_i32(w, count, 0), low_ci(w, 1)), 0, 4);
}

static void count_in_order(Low *w, const Shares *x, bool high)
{
    LirVal d = var_of(w, low_ci(w, 0)), each = low_loop_begin(w, d, x->digits);
    low_store_at(w, count_at(w, x, w->block, each), low_ci(w, 0), 0, 4);
    low_loop_end(w, d, each, low_ci(w, 1));
    each_in_order(w, x, high, count_one);
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

/* Of four digits from d on: the entries of shares `from` .. from + n that there are, and of those before the block's own. */
static void sum_shares(Low *w, const Shares *x, LirVal d, LirVal from, LirVal n, LirVal *all, LirVal *before)
{
    LirVal zeros = lir_splat(w->fn, low_ci(w, 0), FOUR), a = var_of(w, zeros), b = var_of(w, zeros), at = var_of(w, low_ci(w, 0)), i = low_loop_begin(w, at, n), v[SOME];
    LirVal c = add(w, from, i), address = count_at(w, x, c, d), step = times(w, x->digits, 4), sum = get(w, a), sum_before = get(w, b);
    for (int u = 0; u < SOME; u++, address = add(w, address, whole(w, step))) {
        LirVal there = both(w, less(w, add(w, i, low_ci(w, u)), n), less(w, add(w, c, low_ci(w, u)), x->n));
        v[u] = low_load_at(w, DT_I32, FOUR, address, there, 4 * FOUR);
    }
    for (int u = 0; u < SOME; u++) {
        sum = add(w, sum, v[u]);
        sum_before = add(w, sum_before, pick(w, less(w, add(w, c, low_ci(w, u)), w->block), v[u], zeros));
    }
    lir_set(w->fn, a, sum);
    lir_set(w->fn, b, sum_before);
    low_loop_end(w, at, i, low_ci(w, SOME));
    *all = get(w, a);
    *before = get(w, b);
}

/* Both sums for the thread's own digit of the window. Lanes are spread over the digits, four each, and where there are more over parts of the shares. */
static void sums_of_digit(Low *w, const Shares *x, LirVal window, LirVal *all, LirVal *before)
{
    LirVal bits = least(w, x->shift, low_ci(w, WINDOW_BITS)), one = low_ci(w, 1), zero = low_ci(w, 0), four, part;
    LirVal part_bits = least(w, sub(w, low_ci(w, WINDOW_BITS + 2), bits), low_ci(w, PARTS_BITS)), parts = lir_op2(w->fn, LIR_SHL, one, part_bits);
    LirVal fours = lir_op2(w->fn, LIR_SHL, one, sub(w, bits, low_ci(w, 2)));
    four = times(w, both(w, w->tid, sub(w, fours, one)), FOUR);
    part = lir_op2(w->fn, LIR_SHR, w->tid, sub(w, bits, low_ci(w, 2)));
    LirVal each = lir_op2(w->fn, LIR_SHR, add(w, x->n, sub(w, parts, one)), part_bits), a, b;
    sum_shares(w, x, add(w, window, four), product(w, least(w, part, parts), each), each, &a, &b);
    low_sts(w, add(w, times(w, w->tid, 4 * FOUR), low_ci(w, SUMS_AT)), a, 4 * FOUR);
    low_sts(w, add(w, times(w, w->tid, 4 * FOUR), low_ci(w, BEFORE_AT)), b, 4 * FOUR);
    barrier(w);
    LirVal has = less(w, lir_op2(w->fn, LIR_SHR, w->tid, bits), one), own = times(w, pick(w, has, w->tid, zero), 4);
    LirVal va = var_of(w, zero), vb = var_of(w, zero), nth = var_of(w, zero), p = low_loop_begin(w, nth, parts), step = lir_op2(w->fn, LIR_SHL, low_ci(w, 4), bits);
    LirVal at = add(w, own, product(w, p, step)), s = get(w, va), t = get(w, vb);
    for (int u = 0; u < FOUR; u++, at = add(w, at, step)) {
        s = add(w, s, low_lds(w, DT_I32, add(w, at, low_ci(w, SUMS_AT))));
        t = add(w, t, low_lds(w, DT_I32, add(w, at, low_ci(w, BEFORE_AT))));
    }
    lir_set(w->fn, va, s);
    lir_set(w->fn, vb, t);
    low_loop_end(w, nth, p, low_ci(w, FOUR));
    *all = pick(w, has, get(w, va), zero);
    *before = get(w, vb);
}

/* One that names its place marks it: of those that follow each other in the tile the first. */
static void mark_place(Low *w, LirVal place, LirVal before, LirVal when)
{
    when = both(w, both(w, when, low_named(w, place)), differ(w, place, before));
    lir_add(w->fn, (LirOp){.op = LIR_ATOM, .ref = -1, .a = {low_mark_of(w, place), low_ci(w, 1), when}, .imm.i = 4});
}

/* A thread's entries of a tile, in variables: they come while the block learns where they go. */
typedef struct Hand { LirVal e[EACH]; } Hand;

static Hand no_hand(Low *w)
{
    Hand h;
    for (int i = 0; i < EACH; i++)
        h.e[i] = var_of(w, lir_ci(w->fn, DT_I64, 0));
    return h;
}

static void fetch_hand(Low *w, const Shares *x, LirVal tile, bool high, const Hand *h)
{
    for (int i = 0; i < EACH; i++) {
        LirVal q = nth_of_thread(w, share_begins(w, x, tile), i);
        lir_set(w->fn, h->e[i], load_entry(w, q, high, both(w, less(w, tile, x->tiles), less(w, q, x->entries))));
    }
}

/* The tile's entries of the window into shared memory, in order; so many. The next one of the thread's own digit goes to `start`. */
static LirVal order_hand(Low *w, const Shares *x, LirVal tile, const Hand *h, LirVal window, LirVal start, bool high)
{
    LirVal key[EACH], rank[EACH], e[EACH], all;
    low_tally_clear(w, &TALLY);
    for (int i = 0; i < EACH; i++) {
        e[i] = get(w, h->e[i]);
        key[i] = key_of(w, x, low_place_of(w, e[i]), less(w, nth_of_thread(w, share_begins(w, x, tile), i), x->entries), window, high);
    }
    barrier(w);
    low_tally(w, &TALLY, key, EACH, rank);
    barrier(w);
    LirVal have = low_tally_all(w, &TALLY), own = low_before_in_block(w, &TALLY, have, TALLY.window, &all), to = get(w, start);
    low_tally_places(w, &TALLY, own);
    low_sts(w, add(w, times(w, w->tid, 4), low_ci(w, TO_AT)), sub(w, to, own), 4);
    lir_set(w->fn, start, add(w, to, have));
    barrier(w);
    for (int i = 0; i < EACH; i++) {
        LirVal at = low_tally_place(w, &TALLY, key[i], rank[i]);
        low_sts_when(w, add(w, times(w, at, 8), low_ci(w, ENTRIES_AT)), e[i], is_key(w, key[i]), 8);
    }
    barrier(w);
    return all;
}

/* The first n in shared memory where they go. */
static void deal_ordered(Low *w, const Shares *x, LirVal n, LirVal window, bool high)
{
    for (int i = 0; i < EACH; i++) {
        LirVal k = add(w, w->tid, low_ci(w, i * LANES)), there = less(w, k, n), at = add(w, times(w, k, 8), low_ci(w, ENTRIES_AT));
        LirVal slot = pick(w, there, at, low_ci(w, ENTRIES_AT)), e = low_lds(w, DT_I64, slot), place = low_place_of(w, e);
        LirVal d = pick(w, there, sub(w, digit(w, x, place, high), window), low_ci(w, 0));
        low_store_at(w, entry_at(w, add(w, k, low_lds(w, DT_I32, add(w, times(w, d, 4), low_ci(w, TO_AT)))), !high), e, there, 8);
        if (high) {
            LirVal first = same(w, k, low_ci(w, 0)), before = low_lds(w, DT_I64, pick(w, first, slot, sub(w, slot, low_ci(w, 8))));
            mark_place(w, place, pick(w, first, low_ci(w, -1), low_place_of(w, before)), there);
        }
    }
}

static void deal_share(Low *w, const Shares *x, bool high)
{
    Hand h = no_hand(w);
    LirVal at = var_of(w, low_ci(w, 0)), begun = var_of(w, low_ci(w, 0)), window = low_loop_begin(w, at, x->digits), all, before, total;
    fetch_hand(w, x, low_ci(w, 0), high, &h);
    sums_of_digit(w, x, window, &all, &before);
    LirVal behind = low_before_in_block(w, &TALLY, all, TALLY.warps * 32, &total), start = var_of(w, add(w, get(w, begun), add(w, behind, before)));
    lir_set(w->fn, begun, add(w, get(w, begun), total));
    LirVal turn = var_of(w, low_ci(w, 0)), tile = low_loop_begin(w, turn, x->tiles), n = order_hand(w, x, tile, &h, window, start, high);
    fetch_hand(w, x, add(w, tile, low_ci(w, 1)), high, &h);
    deal_ordered(w, x, n, window, high);
    barrier(w);
    low_loop_end(w, turn, tile, low_ci(w, 1));
    low_loop_end(w, at, window, low_ci(w, WINDOW));
}

/* Entries of digit d in all shares, and in those before the block's own. */
static void sum_in_order(Low *w, const Shares *x, LirVal d, LirVal *all, LirVal *before)
{
    LirVal a = var_of(w, low_ci(w, 0)), b = var_of(w, low_ci(w, 0)), at = var_of(w, low_ci(w, 0)), i = low_loop_begin(w, at, x->n), n = load_i32(w, count_at(w, x, i, d), 0);
    lir_set(w->fn, a, add(w, get(w, a), n));
    lir_set(w->fn, b, add(w, get(w, b), pick(w, less(w, i, w->block), n, low_ci(w, 0))));
    low_loop_end(w, at, i, low_ci(w, 1));
    *all = get(w, a);
    *before = get(w, b);
}

static void deal_one(Low *w, const Shares *x, LirVal q, bool high)
{
    LirVal e = load_entry(w, q, high, 0), place = low_place_of(w, e), next = add(w, count_at(w, x, w->block, digit(w, x, place, high)), lir_ci(w->fn, DT_I64, 4)), to = load_i32(w, next, 0);
    low_store_at(w, entry_at(w, to, !high), e, 0, 8);
    low_store_at(w, next, add(w, to, low_ci(w, 1)), 0, 4);
    if (high)
        mark_place(w, place, low_ci(w, -1), lir_ci(w->fn, DT_BOOL, 1));
}

static void deal_in_order(Low *w, const Shares *x, bool high)
{
    LirVal begun = var_of(w, low_ci(w, 0)), each = var_of(w, low_ci(w, 0)), d = low_loop_begin(w, each, x->digits), all, before;
    sum_in_order(w, x, d, &all, &before);
    low_store_at(w, add(w, count_at(w, x, w->block, d), lir_ci(w->fn, DT_I64, 4)), add(w, get(w, begun), before), 0, 4);
    lir_set(w->fn, begun, add(w, get(w, begun), all));
    low_loop_end(w, each, d, low_ci(w, 1));
    each_in_order(w, x, high, deal_one);
}

static void deal(const Low *first, const char *symbol, bool high)
{
    Low w;
    low_launch_open(&w, first, high ? SCATTER_DEAL_HIGH : SCATTER_DEAL, symbol, LANES);
    low_launch_wait(&w);
    low_launch_go(&w);
    w.fn->smem = w.host ? 0 : DEAL_BYTES;
    w.fn->max_regs = w.host || !w.fn->pdl ? 0 : DEAL_REGS;
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
    low_launch_wait(&w);
    low_launch_go(&w);
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
