/* gated.c: swiglu through its typed header, from a pack that the build made: y = silu(a) * b on the CPU, compared with plain C. */
#include "liger_swiglu.h"

#include <math.h>
#include <stdio.h>

int main(void)
{
    enum { ROWS = 4, F = 100 };
    static float a[ROWS * F], b[ROWS * F], y[ROWS * F];
    int64_t shape[2] = {ROWS, F};
    DLDevice cpu = {kDLCPU, 0};
    DLDataType f32 = {kDLFloat, 32, 1};
    DLTensor ta = {a, cpu, 2, f32, shape, NULL, 0}, tb = {b, cpu, 2, f32, shape, NULL, 0}, ty = {y, cpu, 2, f32, shape, NULL, 0};
    lgr_context *ctx;
    lgr_swiglu_forward_args args;
    char text[256];
    double worst = 0;
    for (int i = 0; i < ROWS * F; i++) {
        a[i] = (float)(i % 13) - 6;
        b[i] = (float)(i % 5) + 0.5f;
    }
    if (lgr_context_create(NULL, &ctx) || lgr_pack_open(ctx, GATES_PACK) || lgr_swiglu_forward_init(ctx, &args) ||
        lgr_swiglu_forward(ctx, &args, &ta, &tb, NULL, &ty, NULL, NULL, 0)) {
        lgr_last_error_text(text, sizeof text);
        fprintf(stderr, "gated: %s\n", text);
        return 1;
    }
    for (int i = 0; i < ROWS * F; i++)
        worst = fmax(worst, fabs(y[i] - (double)a[i] / (1 + exp(-(double)a[i])) * b[i]));
    printf("y[7] = %.6f, worst difference %.1e\n", (double)y[7], worst);
    lgr_context_destroy(ctx);
    return worst < 1e-5 ? 0 : 1;
}
