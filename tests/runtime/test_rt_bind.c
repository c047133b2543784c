/* Tensors that do not fit: the exact status, argument and text; tensors that do: the words of the launch. */
#include "toy_pack.h"

#include <math.h>

static char memory[8 << 20] __attribute__((aligned(256)));
static Toy toy;
static lgr_context *ctx;
static const lgr_kernel *kernel;

static int open_toy(void **state)
{
    lgr_config config = LGR_CONFIG_INIT;
    (void)state;
    config.driver = fake_driver();
    config.cache_dir = "";
    toy = toy_pack();
    ctx = toy_context(&config, toy, &kernel);
    return 0;
}

static int close_toy(void **state)
{
    (void)state;
    lgr_context_destroy(ctx);
    free(toy.bytes);
    return 0;
}

static void refused(const ToyCall *c, lgr_status want, const char *argument, const char *text)
{
    char line[512];
    memset(memory + TOY_S * 1048576, 0x55, 64);
    lgr_status s = lgr_launch(ctx, &c->call);
    lgr_last_error_text(line, sizeof line);
    if (s != want)
        fail_msg("%s, wanted %s: %s", lgr_status_name(s), lgr_status_name(want), line);
    assert_string_equal(lgr_last_error()->argument, argument);
    if (!strstr(line, text))
        fail_msg("\"%s\" lacks \"%s\"", line, text);
    assert_int_equal(memory[TOY_S * 1048576], 0x55);       /* nothing ran */
    size_t bytes;
    if (want != LGR_ERROR_WORKSPACE)
        assert_int_equal(lgr_workspace_size(ctx, &c->call, &bytes), want);
}

static ToyCall good(void)
{
    static ToyCall keep[64];
    static int n;
    ToyCall *c = &keep[n++ % 64];
    toy_call(c, kernel, kDLCPU, memory, 5, 8);
    return *c;
}

/* A copy's tensors must point at its own shapes. */
static void rebase(ToyCall *c)
{
    for (int i = 0; i < TOY_TENSORS; i++) {
        c->t[i].shape = c->shape[i];
        c->t[i].strides = c->t[i].strides ? c->stride[i] : NULL;
        c->list[i] = c->list[i] ? &c->t[i] : NULL;
    }
    c->call.tensors = c->list;
    c->call.options = &c->option;
}

#define CALL(c) ToyCall c = good(); rebase(&c)

static void with_strides(ToyCall *c, int i, int ndim, const int64_t *shape, const int64_t *stride)
{
    memcpy(c->shape[i], shape, sizeof(int64_t) * (size_t)ndim);
    memcpy(c->stride[i], stride, sizeof(int64_t) * (size_t)ndim);
    c->t[i].ndim = ndim;
    c->t[i].strides = c->stride[i];
}

static void shapes(void **state)
{
    (void)state;
    { CALL(c); assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK); }
    { CALL(c); c.shape[TOY_W][0] = 5; refused(&c, LGR_ERROR_SHAPE, "w", "toy.scale: w: shape[0] is 5, wanted N = 8 (N from x.shape[1])"); }
    { CALL(c); c.shape[TOY_Y][0] = 4; refused(&c, LGR_ERROR_SHAPE, "y", "shape[0] is 4, wanted M = 5 (M from x.shape[0])"); }
    { CALL(c); c.shape[TOY_S][0] = -1; refused(&c, LGR_ERROR_SHAPE, "s", "a negative extent"); }
    { CALL(c); c.t[TOY_X].ndim = 1; refused(&c, LGR_ERROR_RANK, "x", "1 dimension, wanted 2 or more"); }
    { CALL(c); c.t[TOY_X].ndim = 40; refused(&c, LGR_ERROR_RANK, "x", "a malformed tensor"); }
    { CALL(c); c.t[TOY_W].shape = NULL; refused(&c, LGR_ERROR_RANK, "w", "a malformed tensor"); }
    { CALL(c); c.shape[TOY_X][0] = c.shape[TOY_X][1] = INT64_MAX / 2; refused(&c, LGR_ERROR_LIMIT, "x", "64 bits"); }
    { CALL(c); const int64_t shape[2] = {5, 8}, far[2] = {INT64_MAX / 2, 1}; with_strides(&c, TOY_X, 2, shape, far); refused(&c, LGR_ERROR_LIMIT, "x", "64 bits"); }
    { CALL(c); c.option = 2; c.list[TOY_W] = NULL; c.list[TOY_H] = &c.t[TOY_H]; assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
      c.shape[TOY_H][1] = 3; refused(&c, LGR_ERROR_SHAPE, "h", "shape[1] is 3, wanted N/2 = 4 (N from x.shape[1])"); }
    { CALL(c); c.option = 2; c.list[TOY_W] = NULL; c.list[TOY_H] = &c.t[TOY_H]; c.shape[TOY_X][1] = c.shape[TOY_Y][1] = c.shape[TOY_ACC][0] = 7;
      refused(&c, LGR_ERROR_SHAPE, "h", "N/2, which is no whole number"); }
}

static void types_and_options(void **state)
{
    (void)state;
    { CALL(c); c.t[TOY_Y].dtype.bits = 16; refused(&c, LGR_ERROR_DTYPE, "y", "f16, wanted f32"); }
    { CALL(c); c.t[TOY_S].dtype.code = kDLInt; refused(&c, LGR_ERROR_DTYPE, "s", "i32, wanted f32"); }
    { CALL(c); c.t[TOY_X].dtype.lanes = 4; refused(&c, LGR_ERROR_DTYPE, "x", "an unknown type"); }
    { CALL(c); c.t[TOY_X].dtype = c.t[TOY_Y].dtype = (DLDataType){kDLBfloat, 16, 1}; refused(&c, LGR_ERROR_NO_INSTANCE, "", "T=bf16 opt=with"); }
    { CALL(c); c.option = 3; refused(&c, LGR_ERROR_OPTION, "opt", "3, wanted 0 to 2"); }
    { CALL(c); c.option = -1; refused(&c, LGR_ERROR_OPTION, "opt", "-1, wanted 0 to 2"); }
    { CALL(c); c.option = 1; refused(&c, LGR_ERROR_NULL, "w", "a tensor, wanted NULL under these options"); }
    { CALL(c); c.list[TOY_W] = NULL; refused(&c, LGR_ERROR_NULL, "w", "NULL, wanted a tensor"); }
    { CALL(c); c.list[TOY_X] = NULL; refused(&c, LGR_ERROR_NULL, "x", "NULL, wanted a tensor"); }
    { CALL(c); c.t[TOY_X].data = NULL; refused(&c, LGR_ERROR_NULL, "x", "a null data pointer"); }
    { CALL(c); c.call.ntensors = 5; refused(&c, LGR_ERROR_ARGUMENT, "call", "6 tensors, 2 scalars, 1 options"); }
    { CALL(c); c.call.size = 8; refused(&c, LGR_ERROR_ARGUMENT, "call", "its size is not set"); }
    { CALL(c); c.t[TOY_W].device.device_type = kDLCUDA; refused(&c, LGR_ERROR_DEVICE, "w", "the device of the tensors before it"); }
    { CALL(c); c.t[TOY_X].device.device_type = (DLDeviceType)10; refused(&c, LGR_ERROR_DEVICE, "x", "a CUDA device or the CPU"); }
}

static void overlap(void **state)
{
    (void)state;
    const int64_t shape[2] = {5, 8}, half[2] = {16, 1}, zero[2] = {0, 1}, over[2] = {7, 1}, back[2] = {-8, 1}, swapped[2] = {1, 5};
    { CALL(c); c.t[TOY_Y].data = c.t[TOY_X].data; assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK); }
    { CALL(c); c.t[TOY_Y].data = memory + 32; refused(&c, LGR_ERROR_ALIAS, "y", "no overlap with x, or the very same address and strides"); }
    { CALL(c); c.t[TOY_Y].data = c.t[TOY_X].data; with_strides(&c, TOY_Y, 2, shape, swapped); refused(&c, LGR_ERROR_ALIAS, "y", "no overlap with x"); }
    { CALL(c); c.t[TOY_S].data = memory + 16; refused(&c, LGR_ERROR_ALIAS, "s", "no overlap with x"); }
    { CALL(c); c.t[TOY_ACC].data = c.t[TOY_W].data; refused(&c, LGR_ERROR_ALIAS, "acc", "no overlap with w"); }
    { CALL(c); with_strides(&c, TOY_X, 2, shape, half); with_strides(&c, TOY_Y, 2, shape, half); c.t[TOY_Y].data = memory; c.t[TOY_Y].byte_offset = 32;
      assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);                                     /* halves of one buffer */
      c.t[TOY_Y].byte_offset = 28; refused(&c, LGR_ERROR_ALIAS, "y", "no overlap with x");
      c.t[TOY_Y].byte_offset = 36; refused(&c, LGR_ERROR_ALIAS, "y", "no overlap with x"); }
    { CALL(c); with_strides(&c, TOY_X, 2, shape, zero); assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK); }    /* inputs may repeat */
    { CALL(c); with_strides(&c, TOY_Y, 2, shape, zero); refused(&c, LGR_ERROR_STRIDE, "y", "elements are apart"); }
    { CALL(c); with_strides(&c, TOY_Y, 2, shape, over); refused(&c, LGR_ERROR_STRIDE, "y", "elements are apart"); }
    { CALL(c); with_strides(&c, TOY_Y, 2, shape, back); c.t[TOY_Y].byte_offset = 4 * 32; assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK); }
    { CALL(c); with_strides(&c, TOY_Y, 2, shape, swapped); assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK); }
    { CALL(c); c.t[TOY_X].byte_offset = 2; refused(&c, LGR_ERROR_STRIDE, "x", "a misaligned address"); }
}

static void folding(void **state)
{
    (void)state;
    const int64_t shape[4] = {1, 2, 2, 8}, compact[4] = {999, 16, 8, 1}, padded[4] = {0, 24, 12, 1}, apart[4] = {0, 32, 8, 1}, spread[4] = {0, 8, 0, 1};
    CALL(c);
    with_strides(&c, TOY_X, 4, shape, compact);
    c.shape[TOY_Y][0] = c.shape[TOY_S][0] = 4;
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    with_strides(&c, TOY_X, 4, shape, padded);
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    with_strides(&c, TOY_X, 4, shape, apart);
    refused(&c, LGR_ERROR_STRIDE, "x", "strides that let them fold");
    with_strides(&c, TOY_X, 4, shape, spread);                 /* the inner of two leading ones repeats: no single stride */
    refused(&c, LGR_ERROR_STRIDE, "x", "strides that let them fold");
}

static void out_of_range(lgr_scalar eps, lgr_scalar n, const char *argument, const char *text)
{
    lgr_scalar scalars[2] = {eps, n};
    CALL(c);
    c.call.scalars = scalars, c.call.nscalars = 2;
    refused(&c, LGR_ERROR_RANGE, argument, text);
}

/* A scalar is held against its range as the kernel gets it. */
static void ranges(void **state)
{
    (void)state;
    const lgr_scalar half = {.f = 0.5}, one = {.i = 1};
    lgr_scalar within[][2] = {{{.f = 1}, {.i = -5}}, {{.f = 1e-45}, {.i = 99}}, {{.f = 1 + 1e-12}, {.i = 0}}};
    char text[32];
    out_of_range((lgr_scalar){.f = 0}, one, "eps", "eps: 0, wanted a value in (0, 1] [LGR_ERROR_RANGE]");
    out_of_range((lgr_scalar){.f = 1e-60}, one, "eps", "eps: 0, wanted a value in (0, 1]");
    out_of_range((lgr_scalar){.f = -1}, one, "eps", "eps: -1, wanted a value in (0, 1]");
    out_of_range((lgr_scalar){.f = 1.0000001}, one, "eps", "eps: 1.00000012, wanted a value in (0, 1]");
    out_of_range((lgr_scalar){.f = (double)NAN}, one, "eps", "eps: nan, wanted a value in (0, 1]");
    out_of_range((lgr_scalar){.f = -(double)NAN}, one, "eps", "eps: nan, wanted a value in (0, 1]");
    out_of_range((lgr_scalar){.f = (double)INFINITY}, one, "eps", "eps: inf, wanted a value in (0, 1]");
    out_of_range(half, (lgr_scalar){.i = 100}, "n", "n: 100, wanted a value in [-5, 100)");
    out_of_range(half, (lgr_scalar){.i = -6}, "n", "n: -6, wanted a value in [-5, 100)");
    out_of_range(half, (lgr_scalar){.i = INT64_MIN}, "n", "n: -9223372036854775808, wanted a value in [-5, 100)");
    for (size_t i = 0; i < sizeof within / sizeof *within; i++) {
        CALL(c);
        c.call.scalars = within[i], c.call.nscalars = 2;
        assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    }
    lgr_kernel_scalar_range(kernel, 0, text, sizeof text);
    assert_string_equal(text, "(0, 1]");
    lgr_kernel_scalar_range(kernel, 1, text, sizeof text);
    assert_string_equal(text, "[-5, 100)");
}

/* The words of a launch on the fake driver: pointers with offsets, strides, scalars, dims. */
static void words(void **state)
{
    (void)state;
    const int64_t shape[2] = {5, 8}, strides[2] = {12, 1};
    lgr_scalar scalars[2] = {{.f = 0.25}, {.i = -3}};
    float eps;
    CALL(c);
    for (int i = 0; i < TOY_TENSORS; i++)
        c.t[i].device.device_type = kDLCUDA;
    with_strides(&c, TOY_X, 2, shape, strides);
    c.t[TOY_X].byte_offset = 4;                                /* not aligned to 16: the general variant */
    fake.launches = 0;
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    assert_int_equal(fake.launches, 1);
    const uint64_t *w = fake.words[0];
    memcpy(&eps, &w[3], 4);
    assert_true(w[0] == (uintptr_t)c.t[TOY_S].data && w[1] == (uintptr_t)memory + 4 && w[2] == 12 && eps == 0.5f && w[3] >> 32 == 0);
    assert_true(w[4] == 7 && w[5] == 8 && w[6] == 0 && w[7] == 5 && w[8] == 8);
    c.call.scalars = scalars, c.call.nscalars = 2;
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    memcpy(&eps, &fake.words[1][3], 4);
    assert_true(eps == 0.25f && (int64_t)fake.words[1][4] == -3);
}

static void empty(void **state)
{
    (void)state;
    float *acc = (float *)(memory + TOY_ACC * 1048576);
    int64_t shape[1] = {8}, stride[1] = {-2};
    CALL(c);
    c.shape[TOY_X][0] = c.shape[TOY_Y][0] = c.shape[TOY_S][0] = 0;
    c.t[TOY_X].data = c.t[TOY_Y].data = c.t[TOY_S].data = NULL;
    for (int i = 0; i < 16; i++)
        acc[i] = 3;
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    for (int i = 0; i < 8; i++)
        assert_true(acc[i] == 0 && acc[i + 8] == 3);
    for (int i = 0; i < 16; i++)
        acc[i] = 3;
    with_strides(&c, TOY_ACC, 1, shape, stride);
    c.t[TOY_ACC].byte_offset = 14 * 4;
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    for (int i = 0; i < 16; i++)
        assert_true(acc[i] == (i % 2 ? 3 : 0));
    c.shape[TOY_S][0] = 1;
    refused(&c, LGR_ERROR_SHAPE, "s", "shape[0] is 1, wanted M = 0");
}

/* What the kernel tells about itself. */
static void asked(void **state)
{
    (void)state;
    char text[32];
    double def;
    uint32_t n, d;
    assert_string_equal(lgr_kernel_op(kernel), "toy");
    assert_int_equal(lgr_kernel_tensors(kernel), TOY_TENSORS);
    assert_string_equal(lgr_kernel_tensor(kernel, TOY_Y).type, "T");
    assert_int_equal(lgr_kernel_tensor(kernel, TOY_Y).over, TOY_X);
    assert_string_equal(lgr_kernel_scalar(kernel, 0, &def), "eps");
    assert_true(def == 0.5);
    assert_string_equal(lgr_kernel_option(kernel, 0, &n, &d), "opt");
    assert_true(n == 3 && d == 0);
    assert_string_equal(lgr_kernel_option_choice(kernel, 0, 2), "half");
    lgr_kernel_extent(kernel, TOY_H, 1, text, sizeof text);
    assert_string_equal(text, "N/2");
    const lgr_kernel *none;
    assert_int_equal(lgr_kernel_find(ctx, "toy", "scales", &none), LGR_ERROR_NO_KERNEL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(shapes), cmocka_unit_test(types_and_options), cmocka_unit_test(overlap), cmocka_unit_test(folding), cmocka_unit_test(ranges),
                                       cmocka_unit_test(words), cmocka_unit_test(empty), cmocka_unit_test(asked)};
    return cmocka_run_group_tests(tests, open_toy, close_toy);
}
