/* The CUDA device on a fake driver: what is launched, what is loaded, every driver call failing in turn, capture, contexts. */
#include "toy_pack.h"


static char memory[8 << 20] __attribute__((aligned(256)));
static char workspace[65536] __attribute__((aligned(256)));

static lgr_context *begin(Toy t, ToyCall *c, const lgr_kernel **k)
{
    lgr_config config = LGR_CONFIG_INIT;
    config.driver = fake_driver();
    config.cache_dir = "";
    lgr_context *ctx = toy_context(&config, t, k);
    toy_call(c, *k, kDLCUDA, memory, 33, 64);
    c->call.workspace = workspace;
    c->call.workspace_size = sizeof workspace;
    c->call.stream = (void *)0x77;
    return ctx;
}

static void launches(void **state)
{
    (void)state;
    ToyCall c;
    const lgr_kernel *k;
    size_t bytes;
    Toy t = toy_pack();
    lgr_context *ctx = begin(t, &c, &k);
    assert_int_equal(lgr_workspace_size(ctx, &c.call, &bytes), LGR_OK);
    assert_int_equal(bytes, 6 * 64 * 4);                         /* 17 pairs, 4 processors * 2, a multiple of 3 blocks */
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    assert_int_equal(fake.launches, 2);
    assert_true(fake.grid[0] == 6 && fake.block[0] == 128 && fake.shared[0] == 60000 && fake.nattrs[0] == 1 && fake.attr[0][0] == LGR_CU_ATTR_PDL);
    assert_true(fake.grid[1] == 2 && fake.nattrs[1] == 0 && fake.shared_limit == 60000 && fake.carveout == 100 && fake.stream[1] == (void *)0x77);
    assert_int_equal(fake.words[0][6], (uintptr_t)workspace);
    assert_int_equal(fake.loads, 1);
    int calls = fake.calls;
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    assert_true(fake.loads == 1 && fake.launches == 4);
    assert_true(fake.calls - calls <= 4);                        /* current context, push, two launches */
    assert_true(fake.depth == 0 && fake.current == NULL);        /* the thread's context is as it was */
    lgr_choice choice = {.size = sizeof choice};
    assert_int_equal(lgr_explain(ctx, &c.call, &choice), LGR_OK);
    assert_string_equal(choice.schedule, "persistent");
    assert_true(choice.blocks[0] == 6 && choice.variants == 2 && choice.workspace == bytes);
    c.call.workspace_size = bytes - 1;
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_ERROR_WORKSPACE);
    lgr_context_destroy(ctx);
    assert_true(fake.modules == 0 && fake.retained == 0);
    free(t.bytes);
}

/* Two calls of new shapes, beside a memory of khz: the workspace of so many blocks; the clock is asked for once. */
static void feeds(int khz, size_t blocks)
{
    ToyCall c;
    const lgr_kernel *k;
    size_t bytes;
    Toy t = toy_pack();
    lgr_context *ctx = begin(t, &c, &k);
    fake.memory_khz = khz, fake.memory_bits = 1000;
    for (int rows = 33; rows < 35; rows++) {
        toy_call(&c, k, kDLCUDA, memory, rows, 64);
        assert_int_equal(lgr_workspace_size(ctx, &c.call, &bytes), LGR_OK);
        assert_int_equal(bytes, blocks * 64 * 4);
    }
    assert_int_equal(fake.clocks, 1);
    lgr_context_destroy(ctx);
    free(t.bytes);
}

/* A memory of 500 GB/s feeds five blocks of 100 each: three, a multiple of 3. Of one whose clock the driver does not tell, all that run at once. */
static void fed(void **state)
{
    (void)state;
    feeds(2000000, 3);
    feeds(0, 6);
}

/* A context of the caller's that is current is used as it is; another device's is put aside for the call. */
static void contexts(void **state)
{
    (void)state;
    ToyCall c;
    const lgr_kernel *k;
    Toy t = toy_pack();
    lgr_context *ctx = begin(t, &c, &k);
    fake.current = (void *)0x1000;
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    assert_true(fake.retained == 0 && fake.depth == 0 && fake.current == (void *)0x1000);
    int calls = fake.calls;
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    assert_int_equal(fake.calls - calls, 3);                     /* current context, two launches */
    for (int i = 0; i < TOY_TENSORS; i++)
        c.t[i].device.device_id = 1;
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    assert_true(fake.retained == 1 && fake.depth == 0 && fake.current == (void *)0x1000 && fake.loads == 2);
    for (int i = 0; i < TOY_TENSORS; i++)
        c.t[i].device.device_id = 2;
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_ERROR_DEVICE);
    lgr_context_destroy(ctx);
    assert_int_equal(fake.modules, 0);
    free(t.bytes);
}

static void *table(Toy t, int i)
{
    LgkHeader *h = t.bytes;
    return (char *)t.bytes + h->table[i].offset;
}

/* The first instance has a second nest, on sm_90a, of these variants. */
static void add_nest(Toy t, LgkRange variants)
{
    LgkInstance *n = table(t, LGK_T_INSTANCES);
    LgkSet *s = table(t, LGK_T_SETS);
    n->nests = 2;
    s[2] = s[1];
    s[2].nest = 1;
    s[2].variants = variants;
}

/* A second nest that needs nothing of the first starts beside it, unless partial sums of the two would share their place; one that
 * writes nothing before it has waited does so anyway. */
static void beside(void **state)
{
    (void)state;
    ToyCall c;
    const lgr_kernel *k;
    Toy t = toy_pack();
    LgkSet *s = table(t, LGK_T_SETS);
    LgkVariant *v = table(t, LGK_T_VARIANTS);
    LgkLaunch *l = table(t, LGK_T_LAUNCHES);
    add_nest(t, (LgkRange){s[1].variants.first + 1, 1});
    l[v[s[2].variants.first].launches.first].pdl = LGK_PDL_BESIDE;
    toy_seal(t);
    lgr_context *ctx = begin(t, &c, &k);
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    assert_int_equal(fake.launches, 3);
    assert_true(fake.nattrs[0] == 1 && fake.nattrs[2] == 0);     /* behind one with partial sums */
    c.t[TOY_X].data = memory + 4;
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    assert_int_equal(fake.launches, 5);
    assert_true(fake.nattrs[3] == 0);                            /* the first of the call */
    assert_true(fake.nattrs[4] == 1 && fake.attr[4][0] == LGR_CU_ATTR_PDL);
    lgr_context_destroy(ctx);
    l[v[s[2].variants.first].launches.first].pdl = LGK_PDL_LATE;
    l[v[s[1].variants.first].launches.first + 1].pdl = LGK_PDL_LATE;
    toy_seal(t);
    c.t[TOY_X].data = memory;
    ctx = begin(t, &c, &k);
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    assert_true(fake.nattrs[1] == 1 && fake.nattrs[2] == 1);     /* behind its own nest's first launch, and behind another nest */
    lgr_context_destroy(ctx);
    free(t.bytes);
}

/* A variant that does the nest before its own as well: that is not launched. */
static void before(void **state)
{
    (void)state;
    ToyCall c;
    const lgr_kernel *k;
    Toy t = toy_pack();
    LgkSet *s = table(t, LGK_T_SETS);
    LgkVariant *v = table(t, LGK_T_VARIANTS);
    add_nest(t, (LgkRange){s[1].variants.first + 1, 1});
    s[1].variants.count = 1;                                      /* not the first nest's as well */
    for (uint32_t does = 0; does < 2; does++) {
        v[s[2].variants.first].before = does;
        toy_seal(t);
        lgr_context *ctx = begin(t, &c, &k);
        assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
        assert_int_equal(fake.launches, does ? 1 : 3);
        assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);      /* as remembered */
        assert_int_equal(fake.launches, does ? 2 : 6);
        lgr_context_destroy(ctx);
    }
    free(t.bytes);
}

/* Clusters of more than 8 blocks are asked for. */
static void wide(void **state)
{
    (void)state;
    for (uint32_t cluster = 8; cluster <= 16; cluster += 8) {
        ToyCall c;
        const lgr_kernel *k;
        Toy t = toy_pack();
        LgkSet *s = table(t, LGK_T_SETS);
        LgkVariant *v = table(t, LGK_T_VARIANTS);
        ((LgkLaunch *)table(t, LGK_T_LAUNCHES))[v[s[1].variants.first + 1].launches.first].cluster = cluster;
        toy_seal(t);
        lgr_context *ctx = begin(t, &c, &k);
        c.t[TOY_X].data = memory + 4;
        assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
        assert_true(fake.wide == (cluster > 8) && fake.grid[0] % cluster == 0);
        lgr_context_destroy(ctx);
        free(t.bytes);
    }
}

/* Blocks that take some groups each are so many that a block's begin alike; or a group each. */
static void alike(void **state)
{
    (void)state;
    static const int32_t multiple[] = {1, 4, 64};
    uint32_t found[3];
    lgr_choice choice = {.size = sizeof choice};
    for (int i = 0; i < 3; i++) {
        ToyCall c;
        const lgr_kernel *k;
        Toy t = toy_pack();
        LgkSet *s = table(t, LGK_T_SETS);
        LgkVariant *v = table(t, LGK_T_VARIANTS);
        ((LgkLaunch *)table(t, LGK_T_LAUNCHES))[v[s[1].variants.first + 1].launches.first].multiple = multiple[i];
        toy_seal(t);
        lgr_context *ctx = begin(t, &c, &k);
        c.t[TOY_X].data = memory + 4;
        assert_int_equal(lgr_explain(ctx, &c.call, &choice), LGR_OK);
        found[i] = choice.blocks[0];
        lgr_context_destroy(ctx);
        free(t.bytes);
    }
    uint32_t groups = (uint32_t)(choice.instances + 3) / 4;
    assert_true(found[0] == groups && found[1] == (groups + 3) / 4 * 4 && found[2] == choice.instances);
}

/* Blocks of few turns each are more than run at once, a multiple too; a number below none is refused. */
static void turns(void **state)
{
    (void)state;
    static const struct { int32_t turns; uint32_t blocks; } is[] = {{0, 6}, {64, 6}, {3, 6}, {2, 9}, {1, 18}};
    for (size_t i = 0; i < sizeof is / sizeof *is; i++) {
        ToyCall c;
        const lgr_kernel *k;
        lgr_choice choice = {.size = sizeof choice};
        Toy t = toy_pack();
        LgkSet *s = table(t, LGK_T_SETS);
        LgkVariant *v = table(t, LGK_T_VARIANTS);
        LgkLaunch *l = (LgkLaunch *)table(t, LGK_T_LAUNCHES) + v[s[1].variants.first].launches.first;
        l->per3 = is[i].turns;
        toy_seal(t);
        lgr_context *ctx = begin(t, &c, &k);
        assert_int_equal(lgr_explain(ctx, &c.call, &choice), LGR_OK);
        assert_true(choice.instances == 33 && choice.blocks[0] == is[i].blocks);      /* 17 pairs */
        lgr_context_destroy(ctx);
        l->per3 = -1;
        toy_seal(t);
        assert_int_equal(lgr_context_create(NULL, &ctx), LGR_OK);
        assert_int_equal(lgr_pack_open_memory(ctx, t.bytes, t.size), LGR_ERROR_PACK);
        lgr_context_destroy(ctx);
        free(t.bytes);
    }
}

/* One launch works for two nests: its grid is the sum of theirs; a tuner that asks for a form of the second nest gets two. */
static void joined(void **state)
{
    (void)state;
    ToyCall c;
    const lgr_kernel *k;
    Toy t = toy_pack();
    LgkSet *s = table(t, LGK_T_SETS);
    LgkVariant *v = table(t, LGK_T_VARIANTS);
    add_nest(t, s[2].variants);                                  /* sm_80's */
    v[s[1].variants.first + 1].covers = 2;
    toy_seal(t);
    lgr_context *ctx = begin(t, &c, &k);
    lgr_choice choice = {.size = sizeof choice};
    c.t[TOY_X].data = memory + 4;
    assert_int_equal(lgr_explain(ctx, &c.call, &choice), LGR_OK);
    assert_string_equal(choice.schedule, "any");
    uint32_t both = choice.blocks[0];
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    assert_int_equal(fake.launches, 1);
    c.call.variant = c.call.nest = 1;
    assert_int_equal(lgr_explain(ctx, &c.call, &choice), LGR_ERROR_NO_VARIANT);      /* the first nest has no form of its own for this call */
    c.call.variant = c.call.nest = 0;
    c.t[TOY_X].data = memory;
    assert_int_equal(lgr_explain(ctx, &c.call, &choice), LGR_OK);
    assert_string_equal(choice.schedule, "persistent");
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    assert_int_equal(fake.launches, 4);
    assert_int_equal(both, 2 * (((uint32_t)choice.instances + 3) / 4));
    lgr_context_destroy(ctx);
    v[s[2].variants.first].covers = 2;                           /* a third nest, which there is not */
    toy_seal(t);
    assert_int_equal(lgr_context_create(NULL, &ctx), LGR_OK);
    assert_int_equal(lgr_pack_open_memory(ctx, t.bytes, t.size), LGR_ERROR_PACK);
    lgr_context_destroy(ctx);
    free(t.bytes);
}

/* Division by a product is exact where instances are counted. */
static void dividers(void **state)
{
    (void)state;
    static const uint64_t edge[] = {1, 2, 3, 5, 7, 8, 9, 40, 127, 128, 4095, 65537, 0x3fffffff, 0x40000000, 0x40000001, 0x7ffffffe, 0x7fffffff};
    uint64_t seed = 1;
    for (int i = 0; i < 1000000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint64_t n = seed >> 33, d = i % 2 ? edge[i / 2 % (sizeof edge / sizeof *edge)] : (seed >> 2 & 0x7fffffff) >> (i / 2 % 31);
        d = d ? d : 1;
        n = i % 3 ? n : n / d * d - (i % 6 && n >= d);           /* beside a multiple */
        uint64_t w = lgk_divider(d);
        assert_int_equal((2 * n * (w & 0xffffffff) >> 32) >> (w >> 32), n / d);
    }
}

static void capture(void **state)
{
    (void)state;
    ToyCall c;
    const lgr_kernel *k;
    Toy t = toy_pack();
    static const int kinds[] = {1, LGR_CU_CAPTURE_IMPLICIT};
    for (int i = 0; i < 2; i++) {
        lgr_context *ctx = begin(t, &c, &k);
        fake.capturing = kinds[i];
        assert_int_equal(lgr_launch(ctx, &c.call), LGR_ERROR_NOT_PREPARED);
        assert_true(fake.loads == 0 && fake.launches == 0 && fake.sets == 0 && fake.links == 0);
        fake.capturing = 0;
        assert_int_equal(lgr_prepare(ctx, &c.call), LGR_OK);
        assert_true(fake.loads == 1 && fake.launches == 0);
        fake.capturing = kinds[i];
        assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
        assert_true(fake.loads == 1 && fake.launches == 2);
        lgr_context_destroy(ctx);
    }
    free(t.bytes);
}

/* Every driver call fails once: a driver error that names the call, its code and the op, unless it only asked about the memory; then all is well, and nothing is left. */
static void each_call_fails(void **state)
{
    (void)state;
    ToyCall c;
    const lgr_kernel *k;
    Toy t = toy_pack();
    int hints = 0;
    for (int sm = 86; sm <= 90; sm += 4)
        for (int at = 1;; at++) {
            lgr_context *ctx = begin(t, &c, &k);
            fake.sm = sm, fake.fail_at = at, fake.fail_code = 700;
            lgr_status s = lgr_launch(ctx, &c.call);
            if (!fake.failed_call) {
                assert_int_equal(s, LGR_OK);
                assert_true(at > 15);
                lgr_context_destroy(ctx);
                break;
            }
            assert_int_equal(s, fake.hint ? LGR_OK : LGR_ERROR_DRIVER);
            const lgr_error *e = lgr_last_error();
            if (!fake.hint) {
                assert_string_equal(e->driver_call, fake.failed_call);
                assert_int_equal(e->driver_code, 700);
                assert_string_equal(e->op, "toy.scale");
                assert_string_equal(e->found, "CUDA_ERROR_ILLEGAL_ADDRESS");
            }
            hints += fake.hint;
            assert_true(fake.depth == 0);
            assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
            lgr_context_destroy(ctx);
            assert_true(fake.modules == 0 && fake.retained == 0 && fake.links == 0);
        }
    assert_int_equal(hints, 3);                                  /* of sm_90's launch alone: the device's name, under which the clock is kept, the clock, the width */
    free(t.bytes);
}

static void targets(void **state)
{
    (void)state;
    static const struct { int sm; lgr_status s; const char *target; } chips[] = {
        {90, LGR_OK, "sm_90a"}, {100, LGR_OK, "sm_80"}, {86, LGR_OK, "sm_80"}, {80, LGR_OK, "sm_80"}, {75, LGR_ERROR_NO_TARGET, ""}};
    ToyCall c;
    const lgr_kernel *k;
    Toy t = toy_pack();
    for (size_t i = 0; i < sizeof chips / sizeof *chips; i++) {
        lgr_context *ctx = begin(t, &c, &k);
        lgr_choice choice = {.size = sizeof choice};
        fake.sm = chips[i].sm;
        assert_int_equal(lgr_explain(ctx, &c.call, &choice), chips[i].s);
        if (chips[i].s == LGR_OK)
            assert_string_equal(choice.target, chips[i].target);
        assert_int_equal(lgr_launch(ctx, &c.call), chips[i].s);
        lgr_context_destroy(ctx);
    }
    free(t.bytes);
}

static void empty_sums(void **state)
{
    (void)state;
    ToyCall c;
    const lgr_kernel *k;
    Toy t = toy_pack();
    lgr_context *ctx = begin(t, &c, &k);
    toy_call(&c, k, kDLCUDA, memory, 0, 64);
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    assert_true(fake.sets == 1 && fake.set_at[0] == (uintptr_t)c.t[TOY_ACC].data && fake.set_bytes[0] == 256 && fake.launches == 0);
    c.stride[TOY_ACC][0] = 3;
    c.t[TOY_ACC].strides = c.stride[TOY_ACC];
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
    assert_true(fake.sets == 2 && fake.set_bytes[1] == 12 * 1000 + 4 * 64);
    lgr_context_destroy(ctx);
    free(t.bytes);
}

/* By cuGetProcAddress_v2 in the declared form, by exported symbol where that has none or is not there; what neither has is named. */
static void symbols(void **state)
{
    (void)state;
    const LgrCudaDriver *want = fake_driver();
    const int all = sizeof *want / sizeof(void *);
    LgrCudaDriver got = {0};
    assert_null(lgr__cuda_bind(&got, fake_symbol, NULL));
    assert_memory_equal(&got, want, sizeof got);
    assert_true(fake.asked == all && fake.exported == 0 && fake.flags == 1);      /* legacy streams, not one a thread */
    fake_driver();
    fake.hidden = "cuLaunchKernelEx";
    memset(&got, 0, sizeof got);
    assert_null(lgr__cuda_bind(&got, fake_symbol, NULL));
    assert_memory_equal(&got, want, sizeof got);
    assert_int_equal(fake.exported, 1);
    fake.absent = "cuLaunchKernelEx";
    assert_string_equal(lgr__cuda_bind(&got, fake_symbol, NULL), "cuLaunchKernelEx");
    fake_driver();
    fake.old = true;
    memset(&got, 0, sizeof got);
    assert_null(lgr__cuda_bind(&got, fake_symbol, NULL));
    assert_memory_equal(&got, want, sizeof got);
    assert_true(fake.asked == 0 && fake.exported == all);
    fake.absent = "cuCtxPushCurrent_v2";
    assert_string_equal(lgr__cuda_bind(&got, fake_symbol, NULL), "cuCtxPushCurrent_v2");
}

/* A pack's first instance left open: it serves the choice that no instance is for, and its code is told; the others come first. */
static void open_option(void **state)
{
    (void)state;
    ToyCall c;
    const lgr_kernel *k;
    Toy t = toy_pack();
    LgkHeader *h = t.bytes;
    LgkInstance *n = (LgkInstance *)((char *)t.bytes + h->table[LGK_T_INSTANCES].offset);
    LgkWord *w = (LgkWord *)((char *)t.bytes + h->table[LGK_T_WORDS].offset);
    n[0].option[0] = n[3].option[0] = LGK_OPEN;
    w[4] = (LgkWord){LGK_W_OPTION, 0, 0, 0};
    n[2].option[0] = 99;                                          /* no instance is for `half` */
    toy_seal(t);
    lgr_context *ctx = begin(t, &c, &k);
    for (int option = 0; option < 3; option++) {
        c.option = option;
        c.list[TOY_W] = option == 1 ? NULL : &c.t[TOY_W];         /* the open one, which stands first, wants w; the exact one has none */
        assert_int_equal(lgr_launch(ctx, &c.call), LGR_OK);
        assert_int_equal(fake.words[option * 2][4], option);
    }
    c.list[TOY_W] = NULL;
    assert_int_equal(lgr_launch(ctx, &c.call), LGR_ERROR_NULL);
    assert_string_equal(lgr_last_error()->argument, "w");
    lgr_context_destroy(ctx);
    w[4].a = 1;                                                   /* an option that the kernel does not have */
    toy_seal(t);
    lgr_context *none;
    assert_int_equal(lgr_context_create(NULL, &none), LGR_OK);
    assert_int_equal(lgr_pack_open_memory(none, t.bytes, t.size), LGR_ERROR_PACK);
    lgr_context_destroy(none);
    free(t.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(launches), cmocka_unit_test(fed), cmocka_unit_test(contexts), cmocka_unit_test(capture), cmocka_unit_test(each_call_fails),
                                       cmocka_unit_test(targets), cmocka_unit_test(empty_sums), cmocka_unit_test(symbols), cmocka_unit_test(open_option), cmocka_unit_test(beside), cmocka_unit_test(before), cmocka_unit_test(wide), cmocka_unit_test(alike), cmocka_unit_test(turns), cmocka_unit_test(joined),
                                       cmocka_unit_test(dividers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
