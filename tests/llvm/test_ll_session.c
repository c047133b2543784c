/* test_ll_session.c: sessions: what LLVM gives up on becomes a diagnostic and the session goes on; threads share nothing; what the
 * linker of host blobs must refuse, it refuses by name.
 */
#include "ll_case.h"
#include "ll_link.h"

#include <elf.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* out[i] = exp(in[i]); a row loop to have some structure. */
static void build(Case *c)
{
    LirFn *fn = c->fn;
    fn->threads = 64;
    LirVal p = case_at(c, case_ptr(c, 0), case_leaf(c, LIR_TID), 16), v = case_mem(c, LIR_LDG, DT_F32, 4, p, 0, 0, 0, 16, 0);
    case_mem(c, LIR_STG, 0, 0, p, lir_op1(fn, LIR_EXP, v), 0, 0, 16, 0);
}

#ifdef __SANITIZE_ADDRESS__
enum { COUNTS_LEAKS = 1 };          /* what LLVM held when it gave up is lost by design */
#else
enum { COUNTS_LEAKS = 0 };
#endif

/* A PTX version below what the processor needs makes LLVM report a fatal error. */
static void test_fatal(void **state)
{
    (void)state;
    if (COUNTS_LEAKS) {
        printf("  skipped: 1 test, under the address sanitizer\n");
        return;
    }
    Case *c = case_new("lgr_fatal");
    Target odd = *target_get(TARGET_SM90A);
    Buf ptx = {0};
    odd.ptx = "+ptx40";
    build(c);
    assert_false(ll_emit_ptx(c->s, c->fns, 1, &odd, &c->o, &ptx, &c->d));
    assert_int_equal(c->d.nerrors, 1);
    assert_int_equal(c->d.items[0].code, LG_EMIT);
    assert_non_null(strstr(c->d.items[0].msg, "LLVM: "));
    for (int i = 0; i < 20; i++) {
        ptx.n = 0;
        case_ptx(c, TARGET_SM80, &ptx);
    }
    assert_non_null(strstr(ptx.p, ".entry lgr_fatal("));
    buf_free(&ptx);
    case_free(c);
}

/* Inboxes that are armed for every use. */
static void test_inboxes(void **state)
{
    (void)state;
    Case *c = case_new("lgr_inboxes");
    Buf ptx = {0};
    build(c);
    c->fn->cluster = 2;
    c->fn->max_regs = 96;
    c->fn->min_ctas = 2;
    c->fn->smem = 256;
    c->fn->inbox = 128;
    LirVal zero = lir_ci(c->fn, DT_I32, 0), rank = case_leaf(c, LIR_CTARANK);
    case_op(c, LIR_INBOXES, 0, 0, 0, 0, 2);
    case_op(c, LIR_CLBAR, 0, 0, 0, 0, 0);
    case_op(c, LIR_ARM, 0, 0, zero, lir_op2(c->fn, LIR_EQ, rank, rank), 8);
    case_mem(c, LIR_SEND, 0, 0, zero, rank, zero, rank, 4, 0);
    case_op(c, LIR_TAKE, 0, 0, zero, zero, 32);
    case_ptx(c, TARGET_SM90A, &ptx);
    case_ordered(ptx.p, ".maxnreg 96", "mbarrier.init.shared::cta.b64", "+8], 1;", "fence.mbarrier_init", "barrier.cluster.arrive.release", "mbarrier.arrive.expect_tx", "setp.lt.u32 p,",
                 "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.b32", "mbarrier.try_wait.parity", NULL);
    assert_int_equal(case_count(ptx.p, ".minnctapersm"), 0);
    buf_free(&ptx);
    case_free(c);
}

static void test_cluster(void **state)
{
    (void)state;
    Case *c = case_new("lgr_cluster");
    Buf ptx = {0};
    build(c);
    c->fn->cluster = 2;
    case_mem(c, LIR_STG, 0, 0, case_ptr(c, 1), case_leaf(c, LIR_CTARANK), 0, 0, 4, 0);
    case_ptx(c, TARGET_SM90A, &ptx);
    case_ordered(ptx.p, ".explicitcluster", ".reqnctapercluster 2", "%cluster_ctarank", NULL);
    assert_false(ll_emit_ptx(c->s, c->fns, 1, target_get(TARGET_SM80), &c->o, &ptx, &c->d));
    assert_string_equal(c->d.items[0].msg, "lgr_cluster: sm_80 has no clusters of blocks");
    assert_int_equal(c->d.items[0].cls, DIAG_LIMIT);
    buf_free(&ptx);
    case_free(c);
}

typedef struct Worker { Buf ptx, blob; } Worker;

static void *work(void *arg)
{
    Worker *w = arg;
    Case *c = case_new("lgr_thread");
    build(c);
    for (int i = 0; i < 5; i++) {
        uint32_t entry;
        w->ptx.n = w->blob.n = 0;
        if (!ll_emit_ptx(c->s, c->fns, 1, target_get(TARGET_SM90A), &c->o, &w->ptx, &c->d) || !ll_emit_host(c->s, c->fns, 1, &c->o, &w->blob, &entry, &c->d))
            return "an emission failed";
    }
    case_free(c);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    enum { WORKERS = 4 };
    pthread_t t[WORKERS];
    Worker w[WORKERS] = {0};
    for (int i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, work, &w[i]), 0);
    for (int i = 0; i < WORKERS; i++) {
        void *why;
        assert_int_equal(pthread_join(t[i], &why), 0);
        assert_null(why);
        assert_int_equal(w[i].ptx.n, w[0].ptx.n);
        assert_memory_equal(w[i].ptx.p, w[0].ptx.p, w[0].ptx.n);
        assert_int_equal(w[i].blob.n, w[0].blob.n);
        assert_memory_equal(w[i].blob.p, w[0].blob.p, w[0].blob.n);
    }
    for (int i = 0; i < WORKERS; i++) {
        buf_free(&w[i].ptx);
        buf_free(&w[i].blob);
    }
}

/* ---- several functions in one blob ---- */

static void store_kernel(Case *c, float v)
{
    LirVal p = case_at(c, case_ptr(c, 0), case_leaf(c, LIR_CTAID), 64);
    LirOp steps = {.op = LIR_STEPS, .dt = DT_F32, .lanes = 16, .ref = -1};
    LirVal x = lir_op2(c->fn, LIR_ADD, lir_add(c->fn, steps), lir_cf(c->fn, DT_F32, 16, v));
    case_mem(c, LIR_STG, 0, 0, p, x, 0, 0, 4, 0);
}

static void test_two_functions(void **state)
{
    (void)state;
    Case *c = case_new("lgr_one");
    store_kernel(c, 100);
    case_next(c, "lgr_two");
    store_kernel(c, 0.5f);
    CaseCode code = case_host(c);
    float y[16];
    uint64_t words[] = {(uint64_t)(uintptr_t)y};
    code.run(words, 0, 1, 1);
    for (int i = 0; i < 16; i++)
        assert_true(y[i] == (float)i + 100);
    code.entry[1](words, 0, 1, 1);
    for (int i = 0; i < 16; i++)
        assert_true(y[i] == (float)i + 0.5f);
    case_unmap(&code);
    case_free(c);
}

static void test_object(void **state)
{
    (void)state;
    Case *c = case_new("lgr_object");
    Buf obj = {0};
    store_kernel(c, 1);
    assert_true(ll_emit_object(c->s, c->fns, 1, &c->o, &obj, &c->d));
    const Elf64_Ehdr *eh = (const Elf64_Ehdr *)obj.p;
    assert_memory_equal(eh->e_ident, ELFMAG, SELFMAG);
    assert_int_equal(eh->e_type, ET_REL);
    buf_free(&obj);
    case_free(c);
}

/* A processor without fused multiply-add would need the C library's fmaf: a blob has no outside symbols. */
static void test_needs_symbol(void **state)
{
    (void)state;
    Case *c = case_new("lgr_needs");
    Buf blob = {0};
    uint32_t entry;
    build(c);
    c->o.host_cpu = "x86-64";
    assert_false(ll_emit_host(c->s, c->fns, 1, &c->o, &blob, &entry, &c->d));
    assert_int_equal(c->d.items[0].code, LG_HOST_LINK);
    assert_string_equal(c->d.items[0].msg, "host code: needs fmaf");
    buf_free(&blob);
    case_free(c);
}

/* Every truncation and every flipped byte of an object is refused or harmless. */
static void test_damaged_object(void **state)
{
    (void)state;
    Case *c = case_new("lgr_damaged");
    Buf obj = {0};
    store_kernel(c, 1);
    assert_true(ll_emit_object(c->s, c->fns, 1, &c->o, &obj, &c->d));
    int refused = 0;
    for (size_t i = 0; i < 2 * obj.n; i++) {
        Buf blob = {0};
        uint32_t entry = 0;
        size_t n = i < obj.n ? i : obj.n;
        char *copy = malloc(n + 1);
        memcpy(copy, obj.p, n);
        if (i >= obj.n)
            copy[i - obj.n] ^= 0x55;
        if (ll_link_flat(copy, n, c->fns, 1, &blob, &entry, &c->d))
            assert_true(entry < blob.n);
        else
            refused++;
        free(copy);
        buf_free(&blob);
        c->d.n = 0;
    }
    printf("  %d of %zu damaged objects refused\n", refused, 2 * obj.n);
    assert_true(refused >= (int)obj.n);
    buf_free(&obj);
    case_free(c);
}

static void test_ir(void **state)
{
    (void)state;
    Case *c = case_new("lgr_ir");
    Buf ir = {0};
    build(c);
    assert_true(ll_emit_ir(c->s, c->fns, 1, target_get(TARGET_SM90A), &c->o, &ir, &c->d));
    case_ordered(ir.p, "define ptx_kernel void @lgr_ir(ptr", "byval([1 x i64]) align 8", "ret void", NULL);
    buf_free(&ir);
    case_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fatal), cmocka_unit_test(test_cluster), cmocka_unit_test(test_inboxes), cmocka_unit_test(test_threads),
                                       cmocka_unit_test(test_two_functions), cmocka_unit_test(test_object), cmocka_unit_test(test_ir), cmocka_unit_test(test_needs_symbol),
                                       cmocka_unit_test(test_damaged_object)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
