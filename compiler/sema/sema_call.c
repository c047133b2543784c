/* sema_call.c: conversions and the builtin functions of builtin.def.
 *
 * In: a call.  Out: a Value.  A function of known numbers is a number; builtins round once, in their operand's type.
 */
#include "sema_in.h"
#include <math.h>
#include <string.h>

typedef enum Class { FLOAT, SIGNED, TEST, FLOAT2, FMA, MINMAX, REDUCE, MEAN, IOTA } Class;

typedef struct Builtin { const char *name; Class cls; TirOpcode op, reduce; const char *signature, *doc; } Builtin;

static const Builtin builtins[] = {
#define X(name, cls, op, reduce, signature, doc) { #name, cls, TIR_##op, TIR_##reduce, signature, doc },
#include "builtin.def"
#undef X
};
enum { NBUILTINS = sizeof builtins / sizeof *builtins };

void sema_print_builtins(Buf *out)
{
    buf_puts(out, "| signature | what |\n|---|---|\n");
    for (int i = 0; i < NBUILTINS; i++) buf_printf(out, "| `%s` | %s |\n", builtins[i].signature, builtins[i].doc);
}

static const Builtin *find_builtin(const char *name)
{
    for (int i = 0; i < NBUILTINS; i++)
        if (!strcmp(builtins[i].name, name)) return &builtins[i];
    return NULL;
}

static double fold(TirOpcode op, double x)
{
    switch (op) {
    case TIR_EXP: return exp(x);
    case TIR_EXP2: return exp2(x);
    case TIR_LOG: return log(x);
    case TIR_LOG2: return log2(x);
    case TIR_LOG1P: return log1p(x);
    case TIR_SQRT: return sqrt(x);
    case TIR_RSQRT: return 1 / sqrt(x);
    case TIR_RCP: return 1 / x;
    case TIR_TANH: return tanh(x);
    case TIR_SIGMOID: return 1 / (1 + exp(-x));
    case TIR_ERF: return erf(x);
    case TIR_SIN: return sin(x);
    case TIR_COS: return cos(x);
    case TIR_FLOOR: return floor(x);
    case TIR_CEIL: return ceil(x);
    case TIR_ROUND: return nearbyint(x);
    default: return fabs(x);
    }
}

static Value refuse(Cx *cx, const Builtin *f, Value v)
{
    const char *want = f->cls == SIGNED ? "numbers with a sign" : f->cls == MINMAX || f->cls == REDUCE ? "numbers" : "floats";
    sema_error(cx, LG_DTYPE, v.sp, "%s takes %s, not %s", f->name, want, value_text(cx, v));
    return value_bad();
}

static bool takes(const Builtin *f, DType dt)
{
    if (f->cls == SIGNED) return dt_is_float(dt) || (dt_is_int(dt) && dt != DT_U8);
    if (f->cls == MINMAX || (f->cls == REDUCE && f->reduce != TIR_LSE)) return dt_is_float(dt) || dt_is_int(dt);
    return dt_is_float(dt);
}

static Value call_unary(Cx *cx, const Builtin *f, Value v, Span sp)
{
    if (value_is_number(v) && f->cls != TEST) return value_float(fold(f->op, v.kind == V_INT ? (double)v.i : v.f), sp);
    if (value_is_number(v) || !takes(f, value_dt(cx, v))) return refuse(cx, f, v);
    v = value_as(cx, v, DT_NONE);
    return value_elem(cx, f->op, &v, 1, sp, f->name);
}

static Value call_elementwise(Cx *cx, const Builtin *f, Value *v, int n, Span sp)
{
    for (int round = 0; round < 2; round++)          /* the second round carries a type back to the first operand */
        for (int i = 0; i + 1 < n; i++)
            if (!(n == 3 && value_is_number(v[i]) && value_is_number(v[i + 1]) && !value_is_number(v[2]) && !round)
                && !value_unify(cx, &v[i], &v[i + 1], f->name)) return value_bad();
    if (!takes(f, value_dt(cx, v[0]))) return refuse(cx, f, v[0]);
    return value_elem(cx, f->op, v, n, sp, f->name);
}

/* The axis of a reduction: named by its extent, or the only one. */
static bool pick_axis(Cx *cx, const Builtin *f, const AstNode *n, Value v, uint32_t *axis)
{
    const TirOp *o = value_op(cx, v);
    const AstNode *named = n->kids.first->next;
    TirExt e;
    if (!o->nax) sema_error(cx, LG_AXES, v.sp, "%s reduces a tile, but %s has no axis", f->name, value_text(cx, v));
    else if (!named && o->nax > 1) sema_error(cx, LG_AXES, n->sp, "%s has several axes; say which, as in %s(.., axis=%s)", value_text(cx, v), f->name, ext_text(cx, cx->fn->axes[o->ax[o->nax - 1]].ext));
    if (!o->nax || (!named && o->nax > 1)) return false;
    *axis = o->ax[0];
    if (!named) return true;
    if (!sema_extent(cx, named->a, &e)) return false;
    o = value_op(cx, v);
    for (int i = 0; i < o->nax; i++)
        if (tir_ext_eq(cx->fn->axes[o->ax[i]].ext, e)) return *axis = o->ax[i], true;
    sema_error(cx, LG_AXES, named->sp, "%s has no axis %s", value_text(cx, v), ext_text(cx, e));
    return false;
}

static Value call_reduce(Cx *cx, const Builtin *f, const AstNode *n, Value v)
{
    uint32_t axis = 0;
    if (v.kind != V_TILE) {
        sema_error(cx, LG_AXES, v.sp, "%s reduces a tile, but %s has no axis", f->name, value_text(cx, v));
        return value_bad();
    }
    if (!takes(f, value_dt(cx, v))) return refuse(cx, f, v);
    if (!pick_axis(cx, f, n, v, &axis)) return value_bad();
    Value sum[2] = { value_tile(cx, tir_reduce(cx->fn, f->reduce, v.v, axis), n->sp) };
    if (f->cls != MEAN) return sum[0];
    sum[1] = value_as(cx, (Value){ .kind = V_EXT, .ext = cx->fn->axes[axis].ext, .sp = n->sp }, DT_I64);
    sum[1] = value_tile(cx, tir_cast(cx->fn, value_dt(cx, v), sum[1].v), n->sp);
    return value_elem(cx, TIR_DIV, sum, 2, n->sp, f->name);
}

static Value call_iota(Cx *cx, const AstNode *n)
{
    TirExt e;
    if (!sema_extent(cx, n->kids.first, &e)) return value_bad();
    uint32_t axis = axis_of(cx, e);
    TirOp o = { .op = TIR_IOTA, .dt = DT_I64, .nax = 1, .ax = { (uint16_t)axis }, .ref = (uint16_t)axis, .sp = n->sp };
    return value_tile(cx, tir_add(cx->fn, o), n->sp);
}

static int want_args(const Builtin *f) { return f->cls == FMA ? 3 : f->cls == FLOAT2 ? 2 : 1; }

static bool count_args(Cx *cx, const Builtin *f, const AstNode *n, int *plain)
{
    bool named = false, reduces = f->reduce != TIR_NOP;
    *plain = 0;
    for (const AstNode *k = n->kids.first; k; k = k->next) {
        if (k->kind != AST_NAMED) (*plain)++;
        if (named || (k->kind == AST_NAMED && (!reduces || strcmp(k->name, "axis") || *plain != 1))) {
            if (k->kind == AST_NAMED) sema_error(cx, LG_CALL, k->sp, "%s takes no argument %.40s here: %s", f->name, k->name, f->signature);
            else sema_error(cx, LG_CALL, k->sp, "%s takes nothing after the axis: %s", f->name, f->signature);
            return false;
        }
        named |= k->kind == AST_NAMED;
    }
    if (*plain == want_args(f) || (f->cls == MINMAX && *plain == 2)) return true;
    sema_error(cx, LG_CALL, n->sp, "%s takes %s, not %d: %s", f->name, f->cls == MINMAX ? "1 or 2 arguments" : want_args(f) == 1 ? "1 argument" : arena_strf(cx->a, "%d arguments", want_args(f)), *plain, f->signature);
    return false;
}

static Value convert(Cx *cx, const AstNode *n, DType dt)
{
    if (n->kids.n != 1 || n->kids.first->kind == AST_NAMED) {
        sema_error(cx, LG_CALL, n->sp, "%s(..) converts one value", n->name);
        return value_bad();
    }
    Value v = sema_expr(cx, n->kids.first);
    if (v.kind == V_BAD) return v;
    if (dt == DT_BOOL && (value_dt(cx, v) != DT_BOOL)) {
        sema_error(cx, LG_DTYPE, n->sp, "nothing converts to bool: compare, as in x != 0");
        return value_bad();
    }
    if (v.kind == V_FLOAT && dt_is_int(dt)) v = value_int((int64_t)(fabs(v.f) < 9e18 ? v.f : 0), v.sp);
    Value t = value_as(cx, v, dt);
    if (t.kind != V_TILE) return t;
    Value r = value_tile(cx, tir_cast(cx->fn, dt, t.v), n->sp);
    r.par = dt == DT_I64 ? v.par : 0;
    r.sp = n->sp;
    return r;
}

static Value unknown_call(Cx *cx, const AstNode *n)
{
    const char *names[NBUILTINS + DT_COUNT + SEMA_MAX_TYPES];
    size_t k = 0;
    for (int i = 0; i < NBUILTINS; i++) names[k++] = builtins[i].name;
    for (int i = 1; i < DT_COUNT; i++) names[k++] = dt_name((DType)i);
    for (uint32_t i = 0; i < cx->op->ntypes; i++) names[k++] = cx->op->types[i].name;
    sema_unknown(cx, LG_NAME, n->name_sp, "function or type", n->name, names, k);
    return value_bad();
}

Value sema_call(Cx *cx, const AstNode *n)
{
    const Builtin *f = find_builtin(n->name);
    DType dt = f ? DT_NONE : sema_dtype(cx, n->name);
    Value v[3];
    int count = 0, plain;
    if (dt) return convert(cx, n, dt);
    if (!f) return unknown_call(cx, n);
    if (!count_args(cx, f, n, &plain)) return value_bad();
    if (f->cls == IOTA) return call_iota(cx, n);
    for (const AstNode *k = n->kids.first; k && count < plain; k = k->next)
        if ((v[count++] = sema_expr(cx, k)).kind == V_BAD) return value_bad();
    if (f->cls == REDUCE || f->cls == MEAN || (f->cls == MINMAX && plain == 1)) return call_reduce(cx, f, n, v[0]);
    return plain == 1 ? call_unary(cx, f, v[0], n->sp) : call_elementwise(cx, f, v, plain, n->sp);
}
