/* The generated header in use: rms_norm forward and backward on the host against plain C. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>

#include "liger_rms_norm.h"

enum { M = 37, N = 1000 };

static const char *pack_path;
static float x[M * N], dy[M * N], w[N], y[M * N], rstd[M], dx[M * N], dw[N];
static char *workspace;
static int64_t two[2] = {M, N}, rows[1] = {M}, columns[1] = {N};

static DLTensor tensor(void *p, int rank, int64_t *shape)
{
    DLTensor t;
    memset(&t, 0, sizeof t);
    t.data = p;
    t.device.device_type = kDLCPU;
    t.ndim = rank;
    t.shape = shape;
    t.dtype.code = kDLFloat, t.dtype.bits = 32, t.dtype.lanes = 1;
    return t;
}

static void fill(void)
{
    for (int i = 0; i < M * N; i++) {
        x[i] = sinf((float)i);
        dy[i] = cosf((float)i * 0.7f);
    }
    for (int i = 0; i < N; i++)
        w[i] = 1 + 0.001f * (float)i;
}

static double worst(const float *a, const double *b, int n)
{
    double e = 0;
    for (int i = 0; i < n; i++)
        e = fmax(e, fabs(a[i] - b[i]) / (1 + fabs(b[i])));
    return e;
}

static void plain(double *want_y, double *want_dx, double *want_dw)
{
    memset(want_dw, 0, N * sizeof *want_dw);
    for (int m = 0; m < M; m++) {
        double ss = 0, c = 0;
        for (int n = 0; n < N; n++)
            ss += (double)x[m * N + n] * x[m * N + n];
        double r = 1 / sqrt(ss / N + 1e-5);
        for (int n = 0; n < N; n++)
            c += (double)dy[m * N + n] * w[n] * x[m * N + n] * r / N;
        for (int n = 0; n < N; n++) {
            double h = x[m * N + n] * r;
            want_y[m * N + n] = h * w[n];
            want_dx[m * N + n] = r * ((double)dy[m * N + n] * w[n] - h * c);
            want_dw[n] += dy[m * N + n] * h;
        }
    }
}

static void forward_and_backward(void **state)
{
    (void)state;
    static double want_y[M * N], want_dx[M * N], want_dw[N];
    lgr_context *ctx;
    lgr_rms_norm_forward_args f;
    lgr_rms_norm_backward_args b;
    size_t bytes;
    DLTensor tx = tensor(x, 2, two), tdy = tensor(dy, 2, two), tw = tensor(w, 1, columns), ty = tensor(y, 2, two), tr = tensor(rstd, 1, rows),
             tdx = tensor(dx, 2, two), tdw = tensor(dw, 1, columns);
    fill();
    assert_int_equal(lgr_context_create(NULL, &ctx), LGR_OK);
    assert_int_equal(lgr_pack_open(ctx, pack_path), LGR_OK);
    assert_int_equal(lgr_rms_norm_forward_init(ctx, &f), LGR_OK);
    assert_int_equal(lgr_rms_norm_backward_init(ctx, &b), LGR_OK);
    f.eps = 1e-5;
    f.casting = LGR_RMS_NORM_CASTING_GEMMA;
    b.casting = f.casting;
    assert_int_equal(lgr_rms_norm_forward_prepare(ctx, &f, &tx, &tw, &ty, &tr), LGR_OK);
    assert_int_equal(lgr_rms_norm_forward(ctx, &f, &tx, &tw, &ty, &tr, NULL, NULL, 0), LGR_OK);
    assert_int_equal(lgr_rms_norm_backward_workspace(ctx, &b, &tdy, &tx, &tw, &tr, &tdx, &tdw, &bytes), LGR_OK);
    workspace = aligned_alloc(256, bytes + 256);
    assert_int_equal(lgr_rms_norm_backward(ctx, &b, &tdy, &tx, &tw, &tr, &tdx, &tdw, NULL, workspace, bytes), LGR_OK);
    plain(want_y, want_dx, want_dw);
    assert_true(worst(y, want_y, M * N) < 2e-6 && worst(dx, want_dx, M * N) < 4e-6 && worst(dw, want_dw, N) < 4e-6);
    assert_int_equal(lgr_rms_norm_forward(ctx, &f, &tx, NULL, &ty, &tr, NULL, NULL, 0), LGR_ERROR_NULL);
    f.affine = LGR_RMS_NORM_AFFINE_FALSE;
    assert_int_equal(lgr_rms_norm_forward(ctx, &f, &tx, NULL, &ty, &tr, NULL, NULL, 0), LGR_OK);
    lgr_context_destroy(ctx);
    free(workspace);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(forward_and_backward)};
    pack_path = argc > 1 ? argv[1] : "rms_norm.lgk";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
