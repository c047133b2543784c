/* sema_arith.c: the operators.
 *
 * In: operands.  Out: a number or an extent where the operands are, else one op.  Exact where C would overflow: an error.
 */
#include "sema_in.h"

static const TirOpcode tir_of[AO_COUNT] = {
#define X(e, tir) [AO_##e] = TIR_##tir,
#include "operator.def"
#undef X
};

static const char *verb(AstOper op)
{
    switch (op) {
    case AO_PLUS: return "add";
    case AO_MINUS: return "subtract";
    case AO_STAR: return "multiply";
    case AO_SLASH: case AO_PERCENT: return "divide";
    case AO_EQ: case AO_NE: case AO_LT: case AO_LE: case AO_GT: case AO_GE: return "compare";
    default: return "combine";
    }
}

static bool is_compare(AstOper op) { return op >= AO_EQ && op <= AO_GE; }

static Value overflow(Cx *cx, Span sp, bool zero)
{
    if (zero) sema_error(cx, LG_CONST, sp, "division by zero");
    else sema_error(cx, LG_CONST, sp, "the number goes beyond 64 bits");
    return value_bad();
}

static bool compare(AstOper op, double a, double b)
{
    switch (op) {
    case AO_EQ: return a == b;
    case AO_NE: return a != b;
    case AO_LT: return a < b;
    case AO_LE: return a <= b;
    case AO_GT: return a > b;
    default:    return a >= b;
    }
}

static Value fold_int(Cx *cx, AstOper op, int64_t a, int64_t b, Span sp)
{
    int64_t r = 0;
    bool over = false;
    switch (op) {
    case AO_PLUS:  over = __builtin_add_overflow(a, b, &r); break;
    case AO_MINUS: over = __builtin_sub_overflow(a, b, &r); break;
    case AO_STAR:  over = __builtin_mul_overflow(a, b, &r); break;
    case AO_SLASH: case AO_PERCENT:
        if (!b || (a == INT64_MIN && b == -1)) return overflow(cx, sp, !b);
        r = op == AO_SLASH ? a / b : a % b;
        break;
    case AO_AMP:   r = a & b; break;
    case AO_PIPE:  r = a | b; break;
    case AO_CARET: r = a ^ b; break;
    case AO_SHL:   over = b < 0 || b > 62 || a < 0 || a > INT64_MAX >> b; r = over ? 0 : a << b; break;
    case AO_SHR:   over = b < 0 || b > 63; r = over ? 0 : a >> b; break;
    default:       return value_bool(a == b ? compare(op, 0, 0) : compare(op, a < b ? 0 : 1, a < b ? 1 : 0), sp);
    }
    return over ? overflow(cx, sp, false) : value_int(r, sp);
}

static Value fold_float(Cx *cx, AstOper op, double a, double b, Span sp)
{
    switch (op) {
    case AO_PLUS:  return value_float(a + b, sp);
    case AO_MINUS: return value_float(a - b, sp);
    case AO_STAR:  return value_float(a * b, sp);
    case AO_SLASH: return value_float(a / b, sp);
    default: break;
    }
    if (is_compare(op)) return value_bool(compare(op, a, b), sp);
    sema_error(cx, LG_DTYPE, sp, "'%s' takes integers, not %g and %g", ast_oper_text(op), a, b);
    return value_bad();
}

/* Sums of extents, products with and quotients by numbers; V_BAD with kind kept for what is no extent any more. */
static bool fold_ext(Cx *cx, AstOper op, Value a, Value b, Span sp, Value *out)
{
    TirExt ea, eb;
    int64_t ka = 0, kb = 0;
    if (!value_as_ext(a, &ea) || !value_as_ext(b, &eb)) return false;
    bool ca = a.kind == V_INT, cb = b.kind == V_INT;
    if (ca) ka = a.i;
    if (cb) kb = b.i;
    if (value_bound(cx, a).kind == V_BAD || value_bound(cx, b).kind == V_BAD || (op == AO_SLASH && cb && (!kb || kb > 1 << 20 || kb < -(1 << 20)))) {
        if (op == AO_SLASH && cb && value_bound(cx, a).kind != V_BAD) overflow(cx, sp, !kb);
        *out = value_bad();
        return true;
    }
    if (op == AO_PLUS || op == AO_MINUS) *out = value_ext(tir_ext_add(ea, eb, op == AO_PLUS ? 1 : -1), sp);
    else if (op == AO_STAR && (ca || cb)) *out = value_ext(ca ? tir_ext_scale(eb, ka, 1) : tir_ext_scale(ea, kb, 1), sp);
    else if (op == AO_SLASH && cb) *out = value_ext(kb < 0 ? tir_ext_scale(ea, -1, -kb) : tir_ext_scale(ea, 1, kb), sp);
    else return false;
    *out = value_bound(cx, *out);
    return true;
}

/* Keeps track of coordinates: c, c*3, c+N still tell instances apart. */
static uint16_t coordinate(AstOper op, Value a, Value b)
{
    bool fixed_a = a.kind == V_INT || a.kind == V_EXT, fixed_b = b.kind == V_INT || b.kind == V_EXT;
    if (op == AO_PLUS || op == AO_MINUS) return fixed_b ? a.par : fixed_a ? b.par : 0;
    if (op == AO_STAR) return b.kind == V_INT && b.i ? a.par : a.kind == V_INT && a.i ? b.par : 0;
    return 0;
}

static bool types_fit(Cx *cx, AstOper op, DType dt, Value v, Span sp)
{
    bool logic = op == AO_AND || op == AO_OR || op == AO_NOT, equal = op == AO_EQ || op == AO_NE;
    bool bits = op == AO_PERCENT || op == AO_AMP || op == AO_PIPE || op == AO_CARET || op == AO_SHL || op == AO_SHR || op == AO_TILDE;
    const char *want = logic ? (dt == DT_BOOL ? NULL : "bool") : bits ? (dt_is_int(dt) ? NULL : "integers")
                     : dt == DT_BOOL && !equal ? "numbers" : NULL;
    if (!want) return true;
    sema_error(cx, LG_DTYPE, sp, "'%s' takes %s, not %s", ast_oper_text(op), want, value_text(cx, v));
    return false;
}

static bool fold_bool(AstOper op, bool a, bool b, Value *out, Span sp)
{
    bool r = op == AO_AND ? a && b : op == AO_OR ? a || b : op == AO_EQ ? a == b : a != b;
    *out = value_bool(r, sp);
    return op == AO_AND || op == AO_OR || op == AO_EQ || op == AO_NE;
}

Value arith_binary(Cx *cx, const AstNode *n, Value a, Value b)
{
    Value r, v[2];
    if (a.kind == V_BAD || b.kind == V_BAD) return value_bad();
    bool logic = n->op == AO_AND || n->op == AO_OR;
    if (!logic && a.kind == V_INT && b.kind == V_INT) return fold_int(cx, n->op, a.i, b.i, n->sp);
    if (!logic && value_is_number(a) && value_is_number(b))
        return fold_float(cx, n->op, a.kind == V_INT ? (double)a.i : a.f, b.kind == V_INT ? (double)b.i : b.f, n->sp);
    if (a.kind == V_BOOL && b.kind == V_BOOL && fold_bool(n->op, a.i, b.i, &r, n->sp)) return r;
    if (fold_ext(cx, n->op, a, b, n->sp, &r)) return r;
    if (logic && (value_is_number(a) || value_is_number(b))) {
        types_fit(cx, n->op, DT_NONE, value_is_number(a) ? a : b, n->sp);
        return value_bad();
    }
    if (!cx->fn) {
        sema_error(cx, LG_EXTENT, n->sp, "an extent is a sum of dims times numbers, divided by a number");
        return value_bad();
    }
    uint16_t par = coordinate(n->op, a, b);
    if (!value_unify(cx, &a, &b, verb(n->op)) || !types_fit(cx, n->op, value_dt(cx, a), a, n->sp)) return value_bad();
    v[0] = a;
    v[1] = b;
    r = value_elem(cx, tir_of[n->op], v, 2, n->sp, verb(n->op));
    r.par = par;
    return r;
}

static Value negate(Cx *cx, const AstNode *n, Value a)
{
    Value zero = value_int(0, n->sp), r;
    if (a.kind == V_INT) return fold_int(cx, AO_MINUS, 0, a.i, n->sp);
    if (a.kind == V_FLOAT) return value_float(-a.f, n->sp);
    if (a.kind == V_EXT && fold_ext(cx, AO_MINUS, zero, a, n->sp, &r)) return r;
    if (value_dt(cx, a) == DT_BOOL || value_dt(cx, a) == DT_U8) {
        sema_error(cx, LG_DTYPE, n->sp, "'-' takes numbers with a sign, not %s", value_text(cx, a));
        return value_bad();
    }
    r = value_elem(cx, TIR_NEG, &a, 1, n->sp, "negate");
    return r;
}

Value arith_unary(Cx *cx, const AstNode *n, Value a)
{
    if (a.kind == V_BAD) return a;
    if (n->op == AO_MINUS) return negate(cx, n, a);
    if (n->op == AO_NOT && a.kind == V_BOOL) return value_bool(!a.i, n->sp);
    if (n->op == AO_TILDE && a.kind == V_INT) return value_int(~a.i, n->sp);
    if (!types_fit(cx, n->op, value_dt(cx, a), a, n->sp)) return value_bad();
    a = value_as(cx, a, DT_NONE);
    return value_elem(cx, TIR_NOT, &a, 1, n->sp, "negate");
}
