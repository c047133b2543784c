/* tir_rules.c: the types of the tile IR: which dtypes and axes each op takes and gives.
 *
 * In: one op, its operands known to be values before it.  Out: one sentence or NULL.  Where it stands is tir_verify.c's.
 */
#include "tir_in.h"

#include <string.h>

static bool is_number(DType t) { return dt_is_float(t) || dt_is_int(t); }

/* May op work on elements of dtype t? For SELECT and comparisons, t is that of what is chosen or compared. */
static bool takes(TirOpcode op, DType t)
{
    switch (op) {
    case TIR_EXP: case TIR_EXP2: case TIR_LOG: case TIR_LOG2: case TIR_LOG1P: case TIR_SQRT: case TIR_RSQRT: case TIR_RCP: case TIR_TANH:
    case TIR_SIGMOID: case TIR_ERF: case TIR_SIN: case TIR_COS: case TIR_FLOOR: case TIR_CEIL: case TIR_ROUND: case TIR_ISNAN:
    case TIR_ISINF: case TIR_POW: case TIR_FMA: case TIR_LSE: case TIR_SQDEV:
        return dt_is_float(t);
    case TIR_NEG: case TIR_ABS:
        return is_number(t) && t != DT_U8;
    case TIR_NOT: case TIR_AND: case TIR_OR: case TIR_XOR:
        return dt_is_int(t) || t == DT_BOOL;
    case TIR_REM: case TIR_SHL: case TIR_SHR:
        return dt_is_int(t);
    case TIR_SELECT: case TIR_EQ: case TIR_NE: case TIR_CAST: case TIR_ELEM:
        return true;
    default:
        return is_number(t);
    }
}

static bool int_fits(DType t, int64_t v)
{
    switch (t) {
    case DT_BOOL: return v == 0 || v == 1;
    case DT_I8:   return v >= INT8_MIN && v <= INT8_MAX;
    case DT_U8:   return v >= 0 && v <= UINT8_MAX;
    case DT_I32:  return v >= INT32_MIN && v <= INT32_MAX;
    default:      return true;
    }
}

/* ---- axes ---- */

typedef struct Axes { uint16_t ax[TIR_MAX_AXES]; int n; } Axes;

static Axes axes_of(const TirOp *o)
{
    Axes a = {.n = o->nax};
    memcpy(a.ax, o->ax, sizeof a.ax);
    return a;
}

static bool same_axes(Axes a, Axes b) { return a.n == b.n && !memcmp(a.ax, b.ax, sizeof a.ax[0] * (size_t)a.n); }

/* Is `a` a subsequence of `b`? */
static bool within(Axes a, Axes b)
{
    int i = 0;
    for (int j = 0; i < a.n && j < b.n; j++)
        i += a.ax[i] == b.ax[j];
    return i == a.n;
}

static bool axes_known(const TirFn *fn, const TirOp *o)
{
    for (int i = 0; i < o->nax; i++) {
        if (o->ax[i] >= fn->naxes)
            return false;
        for (int j = 0; j < i; j++)
            if (o->ax[i] == o->ax[j])
                return false;
    }
    return true;
}

/* Without the axis; n stays when it is not there. */
static Axes without(Axes a, uint16_t axis)
{
    Axes r = {.n = 0};
    for (int i = 0; i < a.n; i++)
        if (a.ax[i] != axis)
            r.ax[r.n++] = a.ax[i];
    return r;
}

static bool place_axes(const TirFn *fn, const TirOp *o, Axes *out)
{
    *out = (Axes){.n = 0};
    for (uint32_t i = 0; i < o->nix; i++) {
        const TirIndex *x = &fn->ix[o->ix + i];
        Axes add = x->kind == TIR_IX_TILE ? axes_of(&fn->ops[x->val]) : (Axes){.ax = {x->axis}, .n = x->kind == TIR_IX_SLICE};
        if (out->n + add.n > TIR_MAX_AXES)
            return false;
        memcpy(out->ax + out->n, add.ax, sizeof add.ax[0] * (size_t)add.n);
        out->n += add.n;
    }
    return true;
}

/* ---- ops ---- */

static const char *index_fault(const TirFn *fn, const TirIndex *x)
{
    const TirOp *v = &fn->ops[x->val];
    if (x->kind != TIR_IX_SLICE && !x->val)
        return "an index without a value";
    if (x->kind == TIR_IX_TILE ? !v->nax || !dt_is_int(v->dt) : x->val && (v->nax || v->dt != DT_I64))
        return "an index that is no i64 scalar and no tile of integers";
    if (x->kind == TIR_IX_SLICE && (x->axis >= fn->naxes || x->step < 0))
        return "a slice along no axis";
    return NULL;
}

static const char *access_fault(const TirFn *fn, const TirOp *o)
{
    Axes place;
    if (o->ref >= fn->ntensors || o->nix != fn->tensors[o->ref].rank || o->ix > fn->nix || o->nix > fn->nix - o->ix)
        return "an access of the wrong rank";
    const TirTensor *t = &fn->tensors[o->ref];
    if (t->absent)
        return "an access to an absent tensor";
    if (o->op == TIR_LOAD ? t->mode == TIR_OUT : t->mode == TIR_IN)
        return "an access against the tensor's mode";
    for (uint32_t i = 0; i < o->nix; i++) {
        const char *fault = index_fault(fn, &fn->ix[o->ix + i]);
        if (fault)
            return fault;
    }
    if (!place_axes(fn, o, &place))
        return "a place of too many axes";
    if (o->op == TIR_LOAD)
        return o->dt != t->dt ? "a load of another dtype than its tensor" : !same_axes(axes_of(o), place) ? "a load of other axes than its place" : NULL;
    const TirOp *v = &fn->ops[o->a[0]];
    if (!within(axes_of(v), place))
        return "a stored value with axes that the place has not";
    if (o->op == TIR_ACC ? !t->accumulate : t->accumulate)
        return "a tensor written both by a store and by a sum";
    if (v->dt != t->dt && !(o->op == TIR_ACC && v->dt == DT_F32 && dt_is_float(t->dt)))
        return "a stored value of another dtype than its tensor";
    return NULL;
}

static const char *elementwise_fault(const TirFn *fn, const TirOp *o)
{
    int n = tir_op_nargs(o->op), first = o->op == TIR_SELECT ? 1 : 0;
    DType t = fn->ops[o->a[first]].dt;
    bool whole = false;
    for (int i = first + 1; i < n; i++)
        if (fn->ops[o->a[i]].dt != t)
            return "operands of different dtypes";
    if (o->op == TIR_SELECT && fn->ops[o->a[0]].dt != DT_BOOL)
        return "a condition that is not bool";
    if (!takes(o->op, t))
        return "operands of a dtype that it does not take";
    if (o->dt != (tir_op_kind(o->op) == TIR_K_CMP ? DT_BOOL : t))
        return "a result of another dtype than its operands";
    for (int i = 0; i < n; i++) {
        Axes a = axes_of(&fn->ops[o->a[i]]);
        if (!within(a, axes_of(o)))
            return "operands with axes that the result has not";
        whole |= a.n == o->nax;
    }
    return whole ? NULL : "a result with axes that no operand has";
}

static const char *reduce_fault(const TirFn *fn, const TirOp *o)
{
    const TirOp *t = &fn->ops[o->a[0]];
    Axes rest = without(axes_of(t), o->ref);
    if (o->ref >= fn->naxes || rest.n == t->nax)
        return "a reduction along no axis";
    if (!takes(o->op, t->dt))
        return "operands of a dtype that it does not take";
    if (o->dt != (o->op == TIR_ARGMAX ? DT_I64 : t->dt))
        return "a result of another dtype than its operands";
    return same_axes(rest, axes_of(o)) ? NULL : "a reduction with other axes than its operand's rest";
}

static const char *element_fault(const TirFn *fn, const TirOp *o)
{
    const TirOp *at = &fn->ops[o->a[1]];
    if (at->nax || at->dt != DT_I64)
        return "an element named by no i64 scalar";
    if (o->dt != fn->ops[o->a[0]].dt)
        return "a result of another dtype than its operands";
    Axes tile = axes_of(&fn->ops[o->a[0]]), rest = without(tile, o->ref);
    return rest.n < tile.n && same_axes(rest, axes_of(o)) ? NULL : "an element with other axes than its tile's rest";
}

static const char *leaf_fault(const TirFn *fn, const TirOp *o)
{
    switch (o->op) {
    case TIR_CONST:  return o->nax ? "a constant with axes" : !dt_is_float(o->dt) && !int_fits(o->dt, o->imm.i) ? "a constant beyond its dtype" : NULL;
    case TIR_PARAM:  return o->ref >= fn->nscalars || o->nax || o->dt != fn->scalars[o->ref].dt ? "a parameter of another type" : NULL;
    case TIR_COORD:  return o->ref >= fn->npars || o->nax || o->dt != DT_I64 ? "a coordinate that is no i64 scalar" : NULL;
    case TIR_EXTENT: return !o->ext || o->nax || !is_number(o->dt) ? "an extent that is no scalar" : NULL;
    default:         return o->nax != 1 || o->ax[0] != o->ref || o->dt != DT_I64 ? "an iota that does not run along its axis" : NULL;
    }
}

const char *tir_op_fault(const TirFn *fn, TirVal v)
{
    const TirOp *o = &fn->ops[v];
    TirOpKind kind = tir_op_kind(o->op);
    bool valued = kind != TIR_K_NONE && kind != TIR_K_REGION && o->op != TIR_STORE && o->op != TIR_ACC;
    if (kind == TIR_K_NONE || valued != (o->dt != DT_NONE) || o->dt >= DT_COUNT)
        return "a result where there is none, or none where there is one";
    if (o->nax > TIR_MAX_AXES || (!valued && o->nax) || !axes_known(fn, o))
        return "axes that are not there, or there twice";
    switch (kind) {
    case TIR_K_LEAF:   return leaf_fault(fn, o);
    case TIR_K_ELEM:
    case TIR_K_CMP:    return elementwise_fault(fn, o);
    case TIR_K_CAST:   return same_axes(axes_of(o), axes_of(&fn->ops[o->a[0]])) ? NULL : "a cast that changes axes";
    case TIR_K_REDUCE: return reduce_fault(fn, o);
    case TIR_K_MEM:    return o->op == TIR_ELEM ? element_fault(fn, o) : access_fault(fn, o);
    default:           break;
    }
    if (o->op == TIR_PAR && (!o->ref2 || o->ref2 > TIR_MAX_PARS || o->ref > fn->npars || o->ref2 > fn->npars - o->ref))
        return "a par nest over no pars, or too many";
    if (o->op == TIR_IF && (fn->ops[o->a[0]].dt != DT_BOOL || fn->ops[o->a[0]].nax))
        return "a condition that is no bool scalar";
    return NULL;
}

/* ---- the head ---- */

static bool extent_ok(const TirFn *fn, const TirExt *e)
{
    for (uint32_t i = fn->ndims; i < TIR_MAX_DIMS; i++)
        if (e->k[i])
            return false;
    return e->den >= 1;
}

static const char *tensor_fault(const TirFn *fn, const TirTensor *t)
{
    if (t->rank > TIR_MAX_RANK || t->mode > TIR_SCRATCH || t->dt <= DT_NONE || t->dt >= DT_COUNT)
        return "a tensor of no type";
    if (t->over > fn->ntensors || (t->over && (t->mode != TIR_OUT || fn->tensors[t->over - 1].mode != TIR_IN)))
        return "a tensor over one that it cannot lie over";
    for (int i = 0; i < t->rank; i++)
        if (!extent_ok(fn, &t->shape[i]))
            return "a shape of unknown dims";
    return NULL;
}

const char *tir_head_fault(const TirFn *fn)
{
    const char *fault = fn->ndims > TIR_MAX_DIMS ? "too many dims" : NULL;
    for (uint32_t i = 0; !fault && i < fn->ntensors; i++)
        fault = tensor_fault(fn, &fn->tensors[i]);
    for (uint32_t i = 0; !fault && i < fn->naxes; i++)
        fault = extent_ok(fn, &fn->axes[i].ext) ? NULL : "an axis of unknown dims";
    for (uint32_t i = 0; !fault && i < fn->npars; i++)
        fault = extent_ok(fn, &fn->pars[i].ext) ? NULL : "a par of unknown dims";
    for (uint32_t i = 0; !fault && i < fn->nscalars; i++)
        fault = is_number(fn->scalars[i].dt) ? NULL : "a scalar of no number type";
    for (uint32_t i = 1; !fault && i < fn->nops; i++)
        fault = fn->ops[i].op == TIR_EXTENT && fn->ops[i].ext && !extent_ok(fn, fn->ops[i].ext) ? "an extent of unknown dims" : NULL;
    return fault;
}
