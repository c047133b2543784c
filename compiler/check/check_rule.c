/* check_rule.c: see check_rule.h. */
#include "check_rule.h"

#include <math.h>

static double ulp(double v, DType t)
{
    int e, p = t == DT_F32 ? 24 : t == DT_F16 ? 11 : 8, least = t == DT_F16 ? -14 : -126;
    if (!isfinite(v) || !dt_is_float(t))
        return 0;
    frexp(v, &e);
    return ldexp(1, (v == 0 || e - 1 < least ? least : e - 1) - p + 1);
}

static int class_of(double v) { return isnan(v) ? 3 : isinf(v) ? (v > 0 ? 1 : 2) : 0; }

CheckRule check_rule(DType dt, const double *exact, const double *const *runs, int nruns, int64_t n)
{
    CheckRule r = {.dt = dt};
    for (int64_t k = 0; k < n; k++) {
        if (isfinite(exact[k]))
            r.scale = fmax(r.scale, fabs(exact[k]));
        for (int j = 0; j < nruns; j++)
            if (isfinite(exact[k]) && isfinite(runs[j][k]))
                r.eager_err = fmax(r.eager_err, fabs(runs[j][k] - exact[k]));
    }
    return r;
}

CheckVerdict check_element(const CheckRule *r, double got, double exact, double eager, double *err)
{
    int c = class_of(got);
    *err = 0;
    if (c != class_of(eval_round(exact, r->dt)) && c != class_of(eager))
        return CHECK_CLASS;
    if (c || !isfinite(exact))
        return CHECK_PASSES;
    *err = fabs(got - exact);
    return *err <= 1.1 * r->eager_err + ulp(exact, r->dt) + 8 * ldexp(r->scale, -23) ? CHECK_PASSES : CHECK_FAR;
}
