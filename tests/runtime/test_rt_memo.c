/* Repeated calls: the same launches as a context makes that never saw them, without a look at the variants; more shapes than are remembered. */
#include "toy_pack.h"

static char memory[8 << 20] __attribute__((aligned(256)));
static char workspace[65536] __attribute__((aligned(256)));

typedef struct Seen { lgr_status status; int launches, sets; char argument[48]; uint32_t grid[8], nattrs[8]; uint64_t words[8][16]; } Seen;

static lgr_context *begin(Toy t, const lgr_kernel **k)
{
    lgr_config config = LGR_CONFIG_INIT;
    config.driver = fake_driver();
    config.cache_dir = "";
    return toy_context(&config, t, k);
}

static void make_call(ToyCall *c, const lgr_kernel *k, int64_t m, int64_t n)
{
    toy_call(c, k, kDLCUDA, memory, m, n);
    c->call.workspace = workspace;
    c->call.workspace_size = sizeof workspace;
}

static Seen seen(lgr_context *ctx, const lgr_call *call)
{
    Seen s = {0};
    int sets = fake.sets;
    fake.launches = 0;
    memset(fake.words, 0, sizeof fake.words);
    s.status = lgr_launch(ctx, call);
    s.launches = fake.launches;
    s.sets = fake.sets - sets;
    if (s.status != LGR_OK)
        strcpy(s.argument, lgr_last_error()->argument);
    memcpy(s.grid, fake.grid, sizeof s.grid[0] * (size_t)s.launches);
    memcpy(s.nattrs, fake.nattrs, sizeof s.nattrs[0] * (size_t)s.launches);
    memcpy(s.words, fake.words, sizeof s.words);
    return s;
}

static uint32_t rnd(uint32_t n)
{
    static uint64_t state = 7;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % n;
}

static void stride(ToyCall *c, int i, int64_t outer, int64_t inner)
{
    c->stride[i][0] = c->t[i].ndim == 1 ? inner : outer;
    c->stride[i][1] = inner;
    c->t[i].strides = c->stride[i];
}

/* One thing in ten unlike the plain call, of what binding and choice look at. */
static void draw(ToyCall *c, const lgr_kernel *k, lgr_scalar *scalars)
{
    static const int64_t rows[] = {0, 1, 33, 34, 700}, lengths[] = {0, 8, 63, 64, 72};
    int64_t m = rows[rnd(5)], n = lengths[rnd(5)];
    int i = (int)rnd(TOY_TENSORS);
    make_call(c, k, m, n);
    scalars[0].f = 0.25;
    scalars[1].i = rnd(8);
    c->call.scalars = rnd(2) ? scalars : NULL;
    c->call.nscalars = 2;
    c->call.options = rnd(2) ? &c->option : NULL;
    switch (rnd(16)) {
    case 0: c->t[i].data = memory + (size_t)i * 1048576 + 4 * rnd(4); break;
    case 1: c->t[i].byte_offset = 4 * rnd(80); break;
    case 2: stride(c, i, n, 1); break;
    case 3: stride(c, i, n + 8 * rnd(3), 1); break;
    case 4: stride(c, i, 2 * n, 2); break;
    case 5: c->t[TOY_Y].data = c->t[TOY_X].data; break;
    case 6: c->t[TOY_Y].data = (char *)c->t[TOY_X].data + 4 * rnd(64); break;
    case 7: stride(c, TOY_X, 2 * n, 1), stride(c, TOY_Y, 2 * n, 1), c->t[TOY_Y].data = (char *)c->t[TOY_X].data + 4 * n + 4 * rnd(2); break;
    case 8: c->t[TOY_S].data = c->t[i].data; break;
    case 9: c->t[i].data = NULL; break;
    case 10: c->shape[i][0] += rnd(2); break;
    case 11: c->list[i] = NULL; break;
    case 12: c->option = (int32_t)rnd(4); break;
    case 13: scalars[rnd(2)].f = rnd(2) ? -1 : 0.5; break;
    case 14: c->call.workspace_size = rnd(2) ? 0 : 1536; break;
    default: c->call.workspace = workspace + (rnd(2) ? 256 : 8); break;
    }
}

static void as_if_new(void **state)
{
    (void)state;
    Toy t = toy_pack();
    const lgr_kernel *warm, *cold;
    lgr_context *ctx = begin(t, &warm);
    int launched = 0;
    for (int i = 0; i < 20000; i++) {
        ToyCall c;
        lgr_scalar scalars[2];
        draw(&c, warm, scalars);
        Seen a = seen(ctx, &c.call);
        lgr_context *fresh = toy_context(&(lgr_config){.size = sizeof(lgr_config), .driver = fake_driver(), .cache_dir = ""}, t, &cold);
        c.call.kernel = cold;
        Seen b = seen(fresh, &c.call);
        lgr_context_destroy(fresh);
        assert_memory_equal(&a, &b, sizeof a);
        launched += a.launches > 0;
    }
    assert_true(launched > 5000);
    lgr_context_destroy(ctx);
    free(t.bytes);
}

/* Once a call was prepared or launched its variants' conditions are not read again: here they come to hold for nothing. */
static void not_chosen_again(void **state)
{
    (void)state;
    Toy t = toy_pack();
    const lgr_kernel *k;
    lgr_context *ctx = begin(t, &k);
    LgkHeader *h = t.bytes;
    LgkCond *conds = (LgkCond *)((char *)t.bytes + h->table[LGK_T_CONDS].offset);
    LgkVariant *v = (LgkVariant *)((char *)t.bytes + h->table[LGK_T_VARIANTS].offset);
    ToyCall one, two, three;
    size_t bytes;
    make_call(&one, k, 33, 64);
    make_call(&two, k, 34, 64);
    make_call(&three, k, 35, 64);
    assert_int_equal(lgr_prepare(ctx, &one.call), LGR_OK);
    assert_int_equal(lgr_launch(ctx, &two.call), LGR_OK);
    for (uint32_t i = 0; i < h->table[LGK_T_CONDS].count; i++)
        conds[i] = (LgkCond){LGK_C_ROWLEN_EQ, 0, 0, 0, 1};
    for (uint32_t i = 0; i < h->table[LGK_T_VARIANTS].count; i++)
        v[i].conds = (LgkRange){0, 1};
    for (int i = 0; i < 8; i++) {
        one.t[TOY_X].data = memory + (size_t)(6 << 20) + 256 * i;
        assert_int_equal(lgr_launch(ctx, &one.call), LGR_OK);
        assert_int_equal(fake.words[(fake.launches - 2) % 8][1], (uintptr_t)one.t[TOY_X].data);
        assert_int_equal(lgr_launch(ctx, &two.call), LGR_OK);
        assert_int_equal(lgr_workspace_size(ctx, &two.call, &bytes), LGR_OK);
        assert_int_equal(bytes, 6 * 64 * 4);
    }
    assert_int_equal(lgr_launch(ctx, &three.call), LGR_ERROR_NO_VARIANT);
    one.t[TOY_X].data = memory + 4;
    assert_int_equal(lgr_launch(ctx, &one.call), LGR_ERROR_NO_VARIANT);
    lgr_context_destroy(ctx);
    free(t.bytes);
}

/* A call that the compiler, a tuner say, makes with a variant of its own choice is neither remembered nor recalled. */
static void forced(void **state)
{
    (void)state;
    Toy t = toy_pack();
    const lgr_kernel *k;
    lgr_context *ctx = begin(t, &k);
    ToyCall c;
    make_call(&c, k, 33, 64);
    for (int i = 0; i < 3; i++) {
        c.call.variant = 2;
        fake.launches = 0;
        assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
        assert_int_equal(fake.launches, 1);
        c.call.variant = 0;
        fake.launches = 0;
        assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
        assert_int_equal(fake.launches, 2);
    }
    lgr_context_destroy(ctx);
    free(t.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_if_new), cmocka_unit_test(not_chosen_again), cmocka_unit_test(forced)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
