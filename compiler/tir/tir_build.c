/* tir_build.c: the builder: appends ops, infers dtypes and axes. Returns 0 when operands do not fit, and leaves saying why to sema. */
#include "tir.h"

#include <string.h>

static const char *const names[] = {
#define X(e, name, nargs, kind, doc) name,
#include "tir_op.def"
#undef X
};
static const int8_t nargs_of[] = {
#define X(e, name, nargs, kind, doc) nargs,
#include "tir_op.def"
#undef X
};
static const uint8_t kinds[] = {
#define X(e, name, nargs, kind, doc) kind,
#include "tir_op.def"
#undef X
};

const char *tir_op_name(TirOpcode op) { return names[op]; }
int tir_op_nargs(TirOpcode op) { return nargs_of[op]; }
TirOpKind tir_op_kind(TirOpcode op) { return kinds[op]; }

TirVal tir_add(TirFn *fn, TirOp op)
{
    *ARENA_PUSH(fn->arena, fn->ops, fn->nops, fn->capops) = op;
    return fn->nops - 1;
}

TirFn *tir_new(Arena *a, const char *op_name, const char *kernel)
{
    TirFn *fn = ARENA_NEW(a, TirFn);
    fn->arena = a;
    fn->op_name = op_name;
    fn->name = kernel;
    fn->binding = "";
    tir_add(fn, (TirOp){.op = TIR_NOP});
    return fn;
}

uint32_t tir_dim(TirFn *fn, const char *name)
{
    for (uint32_t i = 0; i < fn->ndims; i++)
        if (!strcmp(fn->dims[i].name, name))
            return i;
    ARENA_PUSH(fn->arena, fn->dims, fn->ndims, fn->capdims)->name = name;
    return fn->ndims - 1;
}

uint32_t tir_axis(TirFn *fn, const char *name, TirExt ext)
{
    for (uint32_t i = 0; i < fn->naxes; i++)
        if (tir_ext_eq(fn->axes[i].ext, ext))
            return i;
    *ARENA_PUSH(fn->arena, fn->axes, fn->naxes, fn->capaxes) = (TirAxis){name, tir_ext_norm(ext)};
    return fn->naxes - 1;
}

uint32_t tir_par(TirFn *fn, const char *name, TirExt ext)
{
    *ARENA_PUSH(fn->arena, fn->pars, fn->npars, fn->cappars) = (TirPar){name, tir_ext_norm(ext)};
    return fn->npars - 1;
}

TirVal tir_const_f(TirFn *fn, DType dt, double v) { return tir_add(fn, (TirOp){.op = TIR_CONST, .dt = (uint8_t)dt, .imm.f = v}); }
TirVal tir_const_i(TirFn *fn, DType dt, int64_t v) { return tir_add(fn, (TirOp){.op = TIR_CONST, .dt = (uint8_t)dt, .imm.i = v}); }

/* Is `a` a subsequence of `b`? */
static bool within(const TirOp *a, const TirOp *b)
{
    int j = 0;
    for (int i = 0; i < a->nax; i++, j++) {
        while (j < b->nax && b->ax[j] != a->ax[i])
            j++;
        if (j == b->nax)
            return false;
    }
    return true;
}

/* The operand whose axes hold all the others'; 0 when there is none. */
static TirVal widest(const TirFn *fn, const TirVal *v, int n)
{
    TirVal best = v[0];
    for (int i = 1; i < n; i++)
        if (fn->ops[v[i]].nax > fn->ops[best].nax)
            best = v[i];
    for (int i = 0; i < n; i++)
        if (!within(&fn->ops[v[i]], &fn->ops[best]))
            return 0;
    return best;
}

static void take_axes(TirOp *o, const TirOp *from)
{
    o->nax = from->nax;
    memcpy(o->ax, from->ax, sizeof o->ax);
}

TirVal tir_elem(TirFn *fn, TirOpcode op, TirVal a, TirVal b, TirVal c)
{
    TirVal v[3] = {a, b, c};
    int n = nargs_of[op], first = op == TIR_SELECT ? 1 : 0;
    TirVal wide = widest(fn, v, n);
    if (!wide)
        return 0;
    for (int i = first + 1; i < n; i++)
        if (fn->ops[v[i]].dt != fn->ops[v[first]].dt)
            return 0;
    if (op == TIR_SELECT && fn->ops[a].dt != DT_BOOL)
        return 0;
    TirOp o = {.op = (uint8_t)op, .dt = kinds[op] == TIR_K_CMP ? DT_BOOL : fn->ops[v[first]].dt, .a = {a, b, c}};
    take_axes(&o, &fn->ops[wide]);
    return tir_add(fn, o);
}

TirVal tir_cast(TirFn *fn, DType dt, TirVal a)
{
    TirOp o = {.op = TIR_CAST, .dt = (uint8_t)dt, .a = {a}};
    if (fn->ops[a].dt == dt)
        return a;
    take_axes(&o, &fn->ops[a]);
    return tir_add(fn, o);
}

TirVal tir_reduce(TirFn *fn, TirOpcode op, TirVal a, uint32_t axis)
{
    TirOp o = {.op = (uint8_t)op, .dt = op == TIR_ARGMAX ? DT_I64 : fn->ops[a].dt, .a = {a}, .ref = (uint16_t)axis};
    bool there = false;
    for (int i = 0; i < fn->ops[a].nax; i++) {
        if (fn->ops[a].ax[i] == axis && !there)
            there = true;
        else
            o.ax[o.nax++] = fn->ops[a].ax[i];
    }
    return there ? tir_add(fn, o) : 0;
}

static uint32_t push_indices(TirFn *fn, const TirIndex *ix, uint32_t n)
{
    uint32_t at = fn->nix;
    for (uint32_t i = 0; i < n; i++)
        *ARENA_PUSH(fn->arena, fn->ix, fn->nix, fn->capix) = ix[i];
    return at;
}

/* The axes that a place has: slices and tile indices, in order. False when there are too many. */
static bool place_axes(const TirFn *fn, const TirIndex *ix, uint32_t n, TirOp *o)
{
    for (uint32_t i = 0; i < n; i++) {
        const TirOp *tile = &fn->ops[ix[i].val];
        int add = ix[i].kind == TIR_IX_SLICE ? 1 : ix[i].kind == TIR_IX_TILE ? tile->nax : 0;
        if (o->nax + add > TIR_MAX_AXES)
            return false;
        if (ix[i].kind == TIR_IX_SLICE)
            o->ax[o->nax++] = ix[i].axis;
        for (int k = 0; ix[i].kind == TIR_IX_TILE && k < tile->nax; k++)
            o->ax[o->nax++] = tile->ax[k];
    }
    return true;
}

TirVal tir_load(TirFn *fn, uint32_t tensor, const TirIndex *ix, uint32_t nix)
{
    TirOp o = {.op = TIR_LOAD, .dt = (uint8_t)fn->tensors[tensor].dt, .ref = (uint16_t)tensor, .nix = (uint8_t)nix};
    if (nix != fn->tensors[tensor].rank || !place_axes(fn, ix, nix, &o))
        return 0;
    o.ix = push_indices(fn, ix, nix);
    return tir_add(fn, o);
}

TirVal tir_store(TirFn *fn, TirOpcode op, uint32_t tensor, const TirIndex *ix, uint32_t nix, TirVal v)
{
    TirOp o = {.op = (uint8_t)op, .ref = (uint16_t)tensor, .nix = (uint8_t)nix, .a = {v}}, place = {0};
    if (nix != fn->tensors[tensor].rank || !place_axes(fn, ix, nix, &place) || !within(&fn->ops[v], &place))
        return 0;
    o.ix = push_indices(fn, ix, nix);
    return tir_add(fn, o);
}
