/* The tuner on the host: candidates that crash, hang or are wrong are rows of the result, and the others are measured all the same; stopped by
 * hand or by its budget it keeps what it has; the page of it is whole. */
#include "pipeline.h"
#include "source.h"
#include "tuner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

/* What takes the place of a candidate's code, at its entry. */
#if defined(__aarch64__)
static const uint8_t trap[4] = {0, 0, 0, 0}, forever[4] = {0, 0, 0, 0x14}, nothing[4] = {0xc0, 0x03, 0x5f, 0xd6};
#else
static const uint8_t trap[2] = {0x0f, 0x0b}, forever[2] = {0xeb, 0xfe}, nothing[1] = {0xc3};
#endif

static const char text[] = "swiglu.forward:M=8,F=64,T=f32,packed=false";
static Buf pack;
static TunerCase result;

static int make(void **state)
{
    (void)state;
    static const char *const fix[] = {"T=f32", "packed=false"};
    Source s;
    SchedList list;
    Buf err = {0};
    PipeResult res;
    if (!source_open(&s, "specs/swiglu.tile") || !sched_parse_list("lanes=1 vec=4;lanes=1 vec=8;lanes=1 vec=16;lanes=1 vec=32;lanes=1 vec=16 per=4", s.arena, &list, &err))
        return 1;
    PipeRequest r = {.op = s.op, .source = &s.diag, .targets = {target_get(TARGET_HOST)}, .ntargets = 1, .fix = fix, .nfix = 2, .kernel = "forward", .scheds = list.s, .nscheds = list.n,
                     .general_too = true, .jobs = 2};
    if (!pipe_run(&r, s.arena, &s.diag, &res) || res.failed)
        return 1;
    PackWriter *w = pack_new(s.arena);
    pipe_pack(&r, &res, w);
    pack_finish(w, &pack);
    pipe_free(&res);
    source_close(&s);
    return pack.failed;
}

static int drop(void **state)
{
    (void)state;
    buf_free(&pack);
    return 0;
}

/* Variant v of the pack begins with other code; its digests are made right again. */
static void plant(Buf *b, uint32_t v, const uint8_t *code, size_t n)
{
    LgkHeader *h = (LgkHeader *)b->p;
    LgkVariant *variant = (LgkVariant *)(b->p + h->table[LGK_T_VARIANTS].offset) + v;
    LgkLaunch *l = (LgkLaunch *)(b->p + h->table[LGK_T_LAUNCHES].offset) + variant->launches.first;
    LgkCode *c = (LgkCode *)(b->p + h->table[LGK_T_CODES].offset) + variant->code;
    memcpy(b->p + c->offset + l->entry, code, n);
    XXH128_hash_t d = XXH3_128bits(b->p + c->offset, (c->size + 15) / 16 * 16);
    c->digest[0] = d.low64;
    c->digest[1] = d.high64;
    h->digest[0] = h->digest[1] = 0;
    d = XXH3_128bits(b->p, h->code_offset);
    h->digest[0] = d.low64;
    h->digest[1] = d.high64;
}

static Tuner tuner(const Buf *b) { return (Tuner){.pack = b->p, .pack_size = b->n, .host = true, .rounds = 3, .patience = 1}; }

static const TunerRow *row(uint32_t variant)
{
    for (int i = 0; i < result.n; i++)
        if (result.row[i].variant == variant)
            return &result.row[i];
    return NULL;
}

static void measures_all(void **state)
{
    (void)state;
    Tuner t = tuner(&pack);
    assert_true(tuner_run(&t, text, &result));
    assert_true(result.candidates >= 6 && result.n == (int)result.candidates && result.serving == result.candidates && result.best >= 0 && !result.cut);
    for (int i = 0; i < result.n; i++) {
        assert_int_equal(result.row[i].fate, TUNER_ok);
        assert_true(result.row[i].us >= result.row[result.best].us && result.row[i].rounds == 3);
        assert_int_equal(result.row[i].model, result.row[i].variant == 0);
        assert_true(result.row[i].n == 64 && result.row[i].instances == 8 && !strcmp(result.row[i].target, "host"));
    }
}

static void contains_the_bad(void **state)
{
    (void)state;
    Buf bad = {0};
    buf_put(&bad, pack.p, pack.n);
    plant(&bad, 1, trap, sizeof trap);
    plant(&bad, 2, forever, sizeof forever);
    plant(&bad, 3, nothing, sizeof nothing);
    Tuner t = tuner(&bad);
    assert_true(tuner_run(&t, text, &result));
    assert_int_equal(row(1)->fate, TUNER_crash);
    assert_non_null(strstr(row(1)->why, "signal "));
    assert_int_equal(row(2)->fate, TUNER_hang);
    assert_int_equal(row(3)->fate, TUNER_wrong);
    assert_non_null(strstr(row(3)->why, "relative error"));
    for (uint32_t v = 0; v < result.candidates; v++)
        if (v < 1 || v > 3)
            assert_int_equal(row(v)->fate, TUNER_ok);
    assert_true(result.best >= 0 && result.row[result.best].fate == TUNER_ok);
    buf_free(&bad);
}

static volatile sig_atomic_t stop;
static void stop_at_third(void *self, const TunerCase *c, double left)
{
    (void)self, (void)left;
    int measured = 0;
    for (int i = 0; i < c->n; i++)
        measured += c->row[i].fate == TUNER_ok;
    stop = measured >= 3;
}

static void keeps_what_it_has(void **state)
{
    (void)state;
    Tuner t = tuner(&pack);
    t.stop = &stop;
    t.progress = stop_at_third;
    assert_true(tuner_run(&t, text, &result) && result.cut);
    assert_true(result.best >= 0 && result.row[result.best].rounds == 1);
    stop = 0;
    t = tuner(&pack);
    t.rounds = TUNER_MAX_ROUNDS;
    t.budget = 1e-3;
    assert_true(tuner_run(&t, text, &result) && result.cut && result.best >= 0);
}

static void refuses_no_case(void **state)
{
    (void)state;
    Tuner t = tuner(&pack);
    assert_false(tuner_run(&t, "swiglu.sideways:M=8,F=64", &result));
    assert_int_equal(result.refused, 2);
}

static void page_is_whole(void **state)
{
    (void)state;
    Buf bad = {0};
    char *page = NULL;
    size_t size = 0;
    buf_put(&bad, pack.p, pack.n);
    plant(&bad, 1, trap, sizeof trap);
    Tuner t = tuner(&bad);
    assert_true(tuner_run(&t, text, &result));
    FILE *f = open_memstream(&page, &size);
    tuner_html(f, &(TunerPage){"a <title>", "ligerc tune 'a&b'", (const TunerCase *const[]){&result}, 1});
    fclose(f);
    assert_non_null(strstr(page, "<title>a &lt;title&gt;</title>"));
    assert_non_null(strstr(page, "<pre>ligerc tune 'a&amp;b'</pre>"));
    assert_non_null(strstr(page, "<polyline class=\"roof\""));
    assert_non_null(strstr(page, "it ended its process: signal "));
    assert_non_null(strstr(page, "</html>"));
    assert_null(strstr(page, "nan"));
    assert_null(strstr(page, "src="));
    int dots = 0;
    for (const char *p = page; (p = strstr(p, "<circle class=\"c\"")); p++)
        dots++;
    assert_int_equal(dots, result.n - 2);           /* the best is another dot, the crash is none */
    free(page);
    buf_free(&bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_all), cmocka_unit_test(contains_the_bad), cmocka_unit_test(keeps_what_it_has), cmocka_unit_test(refuses_no_case), cmocka_unit_test(page_is_whole),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
