/* low_parts.c: a row over blocks that do not meet (split=1): each takes one column tile and leaves what it reduced in the workspace; a
 * second launch puts a row's tiles together, in a fixed order, and does all that remains to be done with scalars.
 *
 * Workspace: [instance][tile][word] of 32 bits; a logsumexp has two words, a sqdev three, every other reduction one.
 */
#include "low.h"

enum { WARP = 32, WARPS = 8 };     /* of the second launch: a warp an instance */

int32_t low_tile(const Low *w) { return w->s->lanes * w->s->vec * w->s->per; }

LirVal low_tiles(Low *w)
{
    LirVal up = lir_op2(w->fn, LIR_ADD, w->rowlen, low_ci(w, low_tile(w) - 1));
    return lir_op2(w->fn, LIR_DIV, up, low_ci(w, low_tile(w)));
}

uint32_t low_part_words(Low *w)
{
    Red r[LOW_MAX_RED];
    uint32_t n = low_reductions(w, 0, r), words = 0;
    for (uint32_t i = 0; i < n; i++)
        words += low_red_words(w, &r[i]);
    return words;
}

/* i64 address of the words of tile `part` (i32; tiles of all instances counted through). */
static LirVal part_at(Low *w, LirVal part)
{
    return lir_op2(w->fn, LIR_ADD, low_word(w, DT_I64, (LirWord){LIR_W_WORK, 0, 0}), low_mul_i64(w, part, 4 * (int64_t)low_part_words(w)));
}

void low_parts_store(Low *w, const Red *r, const Partial *t, uint32_t n)
{
    LirVal at = part_at(w, w->block), first = lir_op2(w->fn, LIR_EQ, w->tid, low_ci(w, 0));
    int64_t word = 0;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < low_red_words(w, &r[i]); k++, word++)
            lir_add(w->fn, (LirOp){.op = LIR_STGP, .ref = -1, .imm.i = 4,
                                   .a = {lir_op2(w->fn, LIR_ADD, at, lir_ci(w->fn, DT_I64, word * 4)), t[i].v[k], first}});
}

static Partial load_part(Low *w, const Red *r, LirVal at, int64_t word, LirVal in)
{
    Partial p = low_red_none(w, r);
    for (uint32_t k = 0; k < low_red_words(w, r); k++) {
        LirVal addr = lir_op2(w->fn, LIR_ADD, at, lir_ci(w->fn, DT_I64, (word + k) * 4));
        LirVal v = lir_add(w->fn, (LirOp){.op = LIR_LDGP, .dt = r->dt, .lanes = 1, .ref = -1, .a = {addr, in}, .imm.i = 4});
        p.v[k] = lir_op3(w->fn, LIR_SELECT, in, v, p.v[k]);
    }
    return p;
}

/* Lane l puts together tiles l, l + 32, ..; then the lanes. */
static void put_together(Low *w, LirVal g, const Red *r, uint32_t n)
{
    LirVal tiles = low_tiles(w), var[LOW_MAX_RED][LOW_MAX_WORDS], i = lir_op1(w->fn, LIR_VAR, low_ci(w, 0));
    for (uint32_t k = 0; k < n; k++) {
        Partial none = low_red_none(w, &r[k]);
        for (uint32_t j = 0; j < low_red_words(w, &r[k]); j++)
            var[k][j] = lir_op1(w->fn, LIR_VAR, none.v[j]);
    }
    LirVal from = low_loop_begin(w, i, tiles), mine = lir_op2(w->fn, LIR_ADD, from, w->lane), in = lir_op2(w->fn, LIR_LT, mine, tiles);
    LirVal at = part_at(w, lir_op2(w->fn, LIR_ADD, lir_op2(w->fn, LIR_MUL, g, tiles), mine));
    int64_t word = 0;
    for (uint32_t k = 0; k < n; k++) {
        Partial sum = {{0}};
        for (uint32_t j = 0; j < low_red_words(w, &r[k]); j++)
            sum.v[j] = lir_op1(w->fn, LIR_GET, var[k][j]);
        sum = low_red_join(w, &r[k], sum, load_part(w, &r[k], at, word, in));
        for (uint32_t j = 0; j < low_red_words(w, &r[k]); j++, word++)
            lir_set(w->fn, var[k][j], sum.v[j]);
    }
    low_loop_end(w, i, from, low_ci(w, WARP));
    for (uint32_t k = 0; k < n; k++) {
        Partial sum = {{0}};
        for (uint32_t j = 0; j < low_red_words(w, &r[k]); j++)
            sum.v[j] = lir_op1(w->fn, LIR_GET, var[k][j]);
        low_red_deliver(w, &r[k], r[k].kind == RED_VAR ? low_var_across(w, sum, WARP) : low_red_across(w, &r[k], sum, WARP));
    }
}

static LirFn *open_second(Low *w, const Low *first, const char *symbol)
{
    w->fn = low_launch_after(first, symbol, WARP * WARPS);
    w->scalar = ARENA_ARRAY(w->a, LirVal, w->tir->nops);
    w->turn = w->turn_k = 0;
    w->parts = false;
    w->k = 0;
    w->vec = 1;
    w->tid = low_sreg(w, LIR_TID);
    w->lane = w->at = lir_op2(w->fn, LIR_REM, w->tid, low_ci(w, WARP));
    w->grp = lir_op2(w->fn, LIR_DIV, w->tid, low_ci(w, WARP));
    w->lanes = WARP;
    w->block = low_sreg(w, LIR_CTAID);
    w->rowlen = low_rowlen(w);
    w->ninst = low_word32(w, LIR_W_INST, 0);
    return w->fn;
}

/* What earlier nests do not write was there before the first launch let this one start: it is under way while the tiles are. */
static void fetch_inputs(Low *w)
{
    w->waits = w->rv->waits;
    low_scalars_of_phase(w, 0);
    for (TirVal v = 1; v < w->tir->nops; v++)
        if (w->rv->pick[v] && !w->waits[v])
            low_scalar(w, v);
    w->waits = NULL;
}

LirFn *low_parts_second(Low *first, const char *symbol)
{
    Low w = *first;
    Sched whole = *first->s;               /* of rows that no tile knows of: places of scalars alone */
    Red r[LOW_MAX_RED];
    open_second(&w, first, symbol);
    low_launch_go(&w);      /* what comes next waits for this launch, which waits for the first */
    uint32_t n = low_reductions(&w, 0, r);
    LirVal g = lir_op2(w.fn, LIR_ADD, lir_op2(w.fn, LIR_MUL, w.block, low_ci(&w, WARPS)), w.grp), last = lir_op2(w.fn, LIR_SUB, w.ninst, low_ci(&w, 1));
    whole.split = 0;
    whole.align = ALIGN_SCALAR;
    w.s = &whole;
    low_set_instance(&w, g, true);
    if (low_goes_behind(first)) {
        w.fn->pdl = LIR_PDL_LATE;
        fetch_inputs(&w);
    }
    low_launch_wait(&w);
    w.s = first->s;
    put_together(&w, lir_op2(w.fn, LIR_MIN, g, last), r, n);
    w.s = &whole;
    low_scalars_of_phase(&w, w.rv->last_phase + 1);
    low_scalar_stores(&w);
    w.out->launch[w.out->nlaunch++] = (LowLaunch){.fn = w.fn, .grid = LOW_G_GROUPS, .per = WARPS, .ctas = 1};
    return w.fn;
}
