/* tir_verify.c: what must hold of every tile IR function between stages: regions nest, operands are visible, and the rules of
 * tir_rules.c. A failure is a bug in the compiler. */
#include "tir_in.h"

enum { MAX_DEPTH = 64 };

typedef struct Verify {
    const TirFn *fn;
    uint32_t *region;                                  /* by op: the region that it stands in */
    uint32_t open[MAX_DEPTH], depth, next;             /* regions open, the outermost first */
    TirVal   opener[MAX_DEPTH];
} Verify;

static bool visible(const Verify *y, TirVal use, TirVal v)
{
    if (!v || v >= use || y->fn->ops[v].dt == DT_NONE)
        return false;
    for (uint32_t i = 0; i <= y->depth; i++)
        if (y->region[v] == y->open[i])
            return true;
    return false;
}

static const char *operands_fault(const Verify *y, TirVal v)
{
    const TirOp *o = &y->fn->ops[v];
    for (int i = 0; i < tir_op_nargs(o->op); i++)
        if (!visible(y, v, o->a[i]))
            return "an operand that is not visible here";
    for (uint32_t i = 0; i < o->nix && o->ix + i < y->fn->nix; i++)
        if (y->fn->ix[o->ix + i].val && !visible(y, v, y->fn->ix[o->ix + i].val))
            return "an index that is not visible here";
    return NULL;
}

/* Everything stands in a nest; nests are not nested. */
static const char *place_fault(const Verify *y, const TirOp *o)
{
    const TirOp *nest = y->depth ? &y->fn->ops[y->opener[1]] : NULL;
    if (o->op == TIR_PAR)
        return nest ? "a nest within a region" : NULL;
    if (o->op == TIR_COORD && nest && (o->ref < nest->ref || o->ref >= nest->ref + nest->ref2))
        return "a coordinate of another nest";
    return nest || o->op == TIR_END ? NULL : "an op outside a nest";
}

static const char *close_region(Verify *y, const TirOp *o)
{
    if (o->op != TIR_END && o->op != TIR_ELSE)
        return NULL;
    if (!y->depth)
        return "a region that is not open";
    if (o->op == TIR_ELSE && y->fn->ops[y->opener[y->depth]].op != TIR_IF)
        return "an else without its if";
    y->depth--;
    return NULL;
}

static const char *open_region(Verify *y, TirVal v)
{
    const TirOp *o = &y->fn->ops[v];
    if (o->op != TIR_PAR && o->op != TIR_IF && o->op != TIR_ELSE)
        return NULL;
    if (y->depth + 1 >= MAX_DEPTH)
        return "regions too deep";
    y->open[++y->depth] = y->next++;
    y->opener[y->depth] = v;
    return NULL;
}

static const char *op_fault(Verify *y, TirVal v)
{
    const TirOp *o = &y->fn->ops[v];
    if (o->op >= TIR_OP_COUNT)
        return "an op that does not exist";
    const char *fault = close_region(y, o);
    y->region[v] = y->open[y->depth];
    if (!fault)
        fault = operands_fault(y, v);
    if (!fault)
        fault = tir_op_fault(y->fn, v);
    if (!fault)
        fault = place_fault(y, o);
    return fault ? fault : open_region(y, v);
}

static bool bug(Diag *d, const TirFn *fn, TirVal v, const char *what)
{
    diag_report(d, DIAG_BUG, LG_NONE, v ? fn->ops[v].sp : fn->sp, "tile IR of %s.%s, %%%u: %s", fn->op_name, fn->name, (unsigned)v, what);
    return false;
}

bool tir_verify(const TirFn *fn, Diag *d)
{
    Arena *a = arena_new();
    if (!a)
        return false;
    Verify y = {.fn = fn, .next = 1, .region = ARENA_ARRAY(a, uint32_t, fn->nops)};
    const char *fault = tir_head_fault(fn);
    TirVal v = 0;
    while (!fault && ++v < fn->nops)
        fault = op_fault(&y, v);
    if (!fault && y.depth) {
        fault = "a region left open";
        v = y.opener[y.depth];
    }
    arena_free(a);
    return fault ? bug(d, fn, v, fault) : true;
}
