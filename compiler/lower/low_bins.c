/* low_bins.c: sums through an index whose order nobody has as a whole: each `bins`-th place falls into one bin, and a block of the second launch
 * has all entries of a bin: it orders them in shared memory and adds their rows up at once, while others order theirs.
 *
 * Tiles: each tile's entries by bin, and how many of each (low_tally.c).  Sums: a block gathers its bin's from all tiles, orders them by place, and
 * its groups of lanes take as many each, side by side; a place that more than one of them has is put together in shared memory.  A bin that is too
 * full for that is sliced up: slices of no more take as many each, in the order of instances, and leave a row of f32 for each place of the bin that they name; blocks
 * that are done take slices as long as there are some, the bin's own block first of all, so that nobody waits; join adds these rows up.  A bin is that
 * full where few places have most entries; otherwise the join ends at once.
 *
 * Workspace: of tiles each tile's entries, then where each bin's begin in each tile, and << 16 how many they are; of sums for each bin the number of
 * its slices, and << 16 of those before them, then that of all, then how many of each bin's have been taken; of join the slices' rows, then for each how many
 * entries it is the sum of: of none there is no row.
 */
#include "low_sort.h"

enum { BIN_TILES, BIN_SUMS, BIN_JOIN };
enum { FEW_SLICES = 4 * AT_ONCE, PORTIONS = 3, LANES = 512, EACH = SORT_TILE / LANES };

typedef struct Bins {
    SchedBins at;
    Tally tally;
} Bins;

static void barrier(Low *w) { low_mark(w, LIR_BAR, 0); }

static Bins bins_of(Low *w)
{
    Bins b = {.at = sched_bins(w->s)};
    b.tally = (Tally){.warps = b.at.threads / 32, .window = b.at.window, .at = b.at.tally, .sums = b.at.warps};
    w->fn->smem = (uint32_t)b.at.bytes;
    return b;
}

/* ---- the workspace ---- */

static LirVal bin_tiles(Low *w) { return ceil_div(w, w->ninst, SORT_TILE); }
static LirVal entry_at(Low *w, LirVal i) { return sort_element(w, sort_part(w, BIN_TILES), i, 8); }
static LirVal table_at(Low *w, LirVal tile, LirVal bin) { return sort_element(w, sort_element(w, sort_part(w, BIN_TILES), bin_tiles(w), 8 * SORT_TILE), add(w, times(w, tile, w->s->bins), bin), 4); }
static LirVal slices_at(Low *w, LirVal bin) { return sort_element(w, sort_part(w, BIN_SUMS), bin, 4); }
static LirVal all_slices_at(Low *w) { return slices_at(w, low_ci(w, w->s->bins)); }
static LirVal taken_at(Low *w, LirVal bin) { return slices_at(w, add(w, bin, low_ci(w, w->s->bins + 1))); }
static LirVal load_i32(Low *w, LirVal at, LirVal when) { return low_load_at(w, DT_I32, 1, at, when, 4); }

/* Places of a bin, the last of which there may not be; those that there are. */
static LirVal places_of_bin(Low *w) { return ceil_div(w, lir_cast(w->fn, DT_I32, low_extent(w, row_view_places(w->rv))), w->s->bins); }
static LirVal own_places(Low *w, LirVal bin) { return over(w, add(w, sub(w, lir_cast(w->fn, DT_I32, low_extent(w, row_view_places(w->rv))), bin), low_ci(w, w->s->bins - 1)), w->s->bins); }
static LirVal place_in_bin(Low *w, LirVal place) { return over(w, place, w->s->bins); }
static LirVal nth_place(Low *w, LirVal k, LirVal bin) { return add(w, times(w, k, w->s->bins), bin); }
static LirVal is_place(Low *w, LirVal place) { return less(w, place, lir_cast(w->fn, DT_I32, low_extent(w, row_view_places(w->rv)))); }

/* Entries that a slice has at least. */
static int slice_least(const Low *w) { return sched_bins(w->s).full / 2; }

/* Number, of all rows of slices, of the one that a slice leaves for its bin's place k. */
static LirVal row_of_slice(Low *w, LirVal slice, LirVal k) { return add(w, lir_op2(w->fn, LIR_MUL, whole(w, slice), whole(w, places_of_bin(w))), whole(w, k)); }

static LirVal entries_at(Low *w, LirVal slice, LirVal k)
{
    LirVal rows = lir_op2(w->fn, LIR_MUL, whole(w, ceil_div(w, w->ninst, slice_least(w))), whole(w, places_of_bin(w)));
    return sort_element(w, sort_element(w, sort_part(w, BIN_JOIN), rows, 4 * low_tile(w)), row_of_slice(w, slice, k), 4);
}

/* Of vector w->k of the lane in that row. */
static LirVal slice_row(Low *w, LirVal slice, LirVal k)
{
    LirVal base = sort_element(w, sort_part(w, BIN_JOIN), row_of_slice(w, slice, k), 4 * low_tile(w));
    return sort_element(w, base, times(w, add(w, w->lane, low_ci(w, (int64_t)w->k * w->s->lanes)), w->s->vec), 4);
}

static int row_align(const Low *w) { return w->s->vec < 4 ? 4 : 16; }

/* ---- tiles ---- */

enum { TILE_SUMS = LANES * LANES / 32 * 4, TILE_ENTRIES = TILE_SUMS + LANES / 32 * 4, TILE_BYTES = TILE_ENTRIES + SORT_TILE * 8, TILE_REGS = 48 /* of a lane: a block of the next launch finds room beside it */ };

/* Lines that tiles ask for ahead, one a thread, while their indices are on their way. */
static LirVal lines_of_tiles(Low *w) { return times(w, bin_tiles(w), LANES); }

static void ask_tile(Low *w)
{
    if (low_warm_lines(w))
        low_ask_line(w, add(w, times(w, w->block, LANES), w->tid), lines_of_tiles(w));
}

/* Instances of the thread's, 32 apart, which leave their scalars; their entries, and bins, or -1. All are read before any leaves something. */
static void entries_of(Low *w, LirVal from, LirVal *e, LirVal *key)
{
    Low v[EACH];
    for (int i = 0; i < EACH; i++) {
        LirVal q = add(w, from, low_ci(w, 32 * i));
        v[i] = *w;
        low_own_values(&v[i]);
        low_set_instance(&v[i], q, true);
        LirVal place = low_place_named(&v[i]);
        key[i] = pick(w, low_named(w, place), sub(w, place, times(w, over(w, place, w->s->bins), w->s->bins)), low_ci(w, -1));
        e[i] = low_entry(w, place, q);
    }
    ask_tile(w);
    for (int i = 0; i < EACH; i++)
        low_scalar_stores(&v[i]);
}

static void no_slices(Low *w)
{
    int words = 2 * w->s->bins + 1;
    for (int from = 0; from < words; from += LANES) {
        LirVal i = add(w, w->tid, low_ci(w, from));
        low_store_at(w, slices_at(w, i), low_ci(w, 0), both(w, same(w, w->block, low_ci(w, 0)), less(w, i, low_ci(w, words))), 4);
    }
}

static void tiles(const Low *first, const char *symbol)
{
    Low w;
    low_launch_open(&w, first, BIN_TILES, symbol, LANES);
    low_launch_wait(&w);
    low_launch_go(&w);
    w.lanes = 1;                        /* an instance a thread */
    w.fn->smem = TILE_BYTES;
    w.fn->max_regs = w.fn->pdl ? TILE_REGS : 0;
    Tally t = {.warps = LANES / 32, .window = (w.s->bins + 127) / 128 * 128, .sums = TILE_SUMS};
    LirVal e[EACH], key[EACH], rank[EACH], all, warp = over(&w, w.tid, 32), from = add(&w, times(&w, w.block, SORT_TILE), add(&w, times(&w, warp, 32 * EACH), rest(&w, w.tid, 32)));
    entries_of(&w, from, e, key);
    low_tally_clear(&w, &t);
    barrier(&w);
    low_tally(&w, &t, key, EACH, rank);
    barrier(&w);
    LirVal have = low_tally_all(&w, &t), own = low_before_in_block(&w, &t, have, t.window, &all);
    low_store_at(&w, table_at(&w, w.block, w.tid), lir_op2(w.fn, LIR_OR, own, lir_op2(w.fn, LIR_SHL, have, low_ci(&w, 16))), less(&w, w.tid, low_ci(&w, w.s->bins)), 4);
    no_slices(&w);
    low_tally_places(&w, &t, own);
    barrier(&w);
    for (int i = 0; i < EACH; i++)
        low_sts_when(&w, add(&w, times(&w, low_tally_place(&w, &t, key[i], rank[i]), 8), low_ci(&w, TILE_ENTRIES)), e[i], lir_op2(w.fn, LIR_GE, key[i], low_ci(&w, 0)), 8);
    barrier(&w);
    for (int i = 0; i < EACH; i++) {
        LirVal k = add(&w, w.tid, low_ci(&w, i * LANES)), there = less(&w, k, all), at = add(&w, times(&w, pick(&w, there, k, low_ci(&w, 0)), 8), low_ci(&w, TILE_ENTRIES));
        low_mark(&w, LIR_IF, there);
        low_store_at(&w, entry_at(&w, add(&w, times(&w, w.block, SORT_TILE), k)), low_lds(&w, DT_I64, at), 0, 8);
        low_mark(&w, LIR_END, 0);
    }
    low_launch_close(&w, (LowLaunch){.grid = LOW_G_GROUPS, .per = SORT_TILE, .multiple = 1, .work_bytes = SORT_TILE * 8 + 4 * w.s->bins});
}

/* ---- a bin's entries, in order ---- */

/* Where they begin, of each tile; so many. */
static LirVal look_up(Low *w, const Bins *b, LirVal bin)
{
    LirVal n = low_ci(w, 0), most = low_ci(w, INT32_MAX);
    for (int from = 0; from < b->at.tiles; from += b->at.threads) {
        LirVal t = add(w, w->tid, low_ci(w, from)), there = less(w, t, bin_tiles(w)), x = load_i32(w, table_at(w, t, bin), there), all;
        LirVal begin = add(w, n, low_before_in_block(w, &b->tally, lir_op2(w->fn, LIR_SHR, x, low_ci(w, 16)), b->at.tiles - from, &all)), is = less(w, t, low_ci(w, b->at.tiles));
        low_sts_when(w, add(w, times(w, t, 4), low_ci(w, b->at.begin)), pick(w, there, begin, most), is, 4);
        low_sts_when(w, add(w, times(w, t, 4), low_ci(w, b->at.segment)), sub(w, add(w, times(w, t, SORT_TILE), rest(w, x, 1 << 16)), begin), is, 4);
        n = add(w, n, all);
        barrier(w);
    }
    return n;
}

/* The thread's entries of the bin's m from `from` on, side by side a warp; of those that there are not, zeros. The first warps have all of them: the
 * others leave the multiprocessor, which orders two bins as fast as it issues, to these. */
typedef struct Held {
    LirVal any;                     /* bool: the warp has some */
    LirVal there[SCHED_BIN_EACH];
    LirVal e[SCHED_BIN_EACH];       /* variables */
} Held;

static Held fetch(Low *w, const Bins *b, LirVal from, LirVal m)
{
    Held h;
    LirVal i[SCHED_BIN_EACH], at[SCHED_BIN_EACH], warp = times(w, over(w, w->tid, 32), 32 * SCHED_BIN_EACH);
    h.any = less(w, warp, m);
    for (int u = 0; u < SCHED_BIN_EACH; u++) {
        i[u] = add(w, add(w, warp, rest(w, w->tid, 32)), low_ci(w, 32 * u));
        h.there[u] = less(w, i[u], m);
        h.e[u] = var_of(w, lir_ci(w->fn, DT_I64, 0));
        at[u] = low_ci(w, b->at.begin);
    }
    low_mark(w, LIR_IF, h.any);
    for (int step = b->at.tiles / 2 * 4; step >= 4; step /= 2)
        for (int u = 0; u < SCHED_BIN_EACH; u++) {
            LirVal next = add(w, at[u], low_ci(w, step));
            at[u] = pick(w, lir_op2(w->fn, LIR_LE, low_lds(w, DT_I32, next), add(w, from, i[u])), next, at[u]);
        }
    for (int u = 0; u < SCHED_BIN_EACH; u++) {
        LirVal segment = low_lds(w, DT_I32, add(w, at[u], low_ci(w, b->at.segment - b->at.begin)));
        lir_set(w->fn, h.e[u], low_load_at(w, DT_I64, 1, entry_at(w, add(w, add(w, from, i[u]), segment)), h.there[u], 8));
    }
    low_mark(w, LIR_END, 0);
    return h;
}

/* What is done about a bin, or a slice of one. */
typedef struct Part {
    LirVal bin, slice;          /* slice: of all; 0 where the bin's places are written themselves */
    LirVal m;                   /* entries */
} Part;

static void put_row(Low *w, const Part *x, LirVal place)
{
    if (!x->slice) {
        low_write_place(w, place, true, is_place(w, place));
        return;
    }
    for (w->k = 0; w->k < w->s->per; w->k++)
        low_store_at(w, slice_row(w, x->slice, place_in_bin(w, place)), get(w, w->acc[w->k]), 0, row_align(w));
    w->k = 0;
}

/* Zeros for the places of the window that no entry names: entries name `named` of them, nearly always all. */
static void clear_window(Low *w, const Bins *b, const Part *x, LirVal window, LirVal named)
{
    LirVal n = least(w, sub(w, own_places(w, x->bin), window), low_ci(w, b->tally.window));
    mark_uniform(w, LIR_IF, less(w, named, n));
    LirVal var = var_of(w, low_ci(w, 0)), turn = low_loop_begin(w, var, n);
    LirVal k = add(w, turn, w->grp), there = less(w, k, n), have = low_lds(w, DT_I32, add(w, times(w, pick(w, there, k, low_ci(w, 0)), 4), low_ci(w, b->at.totals)));
    low_mark(w, LIR_IF, both(w, there, same(w, have, low_ci(w, 0))));
    LirVal place = nth_place(w, add(w, window, k), x->bin);
    low_write_place(w, place, false, is_place(w, place));
    low_mark(w, LIR_END, 0);
    low_loop_end(w, var, turn, low_ci(w, w->s->rows));
    mark_uniform(w, LIR_END, 0);
}

/* The threads' entries into shared memory, by place, those of each by instance. */
static void order(Low *w, const Bins *b, const Part *x, const Held *h)
{
    LirVal e[SCHED_BIN_EACH], key[SCHED_BIN_EACH], rank[SCHED_BIN_EACH], own_rank[SCHED_BIN_EACH], zero = low_ci(w, 0), done = var_of(w, zero), all;
    low_sts_when(w, add(w, times(w, add(w, x->m, w->tid), 8), low_ci(w, b->at.entries)), lir_ci(w->fn, DT_I64, -1), less(w, w->tid, low_ci(w, 2 * AT_ONCE)), 8);
    LirVal at = var_of(w, zero), window = low_loop_begin(w, at, lir_op2(w->fn, LIR_MAX, places_of_bin(w), low_ci(w, 1)));
    low_tally_clear(w, &b->tally);
    for (int u = 0; u < SCHED_BIN_EACH; u++) {
        e[u] = get(w, h->e[u]);
        LirVal k = sub(w, place_in_bin(w, low_place_of(w, e[u])), window), here = both(w, lir_op2(w->fn, LIR_GE, k, zero), less(w, k, low_ci(w, b->tally.window)));
        key[u] = pick(w, both(w, here, h->there[u]), k, low_ci(w, -1));
        own_rank[u] = var_of(w, zero);
    }
    barrier(w);
    low_mark(w, LIR_IF, h->any);
    low_tally(w, &b->tally, key, SCHED_BIN_EACH, rank);
    for (int u = 0; u < SCHED_BIN_EACH; u++)
        lir_set(w->fn, own_rank[u], rank[u]);
    low_mark(w, LIR_END, 0);
    barrier(w);
    LirVal have = low_tally_all(w, &b->tally), named = pick(w, same(w, have, zero), zero, low_ci(w, 1 << 16));
    LirVal own = low_before_in_block(w, &b->tally, add(w, have, named), b->tally.window, &all), before = get(w, done);
    LirVal counts = less(w, w->tid, low_ci(w, b->tally.window)), of = add(w, window, w->tid);
    low_sts_when(w, add(w, times(w, w->tid, 4), low_ci(w, b->at.totals)), have, counts, 4);
    if (x->slice)
        low_store_at(w, entries_at(w, x->slice, of), have, both(w, counts, less(w, of, places_of_bin(w))), 4);
    low_tally_places(w, &b->tally, add(w, before, rest(w, own, 1 << 16)));
    barrier(w);
    low_mark(w, LIR_IF, h->any);
    for (int u = 0; u < SCHED_BIN_EACH; u++)
        low_sts_when(w, add(w, times(w, low_tally_place(w, &b->tally, key[u], get(w, own_rank[u])), 8), low_ci(w, b->at.entries)), e[u], lir_op2(w->fn, LIR_GE, key[u], zero), 8);
    low_mark(w, LIR_END, 0);
    lir_set(w->fn, done, add(w, before, rest(w, all, 1 << 16)));
    if (!x->slice)
        clear_window(w, b, x, window, lir_op2(w->fn, LIR_SHR, all, low_ci(w, 16)));
    barrier(w);
    low_loop_end(w, at, window, low_ci(w, b->tally.window));
}

/* ---- their rows ---- */

/* A group's share of the part's entries. */
typedef struct Share {
    LirVal each, from, to;      /* i32: entries a group, those of this one */
    LirVal leading;             /* variable: the place at hand began before them */
    LirVal goes_on;             /* bool: their last place does */
} Share;

static LirVal entry_of_nth(Low *w, const Bins *b, LirVal i) { return add(w, times(w, i, 8), low_ci(w, b->at.entries)); }
static LirVal place_of_nth(Low *w, const Bins *b, LirVal i) { return low_lds(w, DT_I32, add(w, times(w, i, 8), low_ci(w, b->at.entries + 4))); }

static LirVal like_next(Low *w, const Bins *b, LirVal i, LirVal when)
{
    LirVal at = pick(w, when, i, low_ci(w, 0));
    return both(w, when, same(w, place_of_nth(w, b, at), place_of_nth(w, b, add(w, at, low_ci(w, 1)))));
}

static Share share_of(Low *w, const Bins *b, const Part *x)
{
    Share h;
    LirVal zero = low_ci(w, 0), one = low_ci(w, 1);
    h.each = times(w, ceil_div(w, x->m, w->s->rows * AT_ONCE), AT_ONCE);
    h.from = least(w, product(w, w->grp, h.each), x->m);
    h.to = least(w, add(w, h.from, h.each), x->m);
    LirVal some = less(w, h.from, h.to);
    h.leading = var_of(w, like_next(w, b, sub(w, h.from, one), both(w, some, less(w, zero, h.from))));
    h.goes_on = like_next(w, b, sub(w, h.to, one), both(w, some, less(w, h.to, x->m)));
    return h;
}

static LirVal group_sums_at(Low *w, const Bins *b, LirVal group)
{
    LirVal lane = times(w, add(w, w->lane, low_ci(w, (int64_t)w->k * w->s->lanes)), 4 * w->s->vec);
    return add(w, add(w, times(w, group, 4 * low_tile(w)), lane), low_ci(w, b->at.groups));
}

static void leave_sums(Low *w, const Bins *b)
{
    for (w->k = 0; w->k < w->s->per; w->k++)
        low_sts(w, group_sums_at(w, b, w->grp), get(w, w->acc[w->k]), row_align(w));
    w->k = 0;
}

static void take_sums(Low *w, const Bins *b, LirVal group)
{
    for (w->k = 0; w->k < w->s->per; w->k++) {
        LirOp from = {.op = LIR_LDS, .dt = DT_F32, .lanes = (uint8_t)w->s->vec, .ref = -1, .a = {group_sums_at(w, b, group)}, .imm.i = row_align(w)};
        lir_set(w->fn, w->acc[w->k], add(w, get(w, w->acc[w->k]), lir_add(w->fn, from)));
    }
    w->k = 0;
}

/* The sum so far is that of `place`. */
static void put_sum(Low *w, const Bins *b, const Part *x, const Share *h, LirVal place)
{
    low_mark(w, LIR_IF, get(w, h->leading));
    leave_sums(w, b);
    low_mark(w, LIR_ELSE, 0);
    put_row(w, x, place);
    low_mark(w, LIR_END, 0);
    low_sums_clear(w);
    lir_set(w->fn, h->leading, lir_ci(w->fn, DT_BOOL, 0));
}

static void add_row(Low *w, const LirVal *v)
{
    for (int k = 0; k < w->s->per; k++)
        lir_set(w->fn, w->acc[k], add(w, get(w, w->acc[k]), v[k]));
}

/* Entries p .. p + AT_ONCE. */
static void some_entries(Low *w, const Bins *b, LirVal p, LirVal *e)
{
    LirVal some = lir_add(w->fn, (LirOp){.op = LIR_LDS, .dt = DT_I64, .lanes = AT_ONCE, .ref = -1, .a = {entry_of_nth(w, b, p)}, .imm.i = 16});
    for (int u = 0; u < AT_ONCE; u++)
        e[u] = lir_add(w->fn, (LirOp){.op = LIR_EXTRACT, .dt = DT_I64, .lanes = 1, .ref = -1, .a = {some}, .imm.i = u});
}

/* A ring of rows of each group's: as soon as one has been added the one that follows them is asked for. */
static int ring_pitch(const Bins *b) { return b->at.threads * 16; }
static LirVal in_ring(Low *w, const Bins *b, int u) { return add(w, times(w, w->tid, 16), low_ci(w, b->at.ring + (int64_t)u * w->s->per * ring_pitch(b))); }

static void ask_row(Low *w, const Bins *b, const Share *h, LirVal p, int u, LirVal e) { low_ask_row(w, e, less(w, add(w, p, low_ci(w, u)), h->to), in_ring(w, b, u), ring_pitch(b)); }

static void ask_first(Low *w, const Bins *b, const Share *h)
{
    LirVal e[AT_ONCE];
    low_mark(w, LIR_IF, less(w, h->from, h->to));
    some_entries(w, b, h->from, e);
    for (int u = 0; u < AT_ONCE; u++)
        ask_row(w, b, h, h->from, u, e[u]);
    low_mark(w, LIR_END, 0);
}

/* Entries p .. of the share. */
static void add_rows(Low *w, const Bins *b, const Part *x, const Share *h, LirVal p)
{
    LirVal e[AT_ONCE], next[AT_ONCE], v[AT_ONCE][LOW_MAX_PER], place[AT_ONCE + 1], in[AT_ONCE], behind = add(w, p, low_ci(w, AT_ONCE));
    bool ring = w->s->stages > 1;
    some_entries(w, b, p, e);
    if (ring)
        some_entries(w, b, behind, next);
    for (int u = 0; u < AT_ONCE; u++) {
        place[u] = low_place_of(w, e[u]);
        in[u] = less(w, add(w, p, low_ci(w, u)), h->to);
        if (!ring)
            low_row_of(w, e[u], in[u], v[u]);
    }
    place[AT_ONCE] = ring ? low_place_of(w, next[0]) : place_of_nth(w, b, behind);
    for (int u = 0; u < AT_ONCE; u++) {
        if (ring) {
            lir_add(w->fn, (LirOp){.op = LIR_CPWAIT, .ref = -1, .imm.i = AT_ONCE - 1});
            low_row_asked(w, e[u], in[u], in_ring(w, b, u), ring_pitch(b), v[u]);
            ask_row(w, b, h, behind, u, next[u]);
        }
        add_row(w, v[u]);
        low_mark(w, LIR_IF, both(w, in[u], differ(w, place[u], place[u + 1])));
        put_sum(w, b, x, h, place[u]);
        low_mark(w, LIR_END, 0);
    }
}

static void loop_apart(Low *w, LirVal more)
{
    lir_add(w->fn, (LirOp){.op = LIR_LOOP, .ref = -1, .flags = LIR_F_APART, .imm.i = w->s->lanes});
    low_mark(w, LIR_WHILE, get(w, more));
}

/* The sum of the group's last place, which goes on: with those that the groups behind it have of it. */
static void end_sum(Low *w, const Bins *b, const Part *x, const Share *h)
{
    LirVal one = low_ci(w, 1), last = place_of_nth(w, b, pick(w, h->goes_on, sub(w, h->to, one), low_ci(w, 0)));
    LirVal var = var_of(w, add(w, w->grp, one)), more = var_of(w, lir_ci(w->fn, DT_BOOL, 1));
    loop_apart(w, more);
    LirVal group = get(w, var), next = add(w, group, one), end = least(w, product(w, next, h->each), x->m);
    take_sums(w, b, group);
    lir_set(w->fn, more, both(w, less(w, end, x->m), same(w, place_of_nth(w, b, end), last)));
    lir_set(w->fn, var, next);
    low_mark(w, LIR_END, 0);
    put_row(w, x, last);
}

static void sum_part(Low *w, const Bins *b, const Part *x)
{
    Share h = share_of(w, b, x);
    low_sums_clear(w);
    if (w->s->stages > 1)
        ask_first(w, b, &h);
    LirVal var = var_of(w, h.from), more = var_of(w, less(w, h.from, h.to));
    loop_apart(w, more);
    LirVal p = get(w, var), next = add(w, p, low_ci(w, AT_ONCE));
    add_rows(w, b, x, &h, p);
    lir_set(w->fn, var, next);
    lir_set(w->fn, more, less(w, next, h.to));
    low_mark(w, LIR_END, 0);
    if (w->s->rows == 1)
        return;
    LirVal through = get(w, h.leading);         /* all are of one place, which began before and goes on */
    low_mark(w, LIR_IF, through);
    leave_sums(w, b);
    low_mark(w, LIR_END, 0);
    barrier(w);
    low_mark(w, LIR_IF, both(w, h.goes_on, lir_op1(w->fn, LIR_NOT, through)));
    end_sum(w, b, x, &h);
    low_mark(w, LIR_END, 0);
}

/* Of the lines that are asked for ahead, behind those of tiles, a portion at each of the times when a block waits for memory: all at once would delay what
 * it waits for. */
static void ask_portion(Low *w, const Bins *b, int nth)
{
    int all = low_warm_lines(w), from = all * nth / PORTIONS, to = all * (nth + 1) / PORTIONS, each = (to - from + w->s->bins - 1) / w->s->bins;
    if (!all)
        return;
    LirVal before = lines_of_tiles(w), own = add(w, before, add(w, times(w, w->block, each), low_ci(w, from))), end = least(w, add(w, own, low_ci(w, each)), add(w, before, low_ci(w, to)));
    if (each <= b->at.threads) {        /* nearly always: loads that are on their way are not held up by a loop */
        low_ask_line(w, add(w, own, w->tid), end);
        return;
    }
    LirVal var = var_of(w, low_ci(w, 0)), turn = low_loop_begin(w, var, low_ci(w, each));
    low_ask_line(w, add(w, own, add(w, turn, w->tid)), end);
    low_loop_end(w, var, turn, low_ci(w, b->at.threads));
}

static void do_part(Low *w, const Bins *b, const Part *x, LirVal from)
{
    Held h = fetch(w, b, from, x->m);
    if (!x->slice)
        ask_portion(w, b, 2);
    order(w, b, x, &h);
    sum_part(w, b, x);
}

static Bins part_open(Low *w, const Low *first, int nth, const char *symbol)
{
    const Sched *s = first->s;
    low_launch_open(w, first, nth, symbol, s->rows * s->lanes);
    w->fn->min_ctas = (uint32_t)s->ctas;
    return bins_of(w);
}

/* ---- bins that are too full ---- */

/* Of a slice: its bin, its number there, that of the first one among all, and how many the bin has; of the bin's places, a share of so many, for the join. */
typedef struct Slice { LirVal bin, nth, first, n, share, shares; } Slice;

static LirVal found(Low *w, const Bins *b, int i) { return low_lds(w, DT_I32, low_ci(w, b->at.found + 4 * i)); }
static void leave_found(Low *w, const Bins *b, int i, LirVal v, LirVal when) { low_sts_when(w, low_ci(w, b->at.found + 4 * i), v, when, 4); }
static LirVal draw(Low *w, LirVal at, LirVal by, LirVal when) { return lir_add(w->fn, (LirOp){.op = LIR_DRAW, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {at, by, when}}); }
static LirVal is_first(Low *w) { return same(w, w->tid, low_ci(w, 0)); }

/* The block's own bin, of n entries, is to be summed by slices: with as many entries as a bin has in the mean no block has more than one to do where few places
 * have all, and none ends long after the others where many bins are no more than full. */
static void slice_up(Low *w, const Bins *b, LirVal n)
{
    LirVal mean = lir_op2(w->fn, LIR_MAX, over(w, w->ninst, w->s->bins), low_ci(w, slice_least(w)));
    LirVal slices = lir_op2(w->fn, LIR_MAX, ceil_div(w, n, b->at.full), lir_op2(w->fn, LIR_DIV, n, mean)), first = draw(w, all_slices_at(w), slices, is_first(w));
    draw(w, slices_at(w, w->block), lir_op2(w->fn, LIR_OR, lir_op2(w->fn, LIR_SHL, first, low_ci(w, 16)), slices), is_first(w));
}

/* A bin with slices that nobody has taken, each block another one if it can be; how many such bins there are. */
static LirVal find_bin(Low *w, const Bins *b, Slice *s)
{
    LirVal sum = low_ci(w, 0), zero = sum, one = low_ci(w, 1);
    for (int from = 0; from < w->s->bins; from += b->at.threads) {
        LirVal bin = add(w, w->tid, low_ci(w, from)), is = less(w, bin, low_ci(w, w->s->bins)), word = draw(w, slices_at(w, bin), zero, is), n = rest(w, word, 1 << 16), more;
        LirVal left = less(w, draw(w, taken_at(w, bin), zero, both(w, is, less(w, zero, n))), n), before = low_before_in_block(w, &b->tally, pick(w, left, one, zero), w->s->bins - from, &more);
        LirVal here = both(w, left, same(w, before, lir_op2(w->fn, LIR_REM, w->block, lir_op2(w->fn, LIR_MAX, more, one))));
        leave_found(w, b, 0, bin, here);
        leave_found(w, b, 1, word, here);
        sum = add(w, sum, more);
        barrier(w);
    }
    LirVal word = found(w, b, 1);
    *s = (Slice){.bin = found(w, b, 0), .first = lir_op2(w->fn, LIR_SHR, word, low_ci(w, 16)), .n = rest(w, word, 1 << 16)};
    return sum;
}

static void sum_slice(Low *w, const Bins *b, const Slice *s)
{
    LirVal n = look_up(w, b, s->bin), each = lir_op2(w->fn, LIR_DIV, sub(w, add(w, n, s->n), low_ci(w, 1)), s->n), from = product(w, s->nth, each);
    do_part(w, b, &(Part){.bin = s->bin, .slice = add(w, s->first, s->nth), .m = lir_op2(w->fn, LIR_MAX, least(w, sub(w, n, from), each), low_ci(w, 0))}, from);
}

/* Slices, as long as there are some that nobody has taken. */
static void sum_slices(Low *w, const Bins *b)
{
    Slice s;
    LirVal more = var_of(w, lir_ci(w->fn, DT_BOOL, 1)), some;
    low_mark(w, LIR_LOOP, 0);
    low_mark(w, LIR_WHILE, get(w, more));
    barrier(w);
    some = differ(w, find_bin(w, b, &s), low_ci(w, 0));
    lir_set(w->fn, more, some);
    mark_uniform(w, LIR_IF, some);
    leave_found(w, b, 2, draw(w, taken_at(w, s.bin), low_ci(w, 1), is_first(w)), is_first(w));
    barrier(w);
    s.nth = found(w, b, 2);
    mark_uniform(w, LIR_IF, less(w, s.nth, s.n));
    sum_slice(w, b, &s);
    mark_uniform(w, LIR_END, 0);
    mark_uniform(w, LIR_END, 0);
    low_mark(w, LIR_END, 0);
}

/* Who has a bin of fewer entries than most, or has sliced up its own, helps with what is sliced up by now; who sliced it up sees all of it done. */
static void help(Low *w, const Bins *b, LirVal does)
{
    mark_uniform(w, LIR_IF, does);
    leave_found(w, b, 3, draw(w, all_slices_at(w), low_ci(w, 0), is_first(w)), is_first(w));
    barrier(w);
    mark_uniform(w, LIR_IF, differ(w, found(w, b, 3), low_ci(w, 0)));
    sum_slices(w, b);
    mark_uniform(w, LIR_END, 0);
    mark_uniform(w, LIR_END, 0);
}

static void sums(const Low *first, const char *symbol)
{
    Low w;
    Bins b = part_open(&w, first, BIN_SUMS, symbol);
    ask_portion(&w, &b, 0);
    low_launch_wait(&w);
    low_open_groups(&w, w.s->rows);
    low_sums_new(&w);
    LirVal n = look_up(&w, &b, w.block), full = lir_op2(w.fn, LIR_GT, n, low_ci(&w, b.at.full));
    LirVal helps = lir_op2(w.fn, LIR_OR, full, less(&w, n, over(&w, w.ninst, w.s->bins)));        /* known now: n needs no register to the end */
    ask_portion(&w, &b, 1);
    low_launch_go(&w);
    mark_uniform(&w, LIR_IF, full);
    ask_portion(&w, &b, 2);
    slice_up(&w, &b, n);
    mark_uniform(&w, LIR_ELSE, 0);
    do_part(&w, &b, &(Part){.bin = w.block, .m = n}, low_ci(&w, 0));
    mark_uniform(&w, LIR_END, 0);
    help(&w, &b, helps);
    low_launch_close(&w, (LowLaunch){.grid = LOW_G_FIXED, .per = w.s->bins, .work_bytes = 12});
}

/* ---- their sums, joined ---- */

/* Slice number i of all. */
static Slice find_slice(Low *w, const Bins *b, LirVal i)
{
    LirVal sum = low_ci(w, 0);
    for (int from = 0; from < w->s->bins; from += b->at.threads) {
        LirVal bin = add(w, w->tid, low_ci(w, from)), word = load_i32(w, slices_at(w, bin), less(w, bin, low_ci(w, w->s->bins))), n = rest(w, word, 1 << 16), more;
        LirVal nth = sub(w, i, add(w, sum, low_before_in_block(w, &b->tally, n, w->s->bins - from, &more))), here = both(w, lir_op2(w->fn, LIR_GE, nth, low_ci(w, 0)), less(w, nth, n)), is[] = {bin, nth, word};
        for (int k = 0; k < 3; k++)
            leave_found(w, b, k, is[k], here);
        sum = add(w, sum, more);
        barrier(w);
    }
    LirVal word = found(w, b, 2);
    return (Slice){.bin = found(w, b, 0), .nth = found(w, b, 1), .first = lir_op2(w->fn, LIR_SHR, word, low_ci(w, 16)), .n = rest(w, word, 1 << 16)};
}

/* Of a bin's place number k the sum over every step-th AT_ONCE of the slices from `from` on. */
static void add_slices(Low *w, const Slice *s, LirVal k, LirVal from, int step)
{
    low_sums_clear(w);
    LirVal var = var_of(w, low_ci(w, 0)), turn = low_loop_begin(w, var, s->n), nth = add(w, turn, from), slice[AT_ONCE], is[AT_ONCE], v[AT_ONCE][LOW_MAX_PER];
    for (int u = 0; u < AT_ONCE; u++) {
        LirVal i = add(w, nth, low_ci(w, u));
        slice[u] = add(w, s->first, i);
        is[u] = differ(w, load_i32(w, entries_at(w, slice[u], k), less(w, i, s->n)), low_ci(w, 0));
    }
    for (int u = 0; u < AT_ONCE; u++)
        for (w->k = 0; w->k < w->s->per; w->k++)
            v[u][w->k] = low_load_at(w, DT_F32, w->s->vec, slice_row(w, slice[u], k), is[u], row_align(w));
    for (int u = 0; u < AT_ONCE; u++)
        add_row(w, v[u]);
    w->k = 0;
    low_loop_end(w, var, turn, low_ci(w, step * AT_ONCE));
}

/* Of few slices: a place a group. */
static void join_few(Low *w, const Slice *s)
{
    LirVal n = places_of_bin(w), var = var_of(w, times(w, s->share, w->s->rows)), at = low_loop_begin(w, var, n), k = add(w, at, w->grp), place = nth_place(w, k, s->bin);
    low_mark(w, LIR_IF, both(w, less(w, k, n), is_place(w, place)));
    add_slices(w, s, k, low_ci(w, 0), 1);
    low_write_place(w, place, true, 0);
    low_mark(w, LIR_END, 0);
    low_loop_end(w, var, at, times(w, s->shares, w->s->rows));
}

/* All groups together. */
static void join_place(Low *w, const Bins *b, const Slice *s, LirVal k)
{
    LirVal place = nth_place(w, k, s->bin), first = same(w, w->grp, low_ci(w, 0));
    add_slices(w, s, k, times(w, w->grp, AT_ONCE), w->s->rows);
    low_mark(w, LIR_IF, lir_op1(w->fn, LIR_NOT, first));
    leave_sums(w, b);
    low_mark(w, LIR_END, 0);
    barrier(w);
    low_mark(w, LIR_IF, both(w, first, is_place(w, place)));
    for (int g = 1; g < w->s->rows; g++)
        take_sums(w, b, low_ci(w, g));
    low_write_place(w, place, true, 0);
    low_mark(w, LIR_END, 0);
    barrier(w);                         /* before the next sums come there */
}

static void join_many(Low *w, const Bins *b, const Slice *s)
{
    LirVal var = var_of(w, s->share), k = low_loop_begin(w, var, places_of_bin(w));
    join_place(w, b, s, k);
    low_loop_end(w, var, k, s->shares);
}

/* Share number i: there are `each` for a slice. */
static void join_share(Low *w, const Bins *b, LirVal i, LirVal each)
{
    LirVal slice = lir_op2(w->fn, LIR_DIV, i, each);
    Slice s = find_slice(w, b, slice);
    s.share = add(w, lir_op2(w->fn, LIR_MUL, s.nth, each), sub(w, i, lir_op2(w->fn, LIR_MUL, slice, each)));
    s.shares = lir_op2(w->fn, LIR_MUL, s.n, each);
    mark_uniform(w, LIR_IF, lir_op2(w->fn, LIR_LE, s.n, low_ci(w, w->s->rows > 1 ? FEW_SLICES : INT32_MAX)));
    join_few(w, &s);
    if (w->s->rows > 1) {
        mark_uniform(w, LIR_ELSE, 0);
        join_many(w, b, &s);
    }
    mark_uniform(w, LIR_END, 0);
}

/* The shares of all slices; of few each has several, since every place of a share waits for what its rows are, then for them. */
static void join_slices(Low *w, const Bins *b, LirVal slices)
{
    LirVal each = lir_op2(w->fn, LIR_MAX, lir_op2(w->fn, LIR_DIV, low_ci(w, w->s->bins), slices), low_ci(w, 1));
    LirVal var = var_of(w, w->block), i = low_loop_begin(w, var, lir_op2(w->fn, LIR_MUL, slices, each));
    join_share(w, b, i, each);
    low_loop_end(w, var, i, low_ci(w, w->s->bins));
}

static void join(const Low *first, const char *symbol)
{
    Low w;
    Bins b = part_open(&w, first, BIN_JOIN, symbol);
    low_open_groups(&w, w.s->rows);
    low_sums_new(&w);
    low_launch_wait(&w);
    LirVal slices = load_i32(&w, all_slices_at(&w), less(&w, low_ci(&w, 0), w.ninst));      /* no tile, and nobody says that there is none */
    mark_uniform(&w, LIR_IF, differ(&w, slices, low_ci(&w, 0)));
    join_slices(&w, &b, slices);
    mark_uniform(&w, LIR_END, 0);
    low_launch_go(&w);                  /* not before: blocks that come while these still stand fill up the multiprocessors beside them */
    low_launch_close(&w, (LowLaunch){.grid = LOW_G_FIXED, .per = w.s->bins, .per2 = w.s->bins, .per3 = slice_least(&w), .work_bytes = 4 * low_tile(&w) + 4, .work_by = LOW_BY_PLACES});
}

void low_bins(const Low *first, const char *symbol)
{
    tiles(first, symbol);
    sums(first, symbol);
    join(first, symbol);
}
