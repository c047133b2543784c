/* plain.c: see plain.h. */
#include "plain.h"

#include <math.h>

#include "kernels.h"

static void norm(const Plain *p)
{
    for (int64_t r = 0; r < p->m; r++) {
        const double *x = p->in[0] + r * p->n;
        double sum = 0;
        for (int64_t i = 0; i < p->n; i++)
            sum += x[i] * x[i];
        double s = p->out[3][r] = 1 / sqrt(sum / (double)p->n + p->eps);
        for (int64_t i = 0; i < p->n; i++)
            p->out[2][r * p->n + i] = x[i] * s * p->in[1][i];
    }
}

static void norm_backward(const Plain *p)
{
    for (int64_t i = 0; i < p->n; i++)
        p->out[5][i] = 0;
    for (int64_t r = 0; r < p->m; r++) {
        const double *dy = p->in[0] + r * p->n, *x = p->in[1] + r * p->n;
        double c = 0, s = p->in[3][r];
        for (int64_t i = 0; i < p->n; i++)
            c += dy[i] * p->in[2][i] * x[i] * s;
        c /= (double)p->n;
        for (int64_t i = 0; i < p->n; i++) {
            p->out[4][r * p->n + i] = s * (dy[i] * p->in[2][i] - x[i] * s * c);
            p->out[5][i] += dy[i] * x[i] * s;
        }
    }
}

static void gate(const Plain *p)
{
    for (int64_t i = 0; i < p->m * p->n; i++)
        p->out[2][i] = p->in[0][i] * p->in[1][i] + p->in[0][i];
}

static void lse(const Plain *p)
{
    for (int64_t r = 0; r < p->m; r++) {
        const double *x = p->in[0] + r * p->n;
        double top = -INFINITY, sum = 0;
        int64_t at = -1;
        for (int64_t i = 0; i < p->n; i++)
            if (at < 0 || (!isnan(top) && (isnan(x[i]) || x[i] > top))) {
                top = x[i];
                at = i;
            }
        for (int64_t i = 0; i < p->n; i++)
            sum += exp(x[i] - (isinf(top) ? 0 : top));
        p->out[1][r] = isnan(top) || isinf(top) ? top : log(sum) + top;
        p->out[2][r] = (double)at;
    }
}

const PlainKernel plain_kernels[PLAIN_COUNT] = {
    {"norm", kernel_norm, norm}, {"norm_backward", kernel_norm_backward, norm_backward}, {"gate", kernel_gate, gate}, {"lse", kernel_lse, lse},
};
