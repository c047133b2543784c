/* low_along.c: the host's rows, two in step: while one is walked for the last time the next is walked for the first time, so that
 * memory is asked for something all the while.
 *
 * In: a block's contiguous instances, stages=2, a loop over the row in memory.  What the first walk found out about the next row
 * is carried from turn to turn in variables.  Nothing is stored before a row's last walk, which never lies behind its next row's.
 */
#include "low.h"

/* The same lowering with an instance of its own. */
static Low *another(const Low *w)
{
    Low *n = ARENA_NEW(w->a, Low);
    *n = *w;
    low_own_values(n);
    return n;
}

/* What the reductions of a first walk left behind. */
typedef struct Carry { LirVal scalar, value, rest, share; } Carry;

static void put(Low *w, LirVal *var, LirVal v)
{
    if (v && *var)
        lir_set(w->fn, *var, v);
    else if (v)
        *var = lir_op1(w->fn, LIR_VAR, v);
}

static LirVal get(Low *w, LirVal var) { return var ? lir_op1(w->fn, LIR_GET, var) : 0; }

static void put_all(const LowWalk *x, Carry *c)
{
    for (uint32_t i = 0; i < x->n; i++) {
        TirVal v = x->r[i].op;
        put(x->w, &c[i].scalar, x->w->scalar[v]);
        put(x->w, &c[i].value, x->w->red_value[v]);
        put(x->w, &c[i].rest, x->w->red_rest[v]);
        put(x->w, &c[i].share, x->w->red_share[v]);
    }
}

static void get_all(Low *w, const LowWalk *x, const Carry *c)
{
    for (uint32_t i = 0; i < x->n; i++) {
        TirVal v = x->r[i].op;
        w->scalar[v] = get(w, c[i].scalar);
        w->red_value[v] = get(w, c[i].value);
        w->red_rest[v] = get(w, c[i].rest);
        w->red_share[v] = get(w, c[i].share);
    }
}

static void finish(const LowWalk *x) { low_red_finish(x->w, x->r, x->n); }

void low_along(Low *w, LirVal first, LirVal end)
{
    Low *next = another(w);
    Carry c[LOW_MAX_RED] = {{0}};
    LirVal one = low_ci(w, 1), var = lir_op1(w->fn, LIR_VAR, first);
    low_set_instance(next, lir_op2(w->fn, LIR_MIN, first, lir_op2(w->fn, LIR_SUB, w->ninst, one)), false);      /* of a block without rows, any */
    LowWalk ahead = low_walk_begin(next, 0);
    low_row_loop(&ahead, 1);
    finish(&ahead);
    put_all(&ahead, c);
    LirVal base = low_loop_begin(w, var, end);
    low_set_instance(w, base, false);
    get_all(w, &ahead, c);
    low_scalars_of_phase(w, 0);
    for (int p = 1; p < w->rv->last_phase; p++)
        low_phase(w, p);
    low_set_instance(next, lir_op2(w->fn, LIR_MIN, lir_op2(w->fn, LIR_ADD, base, one), lir_op2(w->fn, LIR_SUB, end, one)), false);
    LowWalk both[LOW_MAX_WALKS] = {low_walk_begin(next, 0), low_walk_begin(w, w->rv->last_phase)};
    low_row_loop(both, 2);
    finish(&both[0]);
    finish(&both[1]);
    low_scalars_of_phase(w, w->rv->last_phase + 1);
    low_scalar_stores(w);
    put_all(&both[0], c);
    low_loop_end(w, var, base, one);
}
