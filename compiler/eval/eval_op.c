/* eval_op.c: the elementwise ops on doubles and their derivatives (forward mode). */
#include "eval_in.h"

#include <math.h>

static double nan_max(double a, double b) { return isnan(a) || isnan(b) ? NAN : a > b ? a : b; }
static double nan_min(double a, double b) { return isnan(a) || isnan(b) ? NAN : a < b ? a : b; }
static double sigmoid(double a) { return 1 / (1 + exp(-a)); }

static double unary(TirOpcode op, double a)
{
    switch (op) {
    case TIR_NEG:     return -a;
    case TIR_ABS:     return fabs(a);
    case TIR_EXP:     return exp(a);
    case TIR_EXP2:    return exp2(a);
    case TIR_LOG:     return log(a);
    case TIR_LOG2:    return log2(a);
    case TIR_LOG1P:   return log1p(a);
    case TIR_SQRT:    return sqrt(a);
    case TIR_RSQRT:   return 1 / sqrt(a);
    case TIR_RCP:     return 1 / a;
    case TIR_TANH:    return tanh(a);
    case TIR_SIGMOID: return sigmoid(a);
    case TIR_ERF:     return erf(a);
    case TIR_SIN:     return sin(a);
    case TIR_COS:     return cos(a);
    case TIR_FLOOR:   return floor(a);
    case TIR_CEIL:    return ceil(a);
    case TIR_ROUND:   return rint(a);
    case TIR_NOT:     return a == 0;
    default:          return NAN;
    }
}

double eval_elem(TirOpcode op, double a, double b, double c)
{
    switch (op) {
    case TIR_ADD:    return a + b;
    case TIR_SUB:    return a - b;
    case TIR_MUL:    return a * b;
    case TIR_DIV:    return a / b;
    case TIR_REM:    return fmod(a, b);
    case TIR_MIN:    return nan_min(a, b);
    case TIR_MAX:    return nan_max(a, b);
    case TIR_POW:    return pow(a, b);
    case TIR_SELECT: return a != 0 ? b : c;
    case TIR_FMA:    return fma(a, b, c);
    case TIR_AND:    return a != 0 && b != 0;
    case TIR_OR:     return a != 0 || b != 0;
    case TIR_XOR:    return (a != 0) != (b != 0);
    default:         return unary(op, a);
    }
}

static double unary_slope(TirOpcode op, double a, double da, double r)
{
    switch (op) {
    case TIR_NEG:     return -da;
    case TIR_ABS:     return a < 0 ? -da : da;
    case TIR_EXP:     return r * da;
    case TIR_EXP2:    return r * M_LN2 * da;
    case TIR_LOG:     return da / a;
    case TIR_LOG2:    return da / (a * M_LN2);
    case TIR_LOG1P:   return da / (1 + a);
    case TIR_SQRT:    return da / (2 * r);
    case TIR_RSQRT:   return -0.5 * r / a * da;
    case TIR_RCP:     return -da / (a * a);
    case TIR_TANH:    return (1 - r * r) * da;
    case TIR_SIGMOID: return r * (1 - r) * da;
    case TIR_ERF:     return 2 / sqrt(M_PI) * exp(-a * a) * da;
    case TIR_SIN:     return cos(a) * da;
    case TIR_COS:     return -sin(a) * da;
    default:          return 0;
    }
}

double eval_slope(TirOpcode op, const double *x, const double *t, double r)
{
    double a = x[0], b = x[1], da = t[0], db = t[1], dc = t[2];
    switch (op) {
    case TIR_ADD:    return da + db;
    case TIR_SUB:    return da - db;
    case TIR_MUL:    return da * b + a * db;
    case TIR_DIV:    return (da - a / b * db) / b;
    case TIR_REM:    return da;
    case TIR_MIN:    return a <= b ? da : db;
    case TIR_MAX:    return a >= b ? da : db;
    case TIR_POW:    return b * pow(a, b - 1) * da + (db != 0 ? r * log(a) * db : 0);
    case TIR_SELECT: return a != 0 ? db : dc;
    case TIR_FMA:    return da * b + a * db + dc;
    default:         return unary_slope(op, a, da, r);
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
