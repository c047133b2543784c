/* rms_norm.c: a whole program on libliger: opens a pack, normalises rows on the CPU, prints what ran and one value.
 *
 * usage: rms_norm PACK
 */
#include <liger.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    enum { ROWS = 64, N = 4096 };
    lgr_context *ctx;
    const lgr_kernel *forward;
    char text[256];
    int64_t xs[2] = {ROWS, N}, ws[1] = {N}, rs[1] = {ROWS};
    float *x = malloc(sizeof *x * ROWS * N), *w = malloc(sizeof *w * N), *y = malloc(sizeof *y * ROWS * N), *rstd = malloc(sizeof *rstd * ROWS);
    for (int i = 0; i < ROWS * N; i++)
        x[i] = (float)(i % 7) - 3;
    for (int i = 0; i < N; i++)
        w[i] = 1;

    DLDevice cpu = {kDLCPU, 0};
    DLDataType f32 = {kDLFloat, 32, 1};
    DLTensor tx = {x, cpu, 2, f32, xs, NULL, 0}, tw = {w, cpu, 1, f32, ws, NULL, 0}, ty = {y, cpu, 2, f32, xs, NULL, 0}, tr = {rstd, cpu, 1, f32, rs, NULL, 0};
    const DLTensor *tensors[] = {&tx, &tw, &ty, &tr};
    lgr_call call = {.size = sizeof call, .tensors = tensors, .ntensors = 4};
    lgr_choice choice = {.size = sizeof choice};

    if (argc != 2 || lgr_context_create(NULL, &ctx) || lgr_pack_open(ctx, argv[1]) || lgr_kernel_find(ctx, "rms_norm", "forward", &forward) ||
        (call.kernel = forward, lgr_launch(ctx, &call)) || lgr_explain(ctx, &call, &choice)) {
        lgr_last_error_text(text, sizeof text);
        fprintf(stderr, "rms_norm: %s\n", text);
        return 1;
    }
    printf("%s on %s: %s\ny[0][0] = %.6f, rstd[0] = %.6f\n", choice.symbol, choice.target, choice.schedule, (double)y[0], (double)rstd[0]);
    lgr_context_destroy(ctx);
    free(x);
    free(w);
    free(y);
    free(rstd);
    return 0;
}
