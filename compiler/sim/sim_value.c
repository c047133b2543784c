/* sim_value.c: elementwise steps, and poison: which elements were made of shared bytes that nobody wrote.
 *
 * Reading such a byte is no fault by itself: lanes past the end of a row do, and throw the value away.  Poison follows values through
 * operations and faults where it would be seen (sim_clean()).  While nothing is poisoned, it costs a test an operation.
 */
#include "sim_in.h"

#include <string.h>

static bool narrow(DType t) { return t == DT_F16 || t == DT_BF16; }

/* ---- poison ---- */

uint8_t *sim_poison(Sim *s, Step *st)
{
    if (!st->poison)
        st->poison = ARENA_ARRAY(s->arena, uint8_t, st->n);
    return st->poison;
}

bool sim_clean(Sim *s, const Step *st, int arg, uint32_t thread, const char *use)
{
    const Step *f = st->from[arg];
    if (!f->tainted)
        return true;
    for (uint32_t i = 0; i < f->lanes; i++)
        if (f->poison[(size_t)thread * f->lanes + i]) {
            sim_fault(s, st, thread, "%s is made of shared memory that nobody wrote (%%%u)", use, st->o->a[arg]);
            return false;
        }
    return true;
}

static void spread_poison(uint8_t *p, const Step *st, const Step *f, uint32_t threads)
{
    uint32_t ln = st->lanes, fl = f->lanes, max = ln > fl ? ln : fl;
    for (uint32_t t = 0; t < threads; t++)
        for (uint32_t i = 0; i < max; i++)
            p[t * ln + (ln == 1 ? 0 : i)] |= f->poison[t * fl + (fl == 1 ? 0 : i)];
}

/* Only the condition and what it chooses count. */
static void select_poison(uint8_t *p, const Step *st)
{
    uint32_t cl = st->from[0]->lanes;
    const uint8_t *c = st->a[0];
    for (size_t i = 0; i < st->n; i++) {
        size_t ci = cl == 1 ? i / st->lanes : i;
        const Step *f = st->from[c[ci] ? 1 : 2];
        p[i] = (st->from[0]->tainted && st->from[0]->poison[ci]) || (f->tainted && f->poison[i]);
    }
}

static void vector_poison(uint8_t *p, const Step *st, uint32_t threads)
{
    uint32_t at = 0;
    for (int k = 0; k < lir_op_nargs(st->o->op); k++) {
        const Step *f = st->from[k];
        for (uint32_t t = 0; f->tainted && t < threads; t++)
            for (uint32_t i = 0; i < f->lanes; i++) {
                if (st->o->op == LIR_CONCAT)
                    p[t * st->lanes + at + i] = f->poison[t * f->lanes + i];
                else if (i == (uint32_t)st->o->imm.i)
                    p[t] = f->poison[t * f->lanes + i];
            }
        at += f->lanes;
    }
}

void sim_taint(Sim *s, Step *st)
{
    int n = lir_op_nargs(st->o->op);
    st->tainted = false;
    for (int i = 0; i < n; i++)
        st->tainted = st->tainted || st->from[i]->tainted;
    if (!st->tainted)
        return;
    uint8_t *p = memset(sim_poison(s, st), 0, st->n);
    if (st->o->op == LIR_SELECT)
        select_poison(p, st);
    else if (st->o->op == LIR_CONCAT || st->o->op == LIR_EXTRACT)
        vector_poison(p, st, s->threads);
    else
        for (int i = 0; i < n; i++)
            if (st->from[i]->tainted)
                spread_poison(p, st, st->from[i], s->threads);
}

/* ---- steps ---- */

static void run_elem(Sim *s, Step *st)
{
    st->elem(st->d, st->a[0], st->a[1], st->a[2], st->n);
    sim_taint(s, st);
}

static void run_half(Sim *s, Step *st)
{
    int n = lir_op_nargs(st->o->op);
    for (int i = 0; i < n; i++)
        sim_widen(st->from[0]->o->dt, s->wide[i], st->a[i], st->n);
    bool truth = st->o->dt == DT_BOOL;
    st->elem(truth ? st->d : s->wide[3], s->wide[0], s->wide[1], s->wide[2], st->n);
    if (!truth)
        sim_narrow(st->o->dt, st->d, s->wide[3], st->n);
    sim_taint(s, st);
}

static void run_select(Sim *s, Step *st)
{
    const uint8_t *c = st->a[0];
    if (st->from[0]->lanes != st->lanes) {
        uint8_t *all = s->wide[0];
        for (uint32_t t = 0; t < s->threads; t++)
            memset(all + (size_t)t * st->lanes, c[t], st->lanes);
        c = all;
    }
    st->elem(st->d, c, st->a[1], st->a[2], st->n);
    sim_taint(s, st);
}

static void run_cast(Sim *s, Step *st)
{
    DType from = st->from[0]->o->dt, to = st->o->dt;
    const void *a = st->a[0];
    if (narrow(from)) {
        sim_widen(from, to == DT_F32 ? st->d : s->wide[0], a, st->n);
        a = to == DT_F32 ? st->d : s->wide[0];
        from = DT_F32;
    }
    if (narrow(to)) {
        if (from != DT_F32)
            sim_elem_cast(from, DT_F32)(s->wide[1], a, NULL, NULL, st->n);
        sim_narrow(to, st->d, from == DT_F32 ? a : s->wide[1], st->n);
    } else if (a != st->d)
        sim_elem_cast(from, to)(st->d, a, NULL, NULL, st->n);
    sim_taint(s, st);
}

bool sim_plan_value(Sim *s, Step *st)
{
    (void)s;
    LirOpcode op = st->o->op;
    if (op == LIR_SELECT) {
        st->run = run_select;
        st->elem = sim_elem_select(st->bytes);
        return true;
    }
    if (op == LIR_CAST) {
        st->run = run_cast;
        return true;
    }
    if (lir_op_nargs(op) < 1 || !st->from[0])
        return false;
    DType dt = st->from[0]->o->dt;
    st->elem = dt < DT_COUNT ? sim_elem(op, narrow(dt) ? DT_F32 : dt) : NULL;
    st->run = narrow(dt) ? run_half : run_elem;
    return st->elem != NULL;
}
