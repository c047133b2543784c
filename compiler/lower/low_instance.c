/* low_instance.c: the instance that a group of lanes works on: its coordinates from its number, where its rows begin, and what is done for it. */
#include "low.h"

#include <string.h>

/* The low half of an i64, known to be one. */
static LirVal low_half(Low *w, LirVal v) { return lir_op2(w->fn, LIR_AND, v, lir_ci(w->fn, DT_I64, 0xffffffff)); }
static LirVal high_half(Low *w, LirVal v) { return low_half(w, lir_op2(w->fn, LIR_SHR, v, lir_ci(w->fn, DT_I64, 32))); }

/* i64 of an i32 that is not negative. */
static LirVal widen(Low *w, LirVal v) { return low_half(w, lir_cast(w->fn, DT_I64, v)); }

/* n over the extent of par i without a division: m and s of word PARDIV are such that it is n * m >> 31 + s. */
static LirVal over_par(Low *w, LirVal n, uint32_t i)
{
    LirVal word = low_word(w, DT_I64, (LirWord){LIR_W_PARDIV, (uint16_t)i, 0});
    LirVal s = lir_op2(w->fn, LIR_ADD, lir_op2(w->fn, LIR_AND, high_half(w, word), lir_ci(w->fn, DT_I64, 31)), lir_ci(w->fn, DT_I64, 31));
    return lir_cast(w->fn, DT_I32, lir_op2(w->fn, LIR_SHR, lir_op2(w->fn, LIR_MUL, widen(w, n), low_half(w, word)), s));
}

/* Coordinates from the one that neighbouring instances differ in on. */
static void coord_order(const Low *w, uint32_t n, uint32_t *order)
{
    uint32_t first = w->s->inner ? (uint32_t)w->s->inner - 1 : n - 1, k = 0;
    order[k++] = first;
    for (uint32_t i = n; i-- > 0;)
        if (i != first)
            order[k++] = i;
}

static void decode_coords(Low *w, LirVal g)
{
    uint32_t n = w->rv->npars + w->rv->npromoted;
    LirVal rest = g;
    uint32_t order[ROW_MAX_COORDS];
    coord_order(w, n, order);
    for (uint32_t k = 0; k + 1 < n; k++) {
        uint32_t i = order[k];
        LirVal q = over_par(w, rest, i);
        LirVal r = lir_op2(w->fn, LIR_SUB, rest, lir_op2(w->fn, LIR_MUL, q, low_word32(w, LIR_W_PAREXT, (uint16_t)i)));
        w->coord[i] = widen(w, r);
        rest = q;
    }
    w->coord[order[n - 1]] = widen(w, rest);
}

void low_forget_instance(Low *w)
{
    memset(w->scalar, 0, sizeof *w->scalar * w->tir->nops);
    memset(w->row_base, 0, sizeof *w->row_base * ROW_MAX_MEM * 2);
    memset(w->red_value, 0, sizeof *w->red_value * w->tir->nops);
    for (uint32_t i = 0; i < w->rv->nload; i++)
        if (w->rv->load[i].inst || w->s->unroll || (w->s->wkeep != WKEEP_REG && w->s->wkeep != WKEEP_WIDE))
            memset(&w->kept[i * LOW_MAX_PER], 0, sizeof *w->kept * LOW_MAX_PER);
}

void low_set_instance(Low *w, LirVal g, bool may_be_outside)
{
    low_forget_instance(w);
    w->active = 0;
    if (may_be_outside) {
        w->active = lir_op2(w->fn, LIR_LT, g, w->ninst);
        g = lir_op2(w->fn, LIR_MIN, g, lir_op2(w->fn, LIR_SUB, w->ninst, low_ci(w, 1)));
    }
    decode_coords(w, g);
    if (low_has_edges(w) && !w->head_fixed)
        low_edge_set(w);
}

void low_own_values(Low *w)
{
    w->scalar = ARENA_ARRAY(w->a, LirVal, w->tir->nops);
    w->row = ARENA_ARRAY(w->a, LirVal, w->tir->nops);
    w->red_value = ARENA_ARRAY(w->a, LirVal, w->tir->nops);
    w->red_rest = ARENA_ARRAY(w->a, LirVal, w->tir->nops);
    w->red_share = ARENA_ARRAY(w->a, LirVal, w->tir->nops);
    w->row_base = ARENA_ARRAY(w->a, LirVal, ROW_MAX_MEM * 2);
    w->kept = ARENA_ARRAY(w->a, LirVal, ROW_MAX_MEM * LOW_MAX_PER);
}

/* ---- its work ---- */

/* Stores and integer sums of an instance's scalars: by its first lane, in the block of its first columns. */
void low_scalar_stores(Low *w)
{
    LirVal first = w->lanes > 1 ? lir_op2(w->fn, LIR_EQ, w->at, low_ci(w, 0)) : 0;
    if (w->s->split && w->turn)
        first = low_and(w, first, lir_op2(w->fn, LIR_EQ, w->turn, low_ci(w, 0)));
    for (TirVal v = 1; v < w->tir->nops; v++) {
        const TirOp *o = &w->tir->ops[v];
        if ((o->op != TIR_STORE && o->op != TIR_ACC) || w->rv->is_row[v])
            continue;
        LirVal guard = low_and(w, low_guard(w, v), first);
        LirVal x = lir_cast(w->fn, w->tir->tensors[o->ref].dt, low_scalar(w, o->a[0]));
        if (o->op == TIR_ACC && !guard)
            guard = lir_ci(w->fn, DT_BOOL, 1);
        LirOp st = {.op = o->op == TIR_ACC ? LIR_ATOM : guard ? LIR_STGP : LIR_STG, .ref = (int16_t)o->ref, .flags = o->op == TIR_ACC || w->host ? 0 : LIR_F_KEEP, .a = {low_base(w, o, NULL), x, guard},
                    .imm.i = dt_bytes(w->tir->tensors[o->ref].dt), .sp = o->sp};
        lir_add(w->fn, st);
    }
}

void low_instance(Low *w) { low_phases(w, 0); }

void low_phases(Low *w, int from)
{
    for (int p = from; p <= w->rv->last_phase; p++)
        low_phase(w, p);
    if (w->parts)
        return;                             /* to the second launch */
    low_scalars_of_phase(w, w->rv->last_phase + 1);
    if (sched_tells(&w->shared, w->s))
        low_told(w);
    else
        low_scalar_stores(w);
}

/* Of a launch only one side of the condition is run, so that it counts exchanges as if it were alone. */
void low_sides(Low *w)
{
    TirVal c = w->s->sides ? row_view_side(w->rv) : 0;
    if (!c) {
        low_instance(w);
        return;
    }
    Low before = *w;
    lir_add(w->fn, (LirOp){.op = LIR_IF, .ref = -1, .flags = LIR_F_UNIFORM, .a = {low_scalar(w, c)}});
    for (int64_t side = 1; side >= 0; side--) {
        low_forget_instance(w);
        w->scalar[c] = lir_ci(w->fn, DT_BOOL, side);
        low_instance(w);
        *w = before;
        lir_add(w->fn, (LirOp){.op = side ? LIR_ELSE : LIR_END, .ref = -1, .flags = side ? LIR_F_UNIFORM : 0});
    }
}
