/* Damaged packs: every flipped bit and every truncation is refused by name; manifests made of noise under a right digest never
 * lead outside the file. */
#include "toy_pack.h"

#include "backend.h"

#include <unistd.h>

static lgr_status open_only(const void *bytes, size_t size)
{
    lgr_context *ctx;
    assert_int_equal(lgr_context_create(NULL, &ctx), LGR_OK);
    lgr_status s = lgr_pack_open_memory(ctx, bytes, size);
    lgr_context_destroy(ctx);
    return s;
}

/* Opens, then prepares every kind of code. */
static lgr_status open_and_load(Toy t)
{
    static char memory[8 << 20] __attribute__((aligned(256)));
    static const int sms[] = {90, 86};
    ToyCall c;
    const lgr_kernel *k;
    lgr_context *ctx;
    lgr_config config = LGR_CONFIG_INIT;
    config.driver = fake_driver();
    config.cache_dir = "";
    lgr_status s = LGR_OK;
    for (int i = 0; s == LGR_OK && i < 2; i++) {
        fake.sm = sms[i];
        assert_int_equal(lgr_context_create(&config, &ctx), LGR_OK);
        s = lgr_pack_open_memory(ctx, t.bytes, t.size);
        if (s == LGR_OK)
            s = lgr_kernel_find(ctx, "toy", "scale", &k);
        for (int d = 0; s == LGR_OK && d < 2; d++) {
            toy_call(&c, k, d ? kDLCUDA : kDLCPU, memory, 4, 8);
            s = lgr_prepare(ctx, &c.call);
        }
        lgr_context_destroy(ctx);
    }
    return s;
}

static void every_bit(void **state)
{
    (void)state;
    Toy t = toy_pack();
    uint8_t *b = t.bytes;
    assert_int_equal(open_and_load(t), LGR_OK);
    for (size_t i = 0; i < t.size * 8; i++) {
        b[i / 8] ^= (uint8_t)(1 << i % 8);
        lgr_status s = open_and_load(t);
        if (s != LGR_ERROR_PACK)
            fail_msg("bit %zu of byte %zu: %s", i % 8, i / 8, lgr_status_name(s));
        b[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    free(t.bytes);
}

static void every_length(void **state)
{
    (void)state;
    Toy t = toy_pack();
    for (size_t n = 0; n < t.size; n++)
        assert_int_equal(open_only(t.bytes, n), LGR_ERROR_PACK);
    assert_int_equal(open_only(t.bytes, t.size + 16), LGR_ERROR_PACK);
    assert_int_equal(open_only(t.bytes, t.size), LGR_OK);
    free(t.bytes);
}

static lgr_status run_nothing(void *self, const void *code, size_t size, uint32_t nth, const LgkLaunch *l, uint32_t blocks, const uint64_t *words,
                              uint32_t nwords, const lgr__range *ranges, uint32_t nranges)
{
    (void)self, (void)nth, (void)l, (void)blocks, (void)words, (void)nwords, (void)ranges, (void)nranges;
    uint64_t sum = 0;
    for (size_t i = 0; i < size; i++)      /* code is readable to its end */
        sum += ((const uint8_t *)code)[i];
    return sum == UINT64_MAX ? LGR_ERROR_LIMIT : LGR_OK;
}

static uint64_t noise(uint64_t *s)
{
    *s ^= *s << 13, *s ^= *s >> 7, *s ^= *s << 17;
    return *s;
}

/* A few bytes of the manifest changed, the digest made right: what opens is then used. */
static void sealed_noise(void **state)
{
    (void)state;
    static char memory[8 << 20] __attribute__((aligned(256)));
    static const lgr__backend nothing = {"host", 4, run_nothing};
    Toy t = toy_pack();
    uint8_t *b = t.bytes, *copy = malloc(t.size);
    uint64_t seed = 88172645463325252ull, opened = 0, ran = 0;
    memcpy(copy, b, t.size);
    size_t manifest = ((LgkHeader *)t.bytes)->code_offset;
    for (int round = 0; round < 60000; round++) {
        memcpy(b, copy, t.size);
        for (uint64_t n = 1 + noise(&seed) % 3; n; n--) {
            static const uint8_t values[] = {0, 1, 2, 3, 8, 127, 128, 255};
            b[sizeof(LgkHeader) / 2 + noise(&seed) % (manifest - sizeof(LgkHeader) / 2)] = values[noise(&seed) % 8];
        }
        toy_seal(t);
        lgr_context *ctx;
        assert_int_equal(lgr_context_create(NULL, &ctx), LGR_OK);
        lgr__set_backend(ctx, &nothing, NULL);
        if (lgr_pack_open_memory(ctx, t.bytes, t.size) == LGR_OK) {
            ToyCall c;
            opened++;
            toy_call(&c, lgr_kernel_at(ctx, 0), kDLCPU, memory, 3, 8);
            ran += lgr_launch(ctx, &c.call) == LGR_OK;
        } else
            assert_int_equal(lgr_last_error()->status, LGR_ERROR_PACK);
        lgr_context_destroy(ctx);
    }
    assert_true(opened > 10000 && opened < 60000 && ran > 1000 && ran < opened);
    free(copy);
    free(t.bytes);
}

static void files(void **state)
{
    (void)state;
    lgr_context *ctx;
    Toy t = toy_pack();
    char path[] = "/tmp/lgr_test_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, t.bytes, t.size) == (ssize_t)t.size);
    close(fd);
    assert_int_equal(lgr_context_create(NULL, &ctx), LGR_OK);
    assert_int_equal(lgr_pack_open(ctx, path), LGR_OK);
    assert_int_equal(lgr_kernel_count(ctx), 1);
    assert_int_equal(lgr_pack_open(ctx, "/nowhere/at/all.lgk"), LGR_ERROR_IO);
    assert_int_equal(lgr_pack_open(ctx, "/tmp"), LGR_ERROR_IO);
    assert_int_equal(lgr_pack_open(ctx, "/dev/null"), LGR_ERROR_IO);
    unlink(path);
    lgr_context_destroy(ctx);
    free(t.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_bit), cmocka_unit_test(every_length), cmocka_unit_test(sealed_noise), cmocka_unit_test(files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
