/* eval_op.c: the elementwise ops on doubles with their derivatives (forward mode). */
#include "eval_in.h"

#include <math.h>

static double nan_max(double a, double b) { return isnan(a) || isnan(b) ? NAN : a > b ? a : b; }
static double nan_min(double a, double b) { return isnan(a) || isnan(b) ? NAN : a < b ? a : b; }
static double sigmoid(double a) { return 1 / (1 + exp(-a)); }

static double unary(TirOpcode op, double a, double da, double *dv)
{
    double r;
    switch (op) {
    case TIR_NEG:     *dv = -da; return -a;
    case TIR_ABS:     *dv = a < 0 ? -da : da; return fabs(a);
    case TIR_EXP:     r = exp(a); *dv = r * da; return r;
    case TIR_EXP2:    r = exp2(a); *dv = r * M_LN2 * da; return r;
    case TIR_LOG:     *dv = da / a; return log(a);
    case TIR_LOG2:    *dv = da / (a * M_LN2); return log2(a);
    case TIR_LOG1P:   *dv = da / (1 + a); return log1p(a);
    case TIR_SQRT:    r = sqrt(a); *dv = da / (2 * r); return r;
    case TIR_RSQRT:   r = 1 / sqrt(a); *dv = -0.5 * r / a * da; return r;
    case TIR_RCP:     *dv = -da / (a * a); return 1 / a;
    case TIR_TANH:    r = tanh(a); *dv = (1 - r * r) * da; return r;
    case TIR_SIGMOID: r = sigmoid(a); *dv = r * (1 - r) * da; return r;
    case TIR_ERF:     *dv = 2 / sqrt(M_PI) * exp(-a * a) * da; return erf(a);
    case TIR_SIN:     *dv = cos(a) * da; return sin(a);
    case TIR_COS:     *dv = -sin(a) * da; return cos(a);
    case TIR_FLOOR:   return floor(a);
    case TIR_CEIL:    return ceil(a);
    case TIR_ROUND:   return rint(a);
    case TIR_NOT:     return a == 0;
    default:          return NAN;
    }
}

double eval_elem(TirOpcode op, double a, double b, double c, double da, double db, double dc, double *dv)
{
    double r;
    *dv = 0;
    switch (op) {
    case TIR_ADD:    *dv = da + db; return a + b;
    case TIR_SUB:    *dv = da - db; return a - b;
    case TIR_MUL:    *dv = da * b + a * db; return a * b;
    case TIR_DIV:    *dv = (da - a / b * db) / b; return a / b;
    case TIR_REM:    *dv = da; return fmod(a, b);
    case TIR_MIN:    *dv = a <= b ? da : db; return nan_min(a, b);
    case TIR_MAX:    *dv = a >= b ? da : db; return nan_max(a, b);
    case TIR_POW:    r = pow(a, b); *dv = b * pow(a, b - 1) * da + (db != 0 ? r * log(a) * db : 0); return r;
    case TIR_SELECT: *dv = a != 0 ? db : dc; return a != 0 ? b : c;
    case TIR_FMA:    *dv = da * b + a * db + dc; return fma(a, b, c);
    case TIR_AND:    return a != 0 && b != 0;
    case TIR_OR:     return a != 0 || b != 0;
    case TIR_XOR:    return (a != 0) != (b != 0);
    default:         return unary(op, a, da, dv);
    }
}

int64_t eval_int(TirOpcode op, int64_t a, int64_t b, int64_t c)
{
    switch (op) {
    case TIR_NEG:    return (int64_t)(0 - (uint64_t)a);
    case TIR_ABS:    return a < 0 ? (int64_t)(0 - (uint64_t)a) : a;
    case TIR_NOT:    return ~a;
    case TIR_ADD:    return (int64_t)((uint64_t)a + (uint64_t)b);
    case TIR_SUB:    return (int64_t)((uint64_t)a - (uint64_t)b);
    case TIR_MUL:    return (int64_t)((uint64_t)a * (uint64_t)b);
    case TIR_DIV:    return b == 0 ? 0 : b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
    case TIR_REM:    return b == 0 || b == -1 ? 0 : a % b;
    case TIR_MIN:    return a < b ? a : b;
    case TIR_MAX:    return a > b ? a : b;
    case TIR_AND:    return a & b;
    case TIR_OR:     return a | b;
    case TIR_XOR:    return a ^ b;
    case TIR_SHL:    return (int64_t)((uint64_t)a << (b & 63));
    case TIR_SHR:    return a >> (b & 63);
    case TIR_SELECT: return a ? b : c;
    case TIR_FMA:    return (int64_t)((uint64_t)a * (uint64_t)b + (uint64_t)c);
    default:         return 0;
    }
}

bool eval_compare(TirOpcode op, double a, double b)
{
    switch (op) {
    case TIR_ISNAN: return isnan(a);
    case TIR_ISINF: return isinf(a);
    case TIR_EQ:    return a == b;
    case TIR_NE:    return a != b;
    case TIR_LT:    return a < b;
    case TIR_LE:    return a <= b;
    case TIR_GT:    return a > b;
    default:        return a >= b;
    }
}
