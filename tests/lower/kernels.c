/* kernels.c: see kernels.h. */
#include "kernels.h"

static uint32_t tensor(TirFn *fn, const char *name, DType dt, TirMode mode, int rank, uint32_t d0, uint32_t d1)
{
    TirTensor *t = ARENA_PUSH(fn->arena, fn->tensors, fn->ntensors, fn->captensors);
    *t = (TirTensor){.name = name, .dt = dt, .rank = (uint8_t)rank, .mode = (uint8_t)mode};
    t->shape[0] = tir_ext_dim(d0);
    if (rank > 1)
        t->shape[1] = tir_ext_dim(d1);
    return fn->ntensors - 1;
}

typedef struct Rows { TirFn *fn; uint32_t m, n, axis; TirVal at; } Rows;

static Rows begin(Arena *a, const char *op, const char *name)
{
    Rows r = {.fn = tir_new(a, op, name)};
    r.m = tir_dim(r.fn, "M");
    r.n = tir_dim(r.fn, "N");
    r.axis = tir_axis(r.fn, "N", tir_ext_dim(r.n));
    return r;
}

static void open_par(Rows *r)
{
    uint32_t p = tir_par(r->fn, "m", tir_ext_dim(r->m));
    tir_add(r->fn, (TirOp){.op = TIR_PAR, .ref = (uint16_t)p, .ref2 = 1});
    r->at = tir_add(r->fn, (TirOp){.op = TIR_COORD, .dt = DT_I64, .ref = (uint16_t)p});
}

static TirFn *close_par(Rows *r)
{
    tir_add(r->fn, (TirOp){.op = TIR_END});
    return r->fn;
}

static TirIndex row_ix(const Rows *r) { return (TirIndex){.kind = TIR_IX_SLICE, .axis = (uint16_t)r->axis, .step = 1}; }
static TirIndex at_ix(const Rows *r) { return (TirIndex){.kind = TIR_IX_SCALAR, .val = r->at}; }

static TirVal load_row(Rows *r, uint32_t t) { return tir_load(r->fn, t, (TirIndex[]){at_ix(r), row_ix(r)}, 2); }
static TirVal load_all(Rows *r, uint32_t t) { return tir_load(r->fn, t, (TirIndex[]){row_ix(r)}, 1); }
static void store_row(Rows *r, uint32_t t, TirVal v) { tir_store(r->fn, TIR_STORE, t, (TirIndex[]){at_ix(r), row_ix(r)}, 2, v); }
static void store_one(Rows *r, uint32_t t, TirVal v) { tir_store(r->fn, TIR_STORE, t, (TirIndex[]){at_ix(r)}, 1, v); }
static TirVal f32(Rows *r, TirVal v) { return tir_cast(r->fn, DT_F32, v); }
static TirVal mul(Rows *r, TirVal a, TirVal b) { return tir_elem(r->fn, TIR_MUL, a, b, 0); }

static TirVal mean(Rows *r, TirVal v)
{
    TirVal sum = tir_reduce(r->fn, TIR_SUM, v, r->axis);
    TirExt *e = ARENA_NEW(r->fn->arena, TirExt);
    *e = tir_ext_dim(r->n);
    TirVal n = tir_add(r->fn, (TirOp){.op = TIR_EXTENT, .dt = DT_I64, .ext = e});
    return tir_elem(r->fn, TIR_DIV, sum, f32(r, n), 0);
}

TirFn *kernel_norm(Arena *a, DType t)
{
    Rows r = begin(a, "norm", "forward");
    uint32_t x = tensor(r.fn, "x", t, TIR_IN, 2, r.m, r.n), w = tensor(r.fn, "w", t, TIR_IN, 1, r.n, 0);
    uint32_t y = tensor(r.fn, "y", t, TIR_OUT, 2, r.m, r.n), rs = tensor(r.fn, "rstd", DT_F32, TIR_OUT, 1, r.m, 0);
    *ARENA_PUSH(a, r.fn->scalars, r.fn->nscalars, r.fn->capscalars) = (TirScalar){.name = "eps", .dt = DT_F32, .has_default = true, .defval = 1e-6};
    open_par(&r);
    TirVal v = f32(&r, load_row(&r, x)), eps = tir_add(r.fn, (TirOp){.op = TIR_PARAM, .dt = DT_F32, .ref = 0});
    TirVal s = tir_elem(r.fn, TIR_RSQRT, tir_elem(r.fn, TIR_ADD, mean(&r, mul(&r, v, v)), eps, 0), 0, 0);
    store_one(&r, rs, s);
    store_row(&r, y, tir_cast(r.fn, t, mul(&r, mul(&r, v, s), f32(&r, load_all(&r, w)))));
    return close_par(&r);
}

TirFn *kernel_norm_backward(Arena *a, DType t)
{
    Rows r = begin(a, "norm", "backward");
    uint32_t dy = tensor(r.fn, "dy", t, TIR_IN, 2, r.m, r.n), x = tensor(r.fn, "x", t, TIR_IN, 2, r.m, r.n);
    uint32_t w = tensor(r.fn, "w", t, TIR_IN, 1, r.n, 0), rs = tensor(r.fn, "rstd", DT_F32, TIR_IN, 1, r.m, 0);
    uint32_t dx = tensor(r.fn, "dx", t, TIR_OUT, 2, r.m, r.n), dw = tensor(r.fn, "dw", t, TIR_OUT, 1, r.n, 0);
    r.fn->tensors[dw].accumulate = true;
    open_par(&r);
    TirVal s = tir_load(r.fn, rs, (TirIndex[]){at_ix(&r)}, 1);
    TirVal d = f32(&r, load_row(&r, dy)), h = mul(&r, f32(&r, load_row(&r, x)), s);
    TirVal g = mul(&r, d, f32(&r, load_all(&r, w)));
    TirVal c = mean(&r, mul(&r, g, h));
    store_row(&r, dx, tir_cast(r.fn, t, mul(&r, s, tir_elem(r.fn, TIR_SUB, g, mul(&r, h, c), 0))));
    tir_store(r.fn, TIR_ACC, dw, (TirIndex[]){row_ix(&r)}, 1, mul(&r, d, h));
    return close_par(&r);
}

TirFn *kernel_gate(Arena *a, DType t)
{
    Rows r = begin(a, "gate", "forward");
    uint32_t p = tensor(r.fn, "a", t, TIR_IN, 2, r.m, r.n), q = tensor(r.fn, "b", t, TIR_IN, 2, r.m, r.n);
    uint32_t y = tensor(r.fn, "y", t, TIR_OUT, 2, r.m, r.n);
    open_par(&r);
    TirVal u = f32(&r, load_row(&r, p)), v = f32(&r, load_row(&r, q));
    store_row(&r, y, tir_cast(r.fn, t, tir_elem(r.fn, TIR_FMA, u, v, u)));
    return close_par(&r);
}

TirFn *kernel_lse(Arena *a, DType t)
{
    Rows r = begin(a, "lse", "forward");
    uint32_t x = tensor(r.fn, "x", t, TIR_IN, 2, r.m, r.n);
    uint32_t lse = tensor(r.fn, "lse", DT_F32, TIR_OUT, 1, r.m, 0), at = tensor(r.fn, "at", DT_I64, TIR_OUT, 1, r.m, 0);
    open_par(&r);
    TirVal v = f32(&r, load_row(&r, x));
    store_one(&r, lse, tir_reduce(r.fn, TIR_LSE, v, r.axis));
    store_one(&r, at, tir_reduce(r.fn, TIR_ARGMAX, v, r.axis));
    return close_par(&r);
}
