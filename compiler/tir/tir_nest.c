/* tir_nest.c: a kernel of several par nests, taken apart: each nest is a function of its own over the same tensors.
 *
 * Nests run one after the other and speak to each other through tensors alone, so that each can be scheduled, lowered and
 * chosen by itself.  The copy shares everything with the whole but its ops and indices.
 */
#include "tir.h"

#include <string.h>

/* The op behind the region that op `at` opens. */
static TirVal region_end(const TirFn *fn, TirVal at)
{
    int depth = 0;
    for (; at < fn->nops; at++) {
        TirOpcode op = fn->ops[at].op;
        depth += op == TIR_PAR || op == TIR_IF;
        depth -= op == TIR_END;
        if (!depth)
            return at + 1;
    }
    return fn->nops;
}

uint32_t tir_nests(const TirFn *fn)
{
    uint32_t n = 0;
    for (TirVal v = 1; v < fn->nops; v++)
        if (fn->ops[v].op == TIR_PAR) {
            n++;
            v = region_end(fn, v) - 1;
        }
    return n;
}

static void move_op(TirFn *to, TirOp o, TirVal by)
{
    for (int i = 0; i < 3; i++)
        o.a[i] -= o.a[i] ? by : 0;
    for (uint32_t i = 0; i < o.nix; i++)
        if (to->ix[o.ix + i].val)
            to->ix[o.ix + i].val -= by;
    tir_add(to, o);
}

static bool is_access(const TirOp *o) { return tir_op_kind(o->op) == TIR_K_MEM; }

/* Tensors that may share memory have one number: an output's is that of the input it may lie over. */
static uint32_t memory_of(const TirFn *fn, uint32_t tensor) { return fn->tensors[tensor].over ? fn->tensors[tensor].over - 1u : tensor; }

/* Some op of [first, end) and some op of the nest touch the same memory, and one of them writes. */
static bool meet(const TirFn *fn, TirVal first, TirVal end, TirVal nest, TirVal nest_end)
{
    for (TirVal i = first; i < end; i++)
        for (TirVal j = nest; is_access(&fn->ops[i]) && j < nest_end; j++)
            if (is_access(&fn->ops[j]) && (fn->ops[i].op != TIR_LOAD || fn->ops[j].op != TIR_LOAD) && memory_of(fn, fn->ops[i].ref) == memory_of(fn, fn->ops[j].ref))
                return true;
    return false;
}

/* By tensor: some op of [1, end) writes where it lies. */
static uint8_t *written(const TirFn *fn, TirVal end, Arena *a)
{
    uint8_t *by_tensor = ARENA_ARRAY(a, uint8_t, fn->ntensors + 1), *memory = ARENA_ARRAY(a, uint8_t, fn->ntensors + 1);
    for (TirVal v = 1; v < end; v++)
        if (is_access(&fn->ops[v]) && fn->ops[v].op != TIR_LOAD)
            memory[memory_of(fn, fn->ops[v].ref)] = 1;
    for (uint32_t i = 0; i < fn->ntensors; i++)
        by_tensor[i] = memory[memory_of(fn, i)];
    return by_tensor;
}

static TirPlace place_of(const TirFn *fn, uint32_t nth, TirVal at, TirVal end)
{
    if (nth)
        return meet(fn, 1, at, at, end) ? TIR_AFTER : TIR_BESIDE;
    return tir_nests(fn) > 1 ? TIR_AFTER : TIR_WHOLE;
}

static TirFn *copy_nest(const TirFn *fn, uint32_t nth, Arena *a)
{
    TirFn *to = ARENA_NEW(a, TirFn);
    *to = *fn;
    to->arena = a;
    to->ops = NULL;
    to->nops = to->capops = 0;
    to->ix = ARENA_ARRAY(a, TirIndex, fn->nix + 1);
    memcpy(to->ix, fn->ix, sizeof *fn->ix * fn->nix);
    tir_add(to, fn->ops[0]);
    for (TirVal v = 1, nest = 0; v < fn->nops; v++) {
        if (fn->ops[v].op != TIR_PAR)
            continue;
        TirVal end = region_end(fn, v);
        for (TirVal at = v; nest == nth && at < end; at++)
            move_op(to, fn->ops[at], v - 1);
        if (nest++ == nth) {
            to->place = place_of(fn, nth, v, end);
            to->more = end < fn->nops;
            to->earlier = nth ? written(fn, v, a) : NULL;
            break;
        }
        v = end - 1;
    }
    return to;
}

/* ---- asides ---- */

static bool whole_scalar(const TirFn *fn, const TirOp *o) { return o->nix == 1 && fn->ix[o->ix].kind == TIR_IX_SCALAR && fn->ops[fn->ix[o->ix].val].op == TIR_CONST; }

/* One instance that reduces, along one axis, what no earlier nest writes, to scalars at constant places of scratch. */
static bool reduces_inputs(const TirFn *nest)
{
    int64_t instances = 0;
    uint32_t axis = UINT32_MAX;
    bool fits = nest->ops[1].op == TIR_PAR && nest->ops[1].ref2 == 1 && tir_ext_is_const(nest->pars[nest->ops[1].ref].ext, &instances);
    for (TirVal v = 2; fits && v < nest->nops; v++) {
        const TirOp *o = &nest->ops[v];
        bool reduces = tir_op_kind(o->op) == TIR_K_REDUCE;
        fits = o->nax <= 1 && (!reduces || axis == UINT32_MAX || axis == o->ref);
        axis = reduces ? o->ref : axis;
        if (!fits)
            break;
        if (o->op == TIR_STORE)
            fits = nest->tensors[o->ref].mode == TIR_SCRATCH && whole_scalar(nest, o);
        else if (o->op == TIR_LOAD)
            fits = nest->tensors[o->ref].mode == TIR_IN && !(nest->earlier && nest->earlier[o->ref]);
        else
            fits = o->op != TIR_ACC && o->op != TIR_IF;
    }
    return fits && axis != UINT32_MAX && instances == 1;
}

/* Is what the nest writes read by ops [first, end) of the whole alone, a scalar at a time? */
static bool read_there_alone(const TirFn *fn, const TirFn *nest, TirVal first, TirVal end)
{
    for (TirVal s = 1; s < nest->nops; s++)
        for (TirVal v = 1; nest->ops[s].op == TIR_STORE && v < fn->nops; v++)
            if (fn->ops[v].op == TIR_LOAD && fn->ops[v].ref == nest->ops[s].ref && (v < first || v >= end || !whole_scalar(fn, &fn->ops[v])))
                return false;
    return true;
}

static bool runs_along(const TirFn *fn, const TirOp *o, TirExt row)
{
    for (uint32_t i = 0; i < o->nix; i++)
        if (fn->ix[o->ix + i].kind == TIR_IX_SLICE && tir_ext_eq(fn->axes[fn->ix[o->ix + i].axis].ext, row))
            return true;
    return false;
}

bool tir_writes_along(const TirFn *nest, TirExt row)
{
    for (TirVal v = 1; v < nest->nops; v++)
        if (nest->ops[v].op == TIR_ACC || (nest->ops[v].op == TIR_STORE && !runs_along(nest, &nest->ops[v], row)))
            return false;
    return true;
}

static bool same_places(const TirFn *fn, const TirOp *a, const TirOp *b)
{
    for (uint32_t i = 0; i < a->nix; i++) {
        const TirIndex *x = &fn->ix[a->ix + i], *y = &fn->ix[b->ix + i];
        if (x->kind != y->kind || x->val != y->val || (x->kind == TIR_IX_SLICE && (x->axis != y->axis || x->step != y->step)))
            return false;
    }
    return a->nix == b->nix;
}

bool tir_is_copy(const TirFn *nest, uint32_t *out, uint32_t *in)
{
    const TirOp *store = NULL;
    for (TirVal v = 1; v < nest->nops; v++) {
        const TirOp *o = &nest->ops[v];
        if (o->op == TIR_IF || o->op == TIR_ACC || (o->op == TIR_STORE && store))
            return false;
        store = o->op == TIR_STORE ? o : store;
    }
    const TirOp *load = store ? &nest->ops[store->a[0]] : NULL;
    if (!load || load->op != TIR_LOAD || nest->tensors[store->ref].over != load->ref + 1 || !same_places(nest, store, load))
        return false;
    *out = store->ref;
    *in = load->ref;
    return true;
}

/* ---- twins ---- */

static bool same_tensor(const TirFn *fn, uint32_t one, uint32_t other)
{
    const TirTensor *x = &fn->tensors[one], *y = &fn->tensors[other];
    return x->dt == y->dt && x->rank == y->rank && x->absent == y->absent;
}

/* Ops of two nests that do the same; of tensors, `twin` keeps who stands for whom. */
static bool same_op(const TirFn *one, const TirOp *x, const TirFn *other, const TirOp *y, uint16_t *twin)
{
    if (x->op != y->op || x->dt != y->dt || x->nax != y->nax || x->nix != y->nix || memcmp(x->ax, y->ax, sizeof *x->ax * x->nax) ||
        memcmp(x->a, y->a, sizeof x->a) || x->imm.i != y->imm.i || (x->ext == NULL) != (y->ext == NULL) || (x->ext && memcmp(x->ext, y->ext, sizeof *x->ext)))
        return false;
    for (uint32_t i = 0; i < x->nix; i++) {
        const TirIndex *p = &one->ix[x->ix + i], *q = &other->ix[y->ix + i];
        if (p->kind != q->kind || p->axis != q->axis || p->step != q->step || p->val != q->val)
            return false;
    }
    if (x->op == TIR_PAR)
        return x->ref2 == y->ref2;
    if (x->op == TIR_COORD)
        return x->ref - one->ops[1].ref == y->ref - other->ops[1].ref;
    if (!is_access(x))
        return x->ref == y->ref && x->ref2 == y->ref2;
    if (twin[x->ref] == UINT16_MAX && same_tensor(one, x->ref, y->ref))
        twin[x->ref] = y->ref;
    return twin[x->ref] == y->ref;
}

static const uint16_t *twins(const TirFn *one, const TirFn *other, Arena *a)
{
    uint16_t *twin = ARENA_ARRAY(a, uint16_t, one->ntensors + 1);
    memset(twin, 0xff, sizeof *twin * one->ntensors);
    bool same = other->place == TIR_BESIDE && one->nops == other->nops;
    for (TirVal v = 1; same && v < one->nops; v++)
        same = same_op(one, &one->ops[v], other, &other->ops[v], twin);
    return same ? twin : NULL;
}

/* The first nest, of the second one. */
static const TirFn *aside_of(const TirFn *fn, uint32_t nth, Arena *a)
{
    TirVal at = 1;
    for (uint32_t i = 0; fn->ops[at].op != TIR_PAR || i++ < nth;)
        at = fn->ops[at].op == TIR_PAR ? region_end(fn, at) : at + 1;
    const TirFn *before = nth == 1 ? copy_nest(fn, 0, a) : NULL;
    return before && reduces_inputs(before) && read_there_alone(fn, before, at, region_end(fn, at)) ? before : NULL;
}

TirFn *tir_nest(const TirFn *fn, uint32_t nth, Arena *a)
{
    TirFn *to = copy_nest(fn, nth, a);
    to->aside = aside_of(fn, nth, a);
    if (nth + 1 < tir_nests(fn))
        to->twin = twins(to, copy_nest(fn, nth + 1, a), a);
    return to;
}
