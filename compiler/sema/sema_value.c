/* sema_value.c: values: numbers, extents and tiles, and how literals take the type of what they meet.
 *
 * In: values.  Out: values of one dtype, ops in cx->fn.  Invariant: numbers become ops only here, rounded to their dtype
 * (numbers of f32 keep their value: a formula's constants are exact to the oracle, and rounded where they are emitted).
 */
#include "sema_in.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

Value value_bad(void) { return (Value){ .kind = V_BAD }; }
Value value_int(int64_t i, Span sp) { return (Value){ .kind = V_INT, .i = i, .sp = sp }; }
Value value_float(double f, Span sp) { return (Value){ .kind = V_FLOAT, .f = f, .sp = sp }; }
Value value_bool(bool b, Span sp) { return (Value){ .kind = V_BOOL, .i = b, .sp = sp }; }
bool  value_is_number(Value v) { return v.kind == V_INT || v.kind == V_FLOAT; }

Value value_ext(TirExt e, Span sp)
{
    int64_t c;
    e = tir_ext_norm(e);
    if (e.den == 1 && tir_ext_is_const(e, &c)) return value_int(c, sp);
    return (Value){ .kind = V_EXT, .ext = e, .sp = sp };
}

Value value_tile(Cx *cx, TirVal v, Span sp)
{
    if (!v) return value_bad();
    if (!cx->fn->ops[v].sp.file) cx->fn->ops[v].sp = sp;
    return (Value){ .kind = V_TILE, .v = v, .sp = sp };
}

bool value_as_ext(Value v, TirExt *e)
{
    *e = v.kind == V_INT ? tir_ext_const(v.i) : v.ext;
    return v.kind == V_INT || v.kind == V_EXT;
}

static const int64_t big = (int64_t)1 << 31;
static bool small(int64_t v) { return v <= big && v >= -big; }

Value value_bound(Cx *cx, Value v)
{
    TirExt e;
    if (v.kind == V_BAD || v.kind == V_TILE || !value_as_ext(v, &e)) return v;
    bool ok = v.kind == V_INT || (small(e.c) && e.den <= 1 << 20);
    for (int i = 0; i < TIR_MAX_DIMS; i++) ok &= small(e.k[i]);
    if (ok) return v;
    sema_error(cx, LG_EXTENT, v.sp, "the numbers of an extent must lie within 2^31");
    return value_bad();
}

const char *ext_text(Cx *cx, TirExt e)
{
    Buf b = { 0 };
    TirFn names = { .ndims = 0 };
    TirDim dims[TIR_MAX_DIMS];
    for (uint32_t i = 0; cx->k && i < cx->k->ndims; i++) dims[names.ndims++].name = cx->op->dims[cx->k->dims[i]].name;
    names.dims = dims;
    tir_ext_print(&b, &names, e);
    const char *s = arena_strn(cx->a, b.p ? b.p : "", b.n);
    buf_free(&b);
    return s;
}

uint32_t axis_of(Cx *cx, TirExt e)
{
    for (uint32_t i = 0; i < cx->fn->ndims; i++)
        if (tir_ext_eq(e, tir_ext_dim(i))) return tir_axis(cx->fn, cx->fn->dims[i].name, e);
    return tir_axis(cx->fn, arena_strf(cx->a, "_%u", cx->fn->naxes), e);
}

static const char *tile_text(Cx *cx, const TirOp *o)
{
    const char *s = dt_name(o->dt);
    for (int i = 0; i < o->nax; i++) s = arena_strf(cx->a, "%s%s%s", s, i ? ", " : "[", ext_text(cx, cx->fn->axes[o->ax[i]].ext));
    return o->nax ? arena_strf(cx->a, "%s]", s) : s;
}

const char *value_text(Cx *cx, Value v)
{
    switch (v.kind) {
    case V_INT:   return arena_strf(cx->a, "%lld", (long long)v.i);
    case V_FLOAT: return arena_strf(cx->a, "%g", v.f);
    case V_BOOL:  return v.i ? "true" : "false";
    case V_EXT:   return arena_strf(cx->a, "the extent %s", ext_text(cx, v.ext));
    case V_TILE:  return tile_text(cx, value_op(cx, v));
    default:      return "nothing";
    }
}

const TirOp *value_op(Cx *cx, Value v) { return &cx->fn->ops[v.v]; }

DType value_dt(Cx *cx, Value v)
{
    return v.kind == V_TILE ? (DType)value_op(cx, v)->dt : v.kind == V_EXT ? DT_I64 : v.kind == V_BOOL ? DT_BOOL : DT_NONE;
}

/* v rounded to p bits, quantum at least 2^emin. */
static double round_bits(double v, int p, int emin)
{
    int e;
    if (v == 0 || !isfinite(v)) return v;
    frexp(v, &e);
    double q = ldexp(1, e - p > emin ? e - p : emin);
    return nearbyint(v / q) * q;
}

double round_to(DType dt, double v)
{
    double limit = dt == DT_F16 ? 65504.0 : dt == DT_BF16 ? 0x1.fep127 : dt == DT_F32 ? 0x1.fffffep127 : HUGE_VAL;
    double r = dt == DT_F16 ? round_bits(v, 11, -24) : dt == DT_BF16 ? round_bits(v, 8, -133) : dt == DT_F32 ? round_bits(v, 24, -149) : v;
    return fabs(r) > limit ? copysign(HUGE_VAL, v) : r;
}

static bool int_fits(DType dt, int64_t v)
{
    return dt == DT_I64 || (dt == DT_I32 && v >= INT32_MIN && v <= INT32_MAX) || (dt == DT_I8 && v >= -128 && v <= 127)
        || (dt == DT_U8 && v >= 0 && v <= 255);
}

static Value const_of(Cx *cx, Value v, DType dt)
{
    double f = v.kind == V_INT ? (double)v.i : v.f;
    if (dt_is_float(dt) && (isfinite(round_to(dt, f)) || !isfinite(f))) return value_tile(cx, tir_const_f(cx->fn, dt, dt == DT_F32 ? f : round_to(dt, f)), v.sp);   /* f32: the target rounds, the oracle need not */
    if (dt_is_int(dt) && v.kind == V_INT && int_fits(dt, v.i)) return value_tile(cx, tir_const_i(cx->fn, dt, v.i), v.sp);
    sema_error(cx, LG_LITERAL, v.sp, "%s does not fit %s", value_text(cx, v), dt_name(dt));
    return value_bad();
}

Value value_as(Cx *cx, Value v, DType dt)
{
    Value r = v;
    if (value_is_number(v)) r = dt == DT_NONE ? v : const_of(cx, v, dt);
    else if (v.kind == V_BOOL) r = value_tile(cx, tir_const_i(cx->fn, DT_BOOL, v.i), v.sp);
    else if (v.kind == V_EXT) {
        TirExt *e = ARENA_NEW(cx->a, TirExt);
        *e = v.ext;
        r = value_tile(cx, tir_add(cx->fn, (TirOp){ .op = TIR_EXTENT, .dt = DT_I64, .ext = e, .sp = v.sp }), v.sp);
    }
    r.par = v.par;
    return r;
}

/* An extent beside an integer tile: both become i64, which loses nothing. */
static void widen(Cx *cx, Value *v, Value other)
{
    DType dt = value_dt(cx, *v);
    if (other.kind == V_EXT && v->kind == V_TILE && dt_is_int(dt) && dt != DT_I64)
        *v = value_tile(cx, tir_cast(cx->fn, DT_I64, v->v), v->sp);
}

static bool no_type(Cx *cx, Value v)
{
    sema_error(cx, LG_LITERAL, v.sp, "%s has no type here: write f32(..) or another type", value_text(cx, v));
    return false;
}

bool value_unify(Cx *cx, Value *a, Value *b, const char *what)
{
    if (a->kind == V_BAD || b->kind == V_BAD) return false;
    if (value_is_number(*a) && value_is_number(*b)) return no_type(cx, *a);
    widen(cx, a, *b);
    widen(cx, b, *a);
    DType da = value_dt(cx, *a), db = value_dt(cx, *b);
    if (da && db && da != db) {
        sema_error(cx, LG_DTYPE, (Span){ a->sp.file, a->sp.lo, b->sp.hi }, "cannot %s %s and %s: the types differ", what, value_text(cx, *a), value_text(cx, *b));
        sema_note(cx, b->sp, "convert one, as in %s(..)", dt_name(da == DT_I64 ? db : da));
        return false;
    }
    *a = value_as(cx, *a, db);
    *b = value_as(cx, *b, da);
    return a->kind == V_TILE && b->kind == V_TILE;
}

static void axes_differ(Cx *cx, const Value *v, int n, Span sp, const char *what)
{
    if (n == 2) sema_error(cx, LG_AXES, sp, "cannot %s %s and %s: the axes differ", what, value_text(cx, v[0]), value_text(cx, v[1]));
    else sema_error(cx, LG_AXES, sp, "cannot %s %s, %s and %s: the axes differ", what, value_text(cx, v[0]), value_text(cx, v[1]), value_text(cx, v[2]));
}

Value value_elem(Cx *cx, TirOpcode op, const Value *v, int n, Span sp, const char *what)
{
    for (int i = 0; i < n; i++)
        if (v[i].kind != V_TILE) return value_bad();
    if (cx->fn->nops >= SEMA_MAX_OPS) {
        if (!cx->worn_out) sema_error(cx, LG_DEPTH, sp, "the kernel has more than %d operations", SEMA_MAX_OPS);
        cx->worn_out = true;
        return value_bad();
    }
    TirVal r = tir_elem(cx->fn, op, v[0].v, n > 1 ? v[1].v : 0, n > 2 ? v[2].v : 0);
    if (!r) axes_differ(cx, v, n, sp, what);
    return value_tile(cx, r, sp);
}
