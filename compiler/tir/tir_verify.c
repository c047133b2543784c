/* tir_verify.c: what must hold of every tile IR function between stages. A failure is a bug in the compiler. */
#include "tir.h"

static bool bug(Diag *d, const TirFn *fn, TirVal v, const char *what)
{
    diag_report(d, DIAG_BUG, LG_NONE, fn->ops[v].sp, "tile IR of %s.%s, %%%u: %s", fn->op_name, fn->name, (unsigned)v, what);
    return false;
}

static bool visible(const TirFn *fn, const uint32_t *region, TirVal use, TirVal v, const uint32_t *open, uint32_t depth)
{
    if (!v || v >= use || fn->ops[v].dt == DT_NONE)
        return false;
    for (uint32_t i = 0; i <= depth; i++)
        if (region[v] == open[i])
            return true;
    return false;
}

static const char *operand_fault(const TirFn *fn, const TirOp *o)
{
    TirOpKind kind = tir_op_kind(o->op);
    int n = tir_op_nargs(o->op), first = o->op == TIR_SELECT ? 1 : 0;
    for (int i = first + 1; i < n && (kind == TIR_K_ELEM || kind == TIR_K_CMP); i++)
        if (fn->ops[o->a[i]].dt != fn->ops[o->a[first]].dt)
            return "operands of different dtypes";
    if (o->op == TIR_SELECT && fn->ops[o->a[0]].dt != DT_BOOL)
        return "a condition that is not bool";
    if (kind == TIR_K_ELEM && o->dt != fn->ops[o->a[first]].dt)
        return "a result of another dtype than its operands";
    if (kind == TIR_K_REDUCE && o->ref >= fn->naxes)
        return "a reduction along no axis";
    if ((o->op == TIR_LOAD || o->op == TIR_STORE || o->op == TIR_ACC) && (o->ref >= fn->ntensors || o->nix != fn->tensors[o->ref].rank))
        return "an access of the wrong rank";
    if ((o->op == TIR_LOAD || o->op == TIR_STORE || o->op == TIR_ACC) && fn->tensors[o->ref].absent)
        return "an access to an absent tensor";
    return NULL;
}

bool tir_verify(const TirFn *fn, Diag *d)
{
    Arena *a = arena_new();
    uint32_t *region, open[64] = {0}, depth = 0, next = 1;
    bool ok = a != NULL;
    if (!ok)
        return false;
    region = ARENA_ARRAY(a, uint32_t, fn->nops);
    for (TirVal v = 1; ok && v < fn->nops; v++) {
        const TirOp *o = &fn->ops[v];
        if (o->op >= TIR_OP_COUNT || ((o->op == TIR_END || o->op == TIR_ELSE) && !depth)) {
            ok = bug(d, fn, v, "a region that is not open");
            break;
        }
        depth -= o->op == TIR_END || o->op == TIR_ELSE;
        region[v] = open[depth];
        for (int i = 0; ok && i < tir_op_nargs(o->op); i++)
            ok = visible(fn, region, v, o->a[i], open, depth) || bug(d, fn, v, "an operand that is not visible here");
        for (uint32_t i = 0; ok && i < o->nix; i++)
            ok = !fn->ix[o->ix + i].val || visible(fn, region, v, fn->ix[o->ix + i].val, open, depth) || bug(d, fn, v, "an index that is not visible here");
        const char *fault = ok ? operand_fault(fn, o) : NULL;
        if (fault)
            ok = bug(d, fn, v, fault);
        if (o->op == TIR_PAR || o->op == TIR_IF || o->op == TIR_ELSE) {
            if (depth + 1 >= 64)
                ok = bug(d, fn, v, "regions too deep");
            else
                open[++depth] = next++;
        }
    }
    if (ok && depth)
        ok = bug(d, fn, fn->nops - 1, "a region left open");
    arena_free(a);
    return ok;
}
