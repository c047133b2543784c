/* sched_facts.c: what the scheduler needs to know of a kernel, counted once from its row view. */
#include "row_view.h"
#include "sched.h"

static bool seen_before(const RowMem *list, uint32_t i)
{
    for (uint32_t j = 0; j < i; j++)
        if (list[j].tensor == list[i].tensor && list[j].start_mul == list[i].start_mul)
            return true;
    return false;
}

static void count_stream(SchedFacts *f, int bytes, int *sum)
{
    *sum += bytes;
    f->max_elem_bytes = bytes > f->max_elem_bytes ? bytes : f->max_elem_bytes;
    f->min_elem_bytes = !f->min_elem_bytes || bytes < f->min_elem_bytes ? bytes : f->min_elem_bytes;
}

static void note_slices(SchedFacts *f, const RowMem *list, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        f->strided |= list[i].step != 1 || list[i].start_mul < 0;
        f->offset |= list[i].start_mul > 0;
    }
}

static bool loaded_index(const TirFn *fn, const RowMem *m)
{
    const TirOp *o = &fn->ops[m->op];
    for (uint32_t i = 0; i < o->nix; i++) {
        TirVal x = fn->ix[o->ix + i].kind == TIR_IX_SCALAR ? fn->ix[o->ix + i].val : 0;
        if (x && fn->ops[x].op != TIR_COORD && fn->ops[x].op != TIR_CONST)
            return true;
    }
    return false;
}

static void note_places(const TirFn *fn, SchedFacts *f, const RowMem *list, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        f->apart |= loaded_index(fn, &list[i]);
}

static void count_memory(const RowView *rv, SchedFacts *f)
{
    for (uint32_t i = 0; i < rv->nload; i++) {
        int bytes = dt_bytes(rv->fn->tensors[rv->load[i].tensor].dt);
        if (!rv->load[i].inst)
            f->shared_loads++;
        else
            f->row_loads++;
        if (rv->load[i].inst && !seen_before(rv->load, i))
            count_stream(f, bytes, &f->row_bytes_in);
    }
    for (uint32_t i = 0; i < rv->nstore; i++)
        count_stream(f, dt_bytes(rv->fn->tensors[rv->store[i].tensor].dt), &f->row_bytes_out);
    f->accs = (int)rv->nacc;
    f->axes = (int)(rv->npars + rv->npromoted);
}

static bool is_special(TirOpcode op)
{
    switch (op) {
    case TIR_EXP: case TIR_EXP2: case TIR_LOG: case TIR_LOG2: case TIR_LOG1P: case TIR_SQRT: case TIR_RSQRT: case TIR_RCP:
    case TIR_TANH: case TIR_SIGMOID: case TIR_ERF: case TIR_SIN: case TIR_COS: case TIR_POW: case TIR_LSE:
        return true;
    default:
        return false;
    }
}

/* Walks at whose end there is something to exchange. */
static int exchanges(const RowView *rv)
{
    int n = 0;
    for (int p = 0; p <= rv->last_phase; p++) {
        bool any = false;
        for (TirVal v = 1; v < rv->fn->nops; v++) {
            bool twice = rv->fn->ops[v].op == TIR_ARGMAX || (rv->fn->ops[v].op == TIR_SQDEV && rv->again);
            any |= row_view_words(rv, v) && (rv->phase[v] == p + 1 || (twice && rv->phase[v] == p + 2));
        }
        n += any;
    }
    return n;
}

/* One walk over the row, whose reductions are sums, extremes or logsumexps of 32 bits. A scalar picked from a row that nobody writes is the second launch's. */
static bool has_parts(const RowView *rv, const SchedFacts *f)
{
    bool ok = !rv->last_phase && f->reductions && !f->accs && !f->shared.wide;
    for (TirVal v = 1; v < rv->fn->nops; v++)
        ok = ok && rv->pick[v] != ROW_PICK_FIRST && rv->fn->ops[v].op != TIR_ARGMAX;
    return ok;
}

/* The coordinate before the last, where it and the last index rows plainly. */
static int inner_coordinate(const RowView *rv)
{
    int i = (int)rv->npars - 1;
    return i > 0 && !rv->npromoted && row_view_dim(rv, (uint32_t)i - 1) >= 0 && row_view_dim(rv, (uint32_t)i) >= 0 ? i : 0;
}

static bool asks(const RowView *rv)
{
    bool some = false, plain = true;
    for (uint32_t i = 0; i < rv->nload; i++) {
        bool guarded = rv->load[i].inst && rv->guard[rv->load[i].op];
        some |= guarded;
        plain &= !guarded || row_plain_place(rv->fn, &rv->fn->ops[rv->load[i].op]);
    }
    return some && plain;
}

bool sched_facts(const TirFn *fn, SchedFacts *out, Diag *d)
{
    Arena *a = arena_new();
    RowView *rv = a ? row_view(fn, false, a, d) : NULL, *loop = rv ? row_view(fn, true, a, d) : NULL;
    *out = (SchedFacts){0};
    if (loop) {
        out->scalars = rv->row_axis == UINT32_MAX;
        out->phases = rv->last_phase + 1;
        out->walks = loop->last_phase + 1;
        out->scatter = rv->scatter != 0;
        out->several = fn->place != TIR_WHOLE;
        out->twin = fn->twin != NULL;
        out->inner = inner_coordinate(rv);
        out->shared = row_shared(rv);
        out->shared_again = row_shared(loop);
        count_memory(rv, out);
        out->sides = row_view_side(rv) != 0;
        out->asks = asks(rv);
        note_places(fn, out, rv->load, rv->nload);
        note_places(fn, out, rv->store, rv->nstore);
        note_slices(out, rv->load, rv->nload);
        note_slices(out, rv->store, rv->nstore);
        note_slices(out, rv->acc, rv->nacc);
        for (TirVal v = 1; v < fn->nops; v++) {
            out->reductions += row_view_words(rv, v);
            out->picks += rv->pick[v] != ROW_NO_PICK;
            out->lses += fn->ops[v].op == TIR_LSE;
            if (!rv->is_row[v])
                continue;
            out->flops += tir_op_kind(fn->ops[v].op) == TIR_K_ELEM || tir_op_kind(fn->ops[v].op) == TIR_K_CAST;
            out->flops += fn->ops[v].op == TIR_ERF ? 12 : 0;       /* two polynomials */
            out->sfu += is_special(fn->ops[v].op);
        }
        out->exchanges = exchanges(rv);
        out->parts = has_parts(rv, out);
        if (!out->min_elem_bytes)
            out->min_elem_bytes = out->max_elem_bytes = 4;
    }
    arena_free(a);
    return loop != NULL;
}
