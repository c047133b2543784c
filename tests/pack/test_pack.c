/* What the compiler packs, the runtime reads: same bytes every time, and kernels that tell what their spec says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "liger.h"
#include "make_pack.h"
#include "pack.h"

static const char *const fix[] = {"T=bf16", "W=f32", "casting=gemma"};

static void same_bytes(void **state)
{
    (void)state;
    Buf a = {0}, b = {0};
    assert_true(make_pack(LGR_SOURCE_DIR "/specs/rms_norm.tile", "host", fix, 3, 1, &a));
    assert_true(make_pack(LGR_SOURCE_DIR "/specs/rms_norm.tile", "host", fix, 3, 2, &b));
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.p, b.p, a.n);
    buf_free(&a);
    buf_free(&b);
}

static void read_back(void **state)
{
    (void)state;
    Buf a = {0};
    lgr_context *ctx;
    const lgr_kernel *k;
    char text[32];
    double def;
    assert_true(make_pack(LGR_SOURCE_DIR "/specs/rms_norm.tile", "sm_90a", fix, 3, 1, &a));
    assert_int_equal(lgr_context_create(NULL, &ctx), LGR_OK);
    assert_int_equal(lgr_pack_open_memory(ctx, a.p, a.n), LGR_OK);
    assert_int_equal(lgr_kernel_count(ctx), 2);
    assert_int_equal(lgr_kernel_find(ctx, "rms_norm", "backward", &k), LGR_OK);
    assert_int_equal(lgr_kernel_tensors(k), 6);
    assert_string_equal(lgr_kernel_tensor(k, 2).name, "w");
    assert_string_equal(lgr_kernel_tensor(k, 2).type, "W");
    assert_int_equal(lgr_kernel_tensor(k, 4).over, 0);
    lgr_kernel_extent(k, 1, 1, text, sizeof text);
    assert_string_equal(text, "N");
    assert_int_equal(lgr_kernel_find(ctx, "rms_norm", "forward", &k), LGR_OK);
    assert_string_equal(lgr_kernel_scalar(k, 0, &def), "eps");
    assert_true((float)def == 1e-6f);
    lgr_context_destroy(ctx);
    buf_free(&a);
}

/* What all variants share is not written for each. */
static void written_once(void **state)
{
    (void)state;
    Buf a = {0};
    assert_true(make_pack(LGR_SOURCE_DIR "/specs/rms_norm.tile", "sm_90a", fix, 3, 1, &a));
    const LgkHeader *h = (const LgkHeader *)a.p;
    assert_true(h->table[LGK_T_VARIANTS].count > 50);
    assert_true(h->table[LGK_T_EXTENTS].count < 20);
    assert_true(h->table[LGK_T_WORDS].count < 10 * h->table[LGK_T_VARIANTS].count);
    buf_free(&a);
}

static void header_text(void **state)
{
    (void)state;
    Buf a = {0}, h = {0};
    assert_true(make_pack(LGR_SOURCE_DIR "/specs/rms_norm.tile", "host", fix, 3, 1, &a));
    assert_true(pack_header(a.p, "rms_norm", &h));
    buf_put(&h, "", 1);
    assert_non_null(strstr(h.p, "LGR_RMS_NORM_CASTING_GEMMA = 1,"));
    assert_non_null(strstr(h.p, " *   out   dx       T[M, N]; may lie over dy\n"));
    assert_non_null(strstr(h.p, " *   in    w        W[N]; NULL where the options leave it out\n"));
    assert_non_null(strstr(h.p, "static inline lgr_status lgr_rms_norm_backward_workspace(lgr_context *lgr_ctx, const lgr_rms_norm_backward_args *lgr_a, "
                                "const DLTensor *dy, const DLTensor *x, const DLTensor *w, const DLTensor *rstd, const DLTensor *dx, const DLTensor *dw, size_t *lgr_bytes)"));
    h.n = 0;
    assert_false(pack_header(a.p, "rms_norms", &h));
    buf_free(&h);
    buf_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_bytes), cmocka_unit_test(read_back), cmocka_unit_test(written_once), cmocka_unit_test(header_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
