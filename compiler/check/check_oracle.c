/* check_oracle.c: what the oracle makes of one call, exact and as eager execution would round, and the comparison with it. */
#include "check_rule.h"

#include <math.h>
#include <string.h>

EvalTensor check_tensor_of(const CheckOracle *o, uint32_t i, double *v)
{
    EvalTensor t = {.v = v};
    int64_t n = 1;
    for (int d = o->fn->tensors[i].rank - 1; d >= 0; d--) {
        tir_ext_eval(o->fn->tensors[i].shape[d], o->dims, &t.shape[d]);
        t.stride[d] = n;
        n *= t.shape[d];
    }
    return t;
}

static bool count_elements(CheckOracle *o, uint32_t i)
{
    const TirTensor *t = &o->fn->tensors[i];
    int64_t size;
    o->count[i] = 1;
    for (int d = 0; d < t->rank; d++) {
        if (!tir_ext_eval(t->shape[d], o->dims, &size))
            return false;
        o->count[i] *= size;
    }
    return true;
}

bool check_oracle_open(CheckOracle *o)
{
    o->count = ARENA_ARRAY(o->a, int64_t, o->fn->ntensors + 1);
    o->given = ARENA_ARRAY(o->a, double *, o->fn->ntensors + 1);
    for (uint32_t i = 0; i < o->fn->ntensors; i++) {
        if (!count_elements(o, i))
            return false;
        o->given[i] = ARENA_ARRAY(o->a, double, o->count[i] + 1);
    }
    return true;
}

bool check_is_input(const TirTensor *t) { return t->mode != TIR_OUT && t->mode != TIR_SCRATCH && !t->absent; }

/* What is only read is shared by all runs. */
static bool run(CheckOracle *o, EvalMode mode, uint64_t seed, double ***to, Diag *d)
{
    EvalTensor *t = ARENA_ARRAY(o->a, EvalTensor, o->fn->ntensors + 1);
    double **v = *to = ARENA_ARRAY(o->a, double *, o->fn->ntensors + 1);
    for (uint32_t i = 0; i < o->fn->ntensors; i++) {
        bool read = o->fn->tensors[i].mode == TIR_IN;
        v[i] = read ? o->given[i] : ARENA_ARRAY(o->a, double, o->count[i] + 1);
        if (!read)
            memcpy(v[i], o->given[i], sizeof *v[i] * (size_t)o->count[i]);
        t[i] = check_tensor_of(o, i, v[i]);
    }
    EvalArgs args = {o->dims, t, o->scalars, seed};
    return eval_run(o->fn, mode, &args, d);
}

bool check_oracle_exact(CheckOracle *o, Diag *d) { return run(o, EVAL_EXACT, 0, &o->exact, d); }

static bool run_on(CheckOracle *o, int upto, Diag *d)
{
    for (; o->runs < upto; o->runs++)
        if (!run(o, EVAL_JITTER, (uint64_t)o->runs + 1, &o->jitter[o->runs], d))
            return false;
    return true;
}

bool check_oracle_run(CheckOracle *o, Diag *d)
{
    return check_oracle_exact(o, d) && run(o, EVAL_EAGER, 0, &o->eager, d) && run_on(o, CHECK_RUNS, d);
}

static void hold(const CheckOracle *o, uint32_t t, const double *got, int runs, CheckFound *f)
{
    const double *of[1 + CHECK_MOST_RUNS] = {o->eager[t]};
    for (int j = 0; j < runs; j++)
        of[1 + j] = o->jitter[j][t];
    *f = (CheckFound){.rule = check_rule(o->fn->tensors[t].dt, o->exact[t], of, 1 + runs, o->count[t])};
    for (int64_t k = 0; k < o->count[t]; k++) {
        double err;
        CheckVerdict v = check_element(&f->rule, got[k], o->exact[t][k], o->eager[t][k], &err);
        f->max_err = fmax(f->max_err, err);
        if (f->verdict == CHECK_PASSES && v != CHECK_PASSES) {
            f->verdict = v;
            f->at = k;
        }
    }
}

CheckFound check_tensor(CheckOracle *o, uint32_t t, const double *got)
{
    CheckFound f;
    Diag d;
    hold(o, t, got, CHECK_RUNS, &f);
    diag_init(&d, o->a);
    if (f.verdict == CHECK_FAR && o->count[t] <= CHECK_FEW && run_on(o, CHECK_MOST_RUNS, &d))
        hold(o, t, got, CHECK_MOST_RUNS, &f);
    return f;
}
