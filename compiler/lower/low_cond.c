/* low_cond.c: what must hold at launch for the variant just lowered: row length, size, alignment, unit strides. */
#include "low.h"

/* Each is said once, however many accesses want it. */
static void cond(Low *w, LowCondKind kind, uint16_t a, uint16_t b, int64_t value)
{
    LowKernel *k = w->out;
    for (uint32_t i = 0; i < k->nconds; i++)
        if (k->conds[i].kind == kind && k->conds[i].a == a && k->conds[i].b == b && k->conds[i].value == value)
            return;
    *ARENA_PUSH(w->a, k->conds, k->nconds, k->capconds) = (LowCond){(uint8_t)kind, 0, a, b, value};
}

static void length_conds(Low *w)
{
    const Sched *s = w->s;
    int64_t cap = (int64_t)w->lanes * s->vec * s->per;
    if (s->len == LEN_EXACT)
        cond(w, LOW_C_ROWLEN_EQ, 0, 0, s->n);
    if (s->len == LEN_CAP)
        cond(w, LOW_C_ROWLEN_LE, 0, 0, cap + sched_slack(s, 16 / s->vec));
    if (s->align == ALIGN_VEC && !w->host && s->vec > 1 && s->len != LEN_EXACT)
        cond(w, LOW_C_ROWLEN_MULT, 0, 0, s->vec);
}

/* Are there results of an instance's scalars, which the block of its first column tile stores? */
static bool tile_stores_scalars(const Low *w)
{
    bool any = false;
    for (TirVal v = 1; v < w->tir->nops && w->s->split && !w->parts && !w->rv->scatter; v++)
        any |= (w->tir->ops[v].op == TIR_STORE || w->tir->ops[v].op == TIR_ACC) && !w->rv->is_row[v];
    return any;
}

/* A variant that was found for launches of some sizes; and rows of no elements have no tile. */
static void size_conds(Low *w)
{
    if (w->s->least || tile_stores_scalars(w))
        cond(w, LOW_C_ELEMS_GE, 0, 0, w->s->least ? (int64_t)w->s->least * 1024 : 1);
    if (w->s->most)
        cond(w, LOW_C_ELEMS_LE, 0, 0, (int64_t)w->s->most * 1024);
}

static void access_conds(Low *w, const RowMem *m)
{
    int bytes = dt_bytes(w->tir->tensors[m->tensor].dt);
    if (w->s->align == ALIGN_SCALAR)
        return;
    int align = low_align(w, bytes);
    if (w->s->align == ALIGN_SHIFT) {
        const RowMem *first = low_first_stream(w);
        int unit = w->s->vec * bytes < 16 ? w->s->vec * bytes : 16;
        if (m->inst || unit == bytes)
            cond(w, LOW_C_UNIT, m->tensor, (uint16_t)m->row_dim, 0);
        else                                /* windows */
            cond(w, LOW_C_ALIGNED, m->tensor, (uint16_t)m->row_dim, unit);
        if (m->inst && m != first)
            cond(w, LOW_C_CONGRUENT, first->tensor, m->tensor,
                 (int64_t)w->s->vec * bytes | (int64_t)first->row_dim << 16 | (int64_t)m->row_dim << 24);
        return;
    }
    if (align <= bytes) {
        cond(w, LOW_C_UNIT, m->tensor, (uint16_t)m->row_dim, 0);
        return;
    }
    cond(w, LOW_C_ALIGNED, m->tensor, (uint16_t)m->row_dim, align);
    if (w->host && m->start_mul > 0)                    /* begins a row's length behind; on a GPU rows are whole vectors */
        cond(w, LOW_C_ROWLEN_MULT, 0, 0, align / bytes);
}

/* The next nest, which shares the launch, wants what this one wants; sizes are told of this one alone. */
static void twin_conds(Low *w)
{
    LowKernel *k = w->out;
    for (uint32_t i = 0, n = k->nconds; i < n; i++) {
        LowCond c = k->conds[i];
        bool of_tensor = c.kind == LOW_C_ALIGNED || c.kind == LOW_C_CONGRUENT || c.kind == LOW_C_UNIT || c.kind == LOW_C_NEARER;
        c.nest = 1;
        c.a = of_tensor ? low_twin(w, c.a) : c.a;
        c.b = c.kind == LOW_C_CONGRUENT ? low_twin(w, c.b) : c.b;
        if (c.kind != LOW_C_ELEMS_GE && c.kind != LOW_C_ELEMS_LE)
            *ARENA_PUSH(w->a, k->conds, k->nconds, k->capconds) = c;
    }
}

void low_conds(Low *w)
{
    length_conds(w);
    size_conds(w);
    for (uint32_t i = 0; i < w->rv->nload; i++)
        access_conds(w, &w->rv->load[i]);
    for (uint32_t i = 0; i < w->rv->nstore; i++)
        access_conds(w, &w->rv->store[i]);
    if (w->s->hint == HINT_STREAM && w->host)
        cond(w, LOW_C_ELEMS_GE, 0, 0, 1 << 21);   /* non-temporal stores pay once the rows leave the caches */
    if (w->s->inner)
        cond(w, LOW_C_NEARER, w->rv->store[0].tensor, (uint16_t)row_view_dim(w->rv, (uint32_t)w->s->inner - 1), row_view_dim(w->rv, w->rv->npars - 1));
    if (w->s->aside)
        cond(w, LOW_C_INST_LE, 0, 0, w->s->aside);
    if (w->s->bins)
        cond(w, LOW_C_INST_LE, 0, 0, sched_bins_most(w->s));
    if (w->s->join)
        twin_conds(w);
}
