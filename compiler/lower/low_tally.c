/* low_tally.c: keys of a block's threads counted, each warp in a row of its own, so that equal ones keep their order: thread d then has what all
 * warps have of key d. Keys are 0 .. window - 1, a window of no more than the block's threads; -1 is none.
 */
#include "low_sort.h"

enum { FOUR = 4 };

static LirVal tally_at(Low *w, const Tally *t, LirVal warp, LirVal key) { return add(w, times(w, add(w, times(w, warp, t->window), key), 4), low_ci(w, t->at)); }
static LirVal own_warp(Low *w) { return over(w, w->tid, 32); }

LirVal low_lds(Low *w, DType dt, LirVal at) { return lir_add(w->fn, (LirOp){.op = LIR_LDS, .dt = (uint8_t)dt, .lanes = 1, .ref = -1, .a = {at}, .imm.i = dt_bytes(dt)}); }
void low_sts(Low *w, LirVal at, LirVal v, int align) { lir_add(w->fn, (LirOp){.op = LIR_STS, .ref = -1, .a = {at, v}, .imm.i = align}); }
void low_sts_when(Low *w, LirVal at, LirVal v, LirVal when, int align) { lir_add(w->fn, (LirOp){.op = LIR_STSP, .ref = -1, .a = {at, v, when}, .imm.i = align}); }

/* Where the window is narrower than the block, its last warps have no key of their own. */
static bool narrow(const Tally *t) { return t->window < t->warps * 32; }
static void own_begin(Low *w, const Tally *t) { if (narrow(t)) low_mark(w, LIR_IF, less(w, w->tid, low_ci(w, t->window))); }
static void own_end(Low *w, const Tally *t) { if (narrow(t)) low_mark(w, LIR_END, 0); }

void low_tally_clear(Low *w, const Tally *t)
{
    for (int i = 0; i < t->window / (32 * FOUR); i++)
        low_sts(w, add(w, times(w, add(w, w->tid, low_ci(w, i * t->warps * 32)), 4 * FOUR), low_ci(w, t->at)), lir_splat(w->fn, low_ci(w, 0), FOUR), 4 * FOUR);
}

void low_tally(Low *w, const Tally *t, const LirVal *key, int n, LirVal *rank)
{
    int bits = 1;
    while (t->window >> (bits - 1) > 1)
        bits++;
    for (int i = 0; i < n; i++) {
        LirVal is = lir_op2(w->fn, LIR_GE, key[i], low_ci(w, 0)), at = tally_at(w, t, own_warp(w), lir_op2(w->fn, LIR_MAX, key[i], low_ci(w, 0)));
        LirVal alike = lir_alike(w->fn, key[i], bits), before = rest(w, alike, 1 << 16), have = low_lds(w, DT_I32, at);
        rank[i] = add(w, have, before);
        low_mark(w, LIR_WARPSYNC, 0);
        low_sts_when(w, at, add(w, have, lir_op2(w->fn, LIR_SHR, alike, low_ci(w, 16))), both(w, is, same(w, before, low_ci(w, 0))), 4);
        low_mark(w, LIR_WARPSYNC, 0);
    }
}

LirVal low_tally_all(Low *w, const Tally *t)
{
    LirVal sum = low_ci(w, 0), of_all = var_of(w, sum);
    own_begin(w, t);
    for (int i = 0; i < t->warps; i++)
        sum = add(w, sum, low_lds(w, DT_I32, tally_at(w, t, low_ci(w, i), w->tid)));
    lir_set(w->fn, of_all, sum);
    own_end(w, t);
    return get(w, of_all);
}

void low_tally_places(Low *w, const Tally *t, LirVal from)
{
    LirVal sum = from;
    own_begin(w, t);
    for (int i = 0; i < t->warps; i++) {
        LirVal at = tally_at(w, t, low_ci(w, i), w->tid), n = low_lds(w, DT_I32, at);
        low_sts(w, at, sum, 4);
        sum = add(w, sum, n);
    }
    own_end(w, t);
}

LirVal low_tally_place(Low *w, const Tally *t, LirVal key, LirVal rank)
{
    return add(w, rank, low_lds(w, DT_I32, tally_at(w, t, own_warp(w), lir_op2(w->fn, LIR_MAX, key, low_ci(w, 0)))));
}

/* i32: what lanes before this one of the warp have, and in *all the sum of all lanes'. */
static LirVal before_in_warp(Low *w, LirVal v, LirVal *all)
{
    LirVal before = low_ci(w, 0), sum = v, zero = low_ci(w, 0);
    for (int o = 1; o < 32; o *= 2) {
        LirVal other = low_butterfly(w, sum, o);
        before = add(w, before, pick(w, differ(w, both(w, w->tid, low_ci(w, o)), zero), other, zero));
        sum = add(w, sum, other);
    }
    *all = sum;
    return before;
}

static LirVal warp_sum(Low *w, LirVal v) { return lir_add(w->fn, (LirOp){.op = LIR_WSUM, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {v}}); }

LirVal low_before_in_block(Low *w, const Tally *t, LirVal v, int n, LirVal *all)
{
    LirVal warp = own_warp(w), lane = rest(w, w->tid, 32), zero = low_ci(w, 0), own, before, of_warp = var_of(w, zero), in_warp = var_of(w, zero);
    bool some = n < t->warps * 32;
    if (some)
        low_mark(w, LIR_IF, less(w, w->tid, low_ci(w, (n + 31) / 32 * 32)));
    before = before_in_warp(w, v, &own);
    lir_set(w->fn, of_warp, own);
    lir_set(w->fn, in_warp, before);
    if (some)
        low_mark(w, LIR_END, 0);
    own = get(w, of_warp);
    before = get(w, in_warp);
    low_sts_when(w, add(w, times(w, warp, 4), low_ci(w, t->sums)), own, same(w, lane, zero), 4);
    low_mark(w, LIR_BAR, 0);
    LirVal of = low_lds(w, DT_I32, add(w, times(w, least(w, lane, low_ci(w, t->warps - 1)), 4), low_ci(w, t->sums)));
    *all = warp_sum(w, pick(w, less(w, lane, low_ci(w, t->warps)), of, zero));
    return add(w, before, warp_sum(w, pick(w, less(w, lane, warp), of, zero)));
}
