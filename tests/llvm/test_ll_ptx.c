/* test_ll_ptx.c: kernels to PTX: ordered lines and counts, and ptxas for all six GPU targets without a spilled byte. */
#include "ll_case.h"

#include <stdio.h>
#include <string.h>

/* out[i] = in[i], 8 bf16 a vector, two vectors a thread. */
static void copy_kernel(Case *c, int flags)
{
    c->fn->threads = 128;
    LirVal i = lir_op2(c->fn, LIR_ADD, lir_op2(c->fn, LIR_MUL, case_leaf(c, LIR_CTAID), lir_ci(c->fn, DT_I32, 256)), case_leaf(c, LIR_TID));
    LirVal src = case_at(c, case_ptr(c, 0), i, 16), dst = case_at(c, case_ptr(c, 1), i, 16);
    LirVal two = lir_ci(c->fn, DT_I64, 2048), v[2];
    v[0] = case_mem(c, LIR_LDG, DT_BF16, 8, src, 0, 0, 0, 16, flags);
    v[1] = case_mem(c, LIR_LDG, DT_BF16, 8, lir_op2(c->fn, LIR_ADD, src, two), 0, 0, 0, 16, flags);
    case_mem(c, LIR_STG, 0, 0, dst, v[0], 0, 0, 16, flags);
    case_mem(c, LIR_STG, 0, 0, lir_op2(c->fn, LIR_ADD, dst, two), v[1], 0, 0, 16, flags);
}

static void test_copy(void **state)
{
    (void)state;
    Case *c = case_new("lgr_copy");
    Buf ptx = {0};
    copy_kernel(c, 0);
    case_ptx(c, TARGET_SM90A, &ptx);
    case_ordered(ptx.p, ".entry lgr_copy(", ".reqntid 128", "ld.param", "ld.global.v4.b32", "[%rd", "+2048]", "st.global.v4.b32", "+2048]", "ret;", NULL);
    assert_int_equal(case_count(ptx.p, "ld.global.v4"), 2);
    assert_int_equal(case_count(ptx.p, "st.global.v4"), 2);
    assert_null(strstr(ptx.p, ".local"));
    buf_free(&ptx);
    case_assemble(c);
    case_free(c);
}

static void test_hints(void **state)
{
    (void)state;
    Case *c = case_new("lgr_hints");
    Buf ptx = {0};
    copy_kernel(c, LIR_F_STREAM);
    case_ptx(c, TARGET_SM90A, &ptx);
    assert_int_equal(case_count(ptx.p, "ld.global.L1::no_allocate.v4.b32"), 2);
    assert_int_equal(case_count(ptx.p, "st.global.cs.v4.b32"), 2);
    buf_free(&ptx);
    case_next(c, "lgr_hints_keep");
    copy_kernel(c, LIR_F_KEEP);
    case_ptx(c, TARGET_SM90A, &ptx);
    assert_int_equal(case_count(ptx.p, "ld.global.L1::evict_last.v4.b32"), 2);
    assert_int_equal(case_count(ptx.p, "createpolicy.fractional.L2::evict_last.b64"), 2);
    assert_int_equal(case_count(ptx.p, "st.global.L2::cache_hint.v4.b32"), 2);
    buf_free(&ptx);
    case_assemble(c);
    case_free(c);
}

/* Two words that stand side by side, one or the other: a read each, at one step for both pairs. */
static void test_either(void **state)
{
    (void)state;
    Case *c = case_new("lgr_either");
    Buf ptx = {0};
    LirVal later = lir_op2(c->fn, LIR_GE, case_leaf(c, LIR_CTAID), lir_ci(c->fn, DT_I32, 4)), p[4];
    for (int i = 0; i < 4; i++)
        p[i] = case_ptr(c, i);
    LirVal src = lir_op3(c->fn, LIR_SELECT, later, p[1], p[0]), dst = lir_op3(c->fn, LIR_SELECT, later, p[3], p[2]);
    LirVal t = case_leaf(c, LIR_TID), v = case_mem(c, LIR_LDG, DT_F32, 1, case_at(c, src, t, 4), 0, 0, 0, 4, 0);
    case_mem(c, LIR_STG, 0, 0, case_at(c, dst, t, 4), v, 0, 0, 4, 0);
    case_ptx(c, TARGET_SM90A, &ptx);
    assert_int_equal(case_count(ptx.p, "ld.param"), 2);
    assert_true(case_count(ptx.p, "selp") <= 1);
    buf_free(&ptx);
    case_assemble(c);
    case_free(c);
}

/* Packed elements that were converted before are converted in another way, which the assembler does not take for the first. */
static void test_again(void **state)
{
    (void)state;
    Case *c = case_new("lgr_again");
    Buf ptx = {0};
    LirVal t = case_leaf(c, LIR_TID), v = case_mem(c, LIR_LDG, DT_BF16, 8, case_at(c, case_ptr(c, 0), t, 16), 0, 0, 0, 16, 0);
    LirVal mean = lir_op1(c->fn, LIR_HSUM, lir_cast(c->fn, DT_F32, v)), packed = lir_op1(c->fn, LIR_OPAQUE, v);
    c->fn->ops[packed].flags |= LIR_F_AGAIN;
    LirVal less = lir_op2(c->fn, LIR_SUB, lir_cast(c->fn, DT_F32, packed), lir_splat(c->fn, mean, 8));
    case_mem(c, LIR_STG, 0, 0, case_at(c, case_ptr(c, 1), t, 32), less, 0, 0, 16, 0);
    case_ptx(c, TARGET_SM90A, &ptx);
    assert_int_equal(case_count(ptx.p, "prmt.b32"), 8);
    assert_int_equal(case_count(ptx.p, "shl.b32") + case_count(ptx.p, "and.b32"), 8);
    buf_free(&ptx);
    case_assemble(c);
    case_free(c);
}

/* ---- a row sum: 4 warps, shuffles, shared memory, a loop ---- */

static LirVal warp_sum(Case *c, LirVal v)
{
    for (int d = 16; d; d /= 2)
        v = lir_op2(c->fn, LIR_ADD, v, case_op(c, LIR_BFLY, lir_dt(c->fn, v), 1, v, 0, d));
    return v;
}

static void row_sum_kernel(Case *c, DType t, bool precise)
{
    LirFn *fn = c->fn;
    fn->threads = 128;
    fn->smem = 64;
    fn->precise = precise;
    fn->min_ctas = 4;
    fn->pdl = true;
    case_op(c, LIR_PDLWAIT, 0, 0, 0, 0, 0);
    LirVal tid = case_leaf(c, LIR_TID), row = case_leaf(c, LIR_CTAID);
    LirVal base = lir_op2(fn, LIR_ADD, case_ptr(c, 0), lir_op2(fn, LIR_MUL, lir_cast(fn, DT_I64, row), lir_word(fn, DT_I64, (LirWord){LIR_W_STRIDE, 0, 0})));
    LirVal n = lir_word(fn, DT_I32, (LirWord){LIR_W_ROWLEN, 0, 0});
    LirVal acc = lir_op1(fn, LIR_VAR, lir_cf(fn, DT_F32, 8, 0)), i = lir_op1(fn, LIR_VAR, lir_op2(fn, LIR_MUL, tid, lir_ci(fn, DT_I32, 8)));
    case_op(c, LIR_LOOP, 0, 0, 0, 0, 0);
    LirVal at = lir_op1(fn, LIR_GET, i);
    case_op(c, LIR_WHILE, 0, 0, lir_op2(fn, LIR_LT, at, n), 0, 0);
    LirVal v = lir_cast(fn, DT_F32, case_mem(c, LIR_LDG, t, 8, case_at(c, base, at, dt_bytes(t)), 0, 0, 0, 16, 0));
    lir_set(fn, acc, lir_op3(fn, LIR_FMA, v, v, lir_op1(fn, LIR_GET, acc)));
    lir_set(fn, i, lir_op2(fn, LIR_ADD, at, lir_ci(fn, DT_I32, 1024)));
    case_op(c, LIR_END, 0, 0, 0, 0, 0);
    LirVal s = warp_sum(c, lir_op1(fn, LIR_HSUM, lir_op1(fn, LIR_GET, acc)));
    LirVal lane = lir_op2(fn, LIR_AND, tid, lir_ci(fn, DT_I32, 31)), warp = lir_op2(fn, LIR_SHR, tid, lir_ci(fn, DT_I32, 5));
    case_mem(c, LIR_STSP, 0, 0, lir_op2(fn, LIR_MUL, warp, lir_ci(fn, DT_I32, 4)), s, lir_op2(fn, LIR_EQ, lane, lir_ci(fn, DT_I32, 0)), 0, 4, 0);
    case_op(c, LIR_BAR, 0, 0, 0, 0, 0);
    LirVal all = lir_op1(fn, LIR_HSUM, case_mem(c, LIR_LDS, DT_F32, 4, lir_ci(fn, DT_I32, 0), 0, 0, 0, 16, 0));
    LirVal first = lir_op2(fn, LIR_EQ, tid, lir_ci(fn, DT_I32, 0));
    case_mem(c, LIR_STGP, 0, 0, case_at(c, case_ptr(c, 1), row, 4), lir_op1(fn, LIR_RSQRT, all), first, 0, 4, 0);
    case_op(c, LIR_PDLGO, 0, 0, 0, 0, 0);
}

/* The address of what is loaded is worked out before the wait for the kernel that was launched before; the next one hears of it, and a pause comes, behind. */
static void test_wait_is_late(void **state)
{
    (void)state;
    Case *c = case_new("lgr_late");
    Buf ptx = {0};
    c->fn->threads = 32;
    c->fn->pdl = true;
    lir_add(c->fn, (LirOp){.op = LIR_ASK, .ref = -1, .a = {case_ptr(c, 0), lir_op2(c->fn, LIR_EQ, case_leaf(c, LIR_TID), lir_ci(c->fn, DT_I32, 0)), lir_ci(c->fn, DT_I32, 128)}});
    case_op(c, LIR_PDLWAIT, 0, 0, 0, 0, 0);
    case_op(c, LIR_PDLGO, 0, 0, 0, 0, 0);
    lir_add(c->fn, (LirOp){.op = LIR_PAUSE, .ref = -1, .a = {lir_ci(c->fn, DT_I32, 7)}});
    LirVal at = lir_op2(c->fn, LIR_ADD, case_leaf(c, LIR_TID), lir_op2(c->fn, LIR_MUL, case_leaf(c, LIR_CTAID), lir_ci(c->fn, DT_I32, 32)));
    LirVal to = case_at(c, case_ptr(c, 1), at, 4), from = case_at(c, case_ptr(c, 0), at, 4);
    case_mem(c, LIR_STG, 0, 0, to, case_mem(c, LIR_LDG, DT_F32, 1, from, 0, 0, 0, 4, 0), 0, 0, 4, 0);
    lir_add(c->fn, (LirOp){.op = LIR_DISCARD, .ref = -1, .a = {case_ptr(c, 0), lir_op2(c->fn, LIR_EQ, at, lir_ci(c->fn, DT_I32, 0))}});
    case_ptx(c, TARGET_SM90A, &ptx);
    case_ordered(ptx.p, "@p cp.async.bulk.prefetch.L2.global", "%ctaid.x", "add.s64", "setp.ge.s64 p, %rd", "@p griddepcontrol.wait", "griddepcontrol.launch_dependents", "@p bra go_", "%clock", "ld.global.b32", "st.global.b32", "@p discard.global.L2", NULL);
    assert_int_equal(case_count(ptx.p, "griddepcontrol.wait"), 1);
    buf_free(&ptx);
    case_free(c);
}

static void test_row_sum(void **state)
{
    (void)state;
    Case *c = case_new("lgr_row_sum");
    Buf ptx = {0};
    row_sum_kernel(c, DT_BF16, false);
    case_ptx(c, TARGET_SM90A, &ptx);
    case_ordered(ptx.p, ".extern .shared .align 128 .b8 lgr_smem[]", ".entry lgr_row_sum(", ".minnctapersm 4", "griddepcontrol.wait", "ld.global.v4.b32", "shl.b32",
                 "and.b32", "fma.rn", "bra", "shfl.sync.bfly.b32", "@p st.shared.b32", "bar.sync \t0;", "ld.shared.v4.b32", "rsqrt.approx.ftz.f32", "@p st.global.b32",
                 "griddepcontrol.launch_dependents", "ret;", NULL);
    assert_int_equal(case_count(ptx.p, "shfl.sync.bfly"), 5);
    assert_int_equal(case_count(ptx.p, "fma.rn"), 8);
    assert_int_equal(case_count(ptx.p, "ld.global"), 1);
    assert_null(strstr(ptx.p, "cvt.f32"));
    buf_free(&ptx);
    Buf old = {0};
    case_ptx(c, TARGET_SM80, &old);
    assert_null(strstr(old.p, "griddepcontrol"));
    buf_free(&old);
    case_next(c, "lgr_row_sum_f16");
    row_sum_kernel(c, DT_F16, true);
    case_next(c, "lgr_row_sum_f32");
    row_sum_kernel(c, DT_F32, true);
    case_assemble(c);
    case_free(c);
}

/* ---- every dtype, vector and scalar, through every form of global access ---- */

static void access_kernel(Case *c, DType t, int lanes, int align, int flags)
{
    LirFn *fn = c->fn;
    fn->threads = 64;
    LirVal i = case_leaf(c, LIR_TID), n = lir_word(fn, DT_I32, (LirWord){LIR_W_ROWLEN, 0, 0});
    LirVal src = case_at(c, case_ptr(c, 0), i, lanes * dt_bytes(t)), dst = case_at(c, case_ptr(c, 1), i, lanes * dt_bytes(t));
    LirVal in = lir_op2(fn, LIR_LT, i, n), far = lir_ci(fn, DT_I64, 1 << 16);
    LirVal a = case_mem(c, LIR_LDG, t, lanes, src, 0, 0, 0, align, flags);
    LirVal b = case_mem(c, LIR_LDGP, t, lanes, lir_op2(fn, LIR_ADD, src, far), in, 0, 0, align, flags);
    case_mem(c, LIR_STG, 0, 0, dst, a, 0, 0, align, flags);
    case_mem(c, LIR_STGP, 0, 0, lir_op2(fn, LIR_ADD, dst, far), b, in, 0, align, flags);
}

static void test_access(void **state)
{
    (void)state;
    static const DType t[] = {DT_BOOL, DT_I8, DT_U8, DT_I32, DT_I64, DT_F16, DT_BF16, DT_F32};
    Case *c = case_new("lgr_access");
    access_kernel(c, DT_BF16, 16, 16, 0);
    int kernels = 1;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        for (int k = 0; k < 4; k++) {
            char name[64];
            int lanes = k < 2 ? 8 : k == 2 ? 1 : 2, align = k == 1 ? dt_bytes(t[i]) : lanes * dt_bytes(t[i]) > 16 ? 16 : lanes * dt_bytes(t[i]);
            snprintf(name, sizeof name, "lgr_access_%s_%d", dt_name(t[i]), k);
            case_next(c, name);
            access_kernel(c, t[i], lanes, align, k == 0 ? LIR_F_CONST : k == 2 ? LIR_F_STREAM : k == 3 ? LIR_F_KEEP : 0);
            kernels++;
        }
    int done = case_assemble(c);
    assert_true(done == 0 || done == 6 * kernels);
    case_free(c);
}

static void test_predicated(void **state)
{
    (void)state;
    Case *c = case_new("lgr_predicated");
    Buf ptx = {0};
    access_kernel(c, DT_BF16, 8, 16, 0);
    case_ptx(c, TARGET_SM90A, &ptx);
    assert_int_equal(case_count(ptx.p, "@p ld.global.v4.b32"), 1);
    assert_int_equal(case_count(ptx.p, "@p st.global.v4.b32"), 1);
    assert_int_equal(case_count(ptx.p, "ld.global.v4.b32"), 2);
    buf_free(&ptx);
    case_free(c);
}

/* A vector from a longer one: two steps of selects and a shift for eight 16-bit elements. */
static void test_slide(void **state)
{
    (void)state;
    Case *c = case_new("lgr_slide");
    LirFn *fn = c->fn;
    Buf ptx = {0};
    fn->threads = 64;
    static const struct { DType dt; int lanes, more; } shape[] = {{DT_BF16, 8, 8}, {DT_F32, 4, 4}, {DT_BF16, 4, 4}, {DT_BF16, 2, 2}, {DT_F32, 8, 4}};
    LirVal i = case_leaf(c, LIR_TID);
    for (int k = 0; k < 5; k++) {
        int bytes = dt_bytes(shape[k].dt), align = shape[k].more * bytes;
        LirVal v = case_mem(c, LIR_LDG, shape[k].dt, shape[k].lanes + shape[k].more, case_at(c, case_ptr(c, 2 * k), i, align), 0, 0, 0, align, 0);
        LirVal at = lir_op2(fn, LIR_AND, lir_word(fn, DT_I32, (LirWord){.kind = LIR_W_ROWLEN}), lir_ci(fn, DT_I32, shape[k].more - 1));
        v = lir_add(fn, (LirOp){.op = LIR_SLIDE, .dt = (uint8_t)shape[k].dt, .lanes = (uint8_t)shape[k].lanes, .ref = -1, .a = {v, at}});
        case_mem(c, LIR_STG, 0, 0, case_at(c, case_ptr(c, 2 * k + 1), i, shape[k].lanes * bytes), v, 0, 0, align, 0);
    }
    case_ptx(c, TARGET_SM90A, &ptx);
    assert_int_equal(case_count(ptx.p, "ld.global.v4.b32"), 2 + 2 + 3);
    assert_int_equal(case_count(ptx.p, "ld.global.v2.b32"), 2);
    assert_int_equal(case_count(ptx.p, "selp.b32"), (6 + 5) + 3);
    assert_int_equal(case_count(ptx.p, "selp.f32"), (5 + 4) + (9 + 8));
    buf_free(&ptx);
    case_assemble(c);
    case_free(c);
}

/* ---- asynchronous copies: a ring of three stages, each thread reading what it copied ---- */

static void issue(Case *c, LirVal stage, LirVal src, LirVal in)
{
    LirVal slot = lir_op2(c->fn, LIR_ADD, lir_op2(c->fn, LIR_MUL, stage, lir_ci(c->fn, DT_I32, 2048)), lir_op2(c->fn, LIR_MUL, case_leaf(c, LIR_TID), lir_ci(c->fn, DT_I32, 16)));
    lir_add(c->fn, (LirOp){.op = LIR_CPA, .ref = -1, .a = {slot, src, in}, .imm.i = 16});
    case_op(c, LIR_CPCOMMIT, 0, 0, 0, 0, 0);
}

static void ring_kernel(Case *c)
{
    LirFn *fn = c->fn;
    fn->threads = 128;
    fn->smem = 3 * 2048;
    LirVal tid = case_leaf(c, LIR_TID), n = lir_word(fn, DT_I32, (LirWord){LIR_W_INST, 0, 0}), zero = lir_ci(fn, DT_I32, 0);
    LirVal src = case_at(c, case_ptr(c, 0), tid, 16), dst = case_at(c, case_ptr(c, 1), tid, 16);
    for (int s = 0; s < 2; s++)
        issue(c, lir_ci(fn, DT_I32, s), lir_op2(fn, LIR_ADD, src, lir_ci(fn, DT_I64, s * 2048)), lir_op2(fn, LIR_LT, lir_ci(fn, DT_I32, s), n));
    LirVal i = lir_op1(fn, LIR_VAR, zero), sum = lir_op1(fn, LIR_VAR, lir_cf(fn, DT_F32, 8, 0));
    case_op(c, LIR_LOOP, 0, 0, 0, 0, 0);
    LirVal at = lir_op1(fn, LIR_GET, i), ahead = lir_op2(fn, LIR_ADD, at, lir_ci(fn, DT_I32, 2)), three = lir_ci(fn, DT_I32, 3);
    case_op(c, LIR_WHILE, 0, 0, lir_op2(fn, LIR_LT, at, n), 0, 0);
    lir_add(fn, (LirOp){.op = LIR_CPWAIT, .ref = -1, .imm.i = 1});
    LirVal slot = lir_op2(fn, LIR_ADD, lir_op2(fn, LIR_MUL, lir_op2(fn, LIR_REM, at, three), lir_ci(fn, DT_I32, 2048)), lir_op2(fn, LIR_MUL, tid, lir_ci(fn, DT_I32, 16)));
    LirVal v = lir_cast(fn, DT_F32, case_mem(c, LIR_LDS, DT_BF16, 8, slot, 0, 0, 0, 16, 0));
    lir_set(fn, sum, lir_op2(fn, LIR_ADD, lir_op1(fn, LIR_GET, sum), v));
    issue(c, lir_op2(fn, LIR_REM, ahead, three), case_at(c, src, ahead, 2048), lir_op2(fn, LIR_LT, ahead, n));
    lir_set(fn, i, lir_op2(fn, LIR_ADD, at, lir_ci(fn, DT_I32, 1)));
    case_op(c, LIR_END, 0, 0, 0, 0, 0);
    case_mem(c, LIR_STG, 0, 0, dst, lir_cast(fn, DT_BF16, lir_op1(fn, LIR_GET, sum)), 0, 0, 16, 0);
}

static void test_ring(void **state)
{
    (void)state;
    Case *c = case_new("lgr_ring");
    Buf ptx = {0};
    ring_kernel(c);
    case_ptx(c, TARGET_SM80, &ptx);
    case_ordered(ptx.p, "@p cp.async.cg.shared.global", "cp.async.commit_group", "@p cp.async.cg", "cp.async.commit_group", "cp.async.wait_group \t1", "ld.shared.v4.b32",
                 "@p cp.async.cg", "cp.async.commit_group", "bra", "cvt.rn.bf16x2.f32", "st.global.v4.b32", NULL);
    assert_int_equal(case_count(ptx.p, "cvt.rn.bf16x2.f32"), 4);
    assert_int_equal(case_count(ptx.p, "add.rn.ftz.f32") + case_count(ptx.p, "add.ftz.f32"), 8);
    buf_free(&ptx);
    case_assemble(c);
    case_free(c);
}

/* Of copies that are used once, where the policy is known; of copies that come by way of the first cache. */
static void copies_have(TargetId target, uint8_t flags, const char *form, int n)
{
    Case *c = case_new("lgr_ring");
    Buf ptx = {0};
    ring_kernel(c);
    for (LirVal v = 1; v < c->fn->nops; v++)
        if (c->fn->ops[v].op == LIR_CPA)
            c->fn->ops[v].flags |= flags;
    case_ptx(c, target, &ptx);
    assert_int_equal(case_count(ptx.p, form), n);
    buf_free(&ptx);
    case_assemble(c);
    case_free(c);
}

static void test_copies(void **state)
{
    (void)state;
    copies_have(TARGET_SM90A, LIR_F_STREAM, "cp.async.cg.shared.global.L2::cache_hint", 3);
    copies_have(TARGET_SM80, LIR_F_STREAM, "cache_hint", 0);
    copies_have(TARGET_SM90A, LIR_F_KEEP, "cp.async.ca.shared.global [", 3);
}

/* ---- every elementwise operation ---- */

static void elementwise_kernel(Case *c, LirOpcode op, DType t, int lanes)
{
    LirFn *fn = c->fn;
    int bytes = lanes * dt_bytes(t), align = bytes < 16 ? bytes : 16;
    LirVal i = case_leaf(c, LIR_TID), v[3] = {0};
    for (int k = 0; k < 3; k++)
        v[k] = case_mem(c, LIR_LDG, t, lanes, case_at(c, case_ptr(c, k), i, bytes), 0, 0, 0, align, 0);
    if (op == LIR_SELECT)
        v[0] = lir_op2(fn, LIR_GT, v[1], v[2]);
    LirVal r = lir_op_nargs(op) == 1 ? lir_op1(fn, op, v[0]) : lir_op_nargs(op) == 2 ? lir_op2(fn, op, v[0], v[1]) : lir_op3(fn, op, v[0], v[1], v[2]);
    case_mem(c, LIR_STG, 0, 0, case_at(c, case_ptr(c, 3), i, bytes), lir_cast(fn, t, r), 0, 0, align, 0);
}

static bool float_only(LirOpcode op) { return op >= LIR_EXP && op <= LIR_POW && op != LIR_FLOOR && op != LIR_CEIL && op != LIR_ROUND; }
static bool int_only(LirOpcode op) { return op == LIR_AND || op == LIR_OR || op == LIR_XOR || op == LIR_SHL || op == LIR_SHR || op == LIR_NOT; }

static void all_ops(DType t, int lanes, bool precise)
{
    Case *c = NULL;
    for (LirOpcode op = LIR_ADD; op <= LIR_ISINF; op++) {
        char name[64];
        if (dt_is_float(t) ? int_only(op) : float_only(op))
            continue;
        snprintf(name, sizeof name, "lgr_%s_%s", lir_op_name(op), dt_name(t));
        if (c)
            case_next(c, name);
        else
            c = case_new(name);
        c->fn->threads = 128;
        c->fn->precise = precise;
        elementwise_kernel(c, op, t, lanes);
    }
    int done = case_assemble(c);
    printf("  %u operations of %s x%d, precise %d: %d kernels assembled\n", c->nfns, dt_name(t), lanes, precise, done);
    case_free(c);
}

static void test_ops(void **state)
{
    (void)state;
    all_ops(DT_F32, 4, true);
    all_ops(DT_F32, 4, false);
    all_ops(DT_BF16, 8, false);
    all_ops(DT_F16, 1, false);
    all_ops(DT_I32, 4, false);
    all_ops(DT_I64, 2, false);
    all_ops(DT_U8, 4, false);
}

/* ---- casts, folds, shuffles of every width, barriers by name ---- */

static void test_casts(void **state)
{
    (void)state;
    static const DType t[] = {DT_BOOL, DT_I8, DT_U8, DT_I32, DT_I64, DT_F16, DT_BF16, DT_F32};
    Case *c = case_new("lgr_casts");
    for (int i = 0; i < 8; i++) {
        char name[32];
        snprintf(name, sizeof name, "lgr_casts_%s", dt_name(t[i]));
        if (i)
            case_next(c, name);
        c->fn->threads = 32;
        LirVal at = case_leaf(c, LIR_TID);
        int in = 4 * dt_bytes(t[i]);
        LirVal v = case_mem(c, LIR_LDG, t[i], 4, case_at(c, case_ptr(c, 0), at, in), 0, 0, 0, in < 16 ? in : 16, 0);
        for (int j = 0; j < 8; j++) {
            int out = 4 * dt_bytes(t[j]);
            case_mem(c, LIR_STG, 0, 0, case_at(c, case_ptr(c, 1 + j), at, out), lir_cast(c->fn, t[j], v), 0, 0, out < 16 ? out : 16, 0);
        }
    }
    case_assemble(c);
    case_free(c);
}

static void test_threads(void **state)
{
    (void)state;
    static const DType t[] = {DT_I32, DT_F32, DT_I64, DT_BF16, DT_U8};
    Case *c = case_new("lgr_threads");
    Buf ptx = {0};
    LirFn *fn = c->fn;
    fn->threads = 256;
    LirVal tid = case_leaf(c, LIR_TID);
    for (int i = 0; i < 5; i++) {
        LirVal p = case_at(c, case_ptr(c, i), tid, dt_bytes(t[i])), v = case_mem(c, LIR_LDG, t[i], 1, p, 0, 0, 0, dt_bytes(t[i]), 0);
        v = case_op(c, LIR_BCAST, t[i], 1, case_op(c, LIR_BFLY, t[i], 1, v, 0, 4), 0, 7);
        case_mem(c, LIR_STG, 0, 0, p, v, 0, 0, dt_bytes(t[i]), 0);
    }
    LirVal group = lir_op2(fn, LIR_ADD, lir_op2(fn, LIR_SHR, tid, lir_ci(fn, DT_I32, 6)), lir_ci(fn, DT_I32, 1));
    case_op(c, LIR_BARN, 0, 0, group, 0, 64);
    case_op(c, LIR_BARW, 0, 0, lir_op2(fn, LIR_EQ, group, lir_ci(fn, DT_I32, 3)), 0, 5);
    case_op(c, LIR_WARPSYNC, 0, 0, 0, 0, 0);
    case_op(c, LIR_PREFETCH, 0, 0, case_ptr(c, 5), 0, 0);
    case_mem(c, LIR_STG, 0, 0, case_at(c, case_ptr(c, 5), tid, 4), case_leaf(c, LIR_CTARANK), 0, 0, 4, 0);
    case_mem(c, LIR_STG, 0, 0, case_at(c, case_ptr(c, 6), tid, 4), lir_alike(fn, tid, 3), 0, 0, 4, 0);
    case_mem(c, LIR_STG, 0, 0, case_at(c, case_ptr(c, 7), tid, 4), case_op(c, LIR_WSUM, DT_I32, 1, tid, 0, 0), 0, 0, 4, 0);
    case_mem(c, LIR_STG, 0, 0, case_at(c, case_ptr(c, 8), tid, 4), case_mem(c, LIR_DRAW, DT_I32, 1, case_ptr(c, 9), lir_ci(fn, DT_I32, 3), lir_op2(fn, LIR_EQ, tid, lir_ci(fn, DT_I32, 0)), 0, 0, 0), 0, 0, 4, 0);
    case_mem(c, LIR_MARK, 0, 0, case_ptr(c, 9), lir_ci(fn, DT_I32, 700), lir_op2(fn, LIR_EQ, tid, lir_ci(fn, DT_I32, 0)), 0, 0, 0);
    case_ptx(c, TARGET_SM80, &ptx);
    case_ordered(ptx.p, "vote.sync.ballot.b32", "vote.sync.ballot.b32", "vote.sync.ballot.b32", "popc.b32", "popc.b32", "redux.sync.add", "atom.global.add.u32", "atom.relaxed.gpu.global.cas.b64", NULL);
    assert_int_equal(case_count(ptx.p, "shfl.sync.bfly.b32"), 6);
    assert_int_equal(case_count(ptx.p, "shfl.sync.idx.b32"), 6);
    case_ordered(ptx.p, "@p bar.sync 1, 64;", "@p bar.sync 2, 64;", "@p bar.sync 3, 64;", "@p bar.sync 4, 64;", "@p bar.sync 5, 32;", "bar.warp.sync", "prefetch.global.L2", NULL);
    assert_int_equal(case_count(ptx.p, "bar.sync"), 5);
    buf_free(&ptx);
    case_assemble(c);
    case_free(c);
}

/* ---- contraction, exactness, denormals ---- */

static void mul_add(Case *c, int flags)
{
    LirFn *fn = c->fn;
    fn->threads = 32;
    LirVal p = case_at(c, case_ptr(c, 0), case_leaf(c, LIR_TID), 4), v = case_mem(c, LIR_LDG, DT_F32, 1, p, 0, 0, 0, 4, 0);
    LirVal m = lir_add(fn, (LirOp){.op = LIR_MUL, .dt = DT_F32, .lanes = 1, .flags = (uint8_t)flags, .ref = -1, .a = {v, v}});
    LirVal s = lir_add(fn, (LirOp){.op = LIR_ADD, .dt = DT_F32, .lanes = 1, .flags = (uint8_t)flags, .ref = -1, .a = {m, v}});
    LirVal d = lir_add(fn, (LirOp){.op = LIR_DIV, .dt = DT_F32, .lanes = 1, .flags = (uint8_t)flags, .ref = -1, .a = {s, m}});
    case_mem(c, LIR_STG, 0, 0, p, d, 0, 0, 4, 0);
}

static void test_exact(void **state)
{
    (void)state;
    for (int exact = 0; exact < 2; exact++) {
        Case *c = case_new("lgr_exact");
        Buf ptx = {0};
        mul_add(c, exact ? LIR_F_EXACT : 0);
        case_ptx(c, TARGET_SM90A, &ptx);
        assert_int_equal(case_count(ptx.p, "fma.rn"), exact ? 0 : 1);
        assert_int_equal(case_count(ptx.p, "div.rn"), exact ? 1 : 0);
        assert_int_equal(case_count(ptx.p, "div.full.ftz.f32"), exact ? 0 : 1);
        buf_free(&ptx);
        case_free(c);
    }
}

/* ---- chains ---- */

static LirVal loaded(Case *c, int ptr, DType t) { return case_mem(c, LIR_LDG, t, 8, case_at(c, case_ptr(c, ptr), case_leaf(c, LIR_TID), 16), 0, 0, 0, 16, LIR_F_CONST); }

/* x r w rounded to bf16 between the products, and w - x r. */
static void chain_kernel(Case *c, bool twice)
{
    LirFn *fn = c->fn;
    fn->threads = 32;
    LirVal r = lir_splat(fn, case_mem(c, LIR_LDG, DT_F32, 1, case_ptr(c, 2), 0, 0, 0, 4, LIR_F_CONST), 8), w = lir_cast(fn, DT_F32, loaded(c, 1, DT_BF16));
    LirVal xr = lir_op2(fn, LIR_MUL, lir_cast(fn, DT_F32, loaded(c, 0, DT_F16)), r);
    LirVal y = lir_op2(fn, LIR_MUL, lir_cast(fn, DT_F32, lir_cast(fn, DT_BF16, xr)), r), at = case_at(c, case_ptr(c, 0), case_leaf(c, LIR_TID), 16);
    case_mem(c, LIR_STG, 0, 0, at, lir_cast(fn, DT_F16, twice ? lir_op2(fn, LIR_SUB, w, xr) : y), 0, 0, 16, 0);
    if (twice)
        case_mem(c, LIR_STG, 0, 0, at, lir_cast(fn, DT_F16, y), 0, 0, 16, 0);
}

/* What one operation reads is written with it, in the order in which it is needed; what two read has registers of its own. */
static void test_chain(void **state)
{
    (void)state;
    Case *c = case_new("lgr_chain"), *two = case_new("lgr_chain_two");
    Buf ptx = {0}, other = {0};
    chain_kernel(c, false);
    case_ptx(c, TARGET_SM90A, &ptx);
    case_ordered(ptx.p, "ld.global.nc.v4", "begin inline asm", "cvt.f32.f16 t", "mul.ftz.f32 t", "cvt.rn.bf16x2.f32 u0", "shl.b32 t", "mul.ftz.f32 t", "cvt.rn.f16x2.f32 %r", "end inline asm", "st.global.v4", NULL);
    assert_int_equal(case_count(ptx.p, "begin inline asm"), 1);
    assert_int_equal(case_count(ptx.p, "cvt.f32.f16"), 8);
    assert_int_equal(case_count(ptx.p, "mul.ftz.f32"), 16);
    case_assemble(c);
    chain_kernel(two, true);
    case_ptx(two, TARGET_SM90A, &other);
    assert_int_equal(case_count(other.p, "cvt.f32.f16"), 8);
    assert_int_equal(case_count(other.p, "mul.ftz.f32 \t%r"), 8);
    case_assemble(two);
    buf_free(&ptx);
    buf_free(&other);
    case_free(two);
    case_free(c);
}

static void join_kernel(Case *c, LirOpcode op, bool first, int flags)
{
    LirFn *fn = c->fn;
    fn->threads = 32;
    LirVal x = lir_cast(fn, DT_F32, loaded(c, 0, DT_BF16)), w = lir_cast(fn, DT_F32, loaded(c, 1, DT_BF16));
    LirVal m = lir_add(fn, (LirOp){.op = LIR_MUL, .dt = DT_F32, .lanes = 8, .flags = (uint8_t)flags, .ref = -1, .a = {x, x}});
    LirVal s = lir_add(fn, (LirOp){.op = (uint8_t)op, .dt = DT_F32, .lanes = 8, .flags = (uint8_t)flags, .ref = -1, .a = {first ? m : w, first ? w : m}});
    case_mem(c, LIR_STG, 0, 0, case_at(c, case_ptr(c, 2), case_leaf(c, LIR_TID), 16), lir_cast(fn, DT_BF16, s), 0, 0, 16, 0);
}

/* A sum with a product is rounded once, unless it is exact; of a difference the sign is where the product, or what is taken from it, was. */
static void test_chain_joins(void **state)
{
    (void)state;
    for (int k = 0; k < 8; k++) {
        Case *c = case_new("lgr_join");
        Buf ptx = {0};
        bool sum = k & 1, first = k & 2, exact = k & 4;
        join_kernel(c, sum ? LIR_ADD : LIR_SUB, first, exact ? LIR_F_EXACT : 0);
        case_ptx(c, TARGET_SM90A, &ptx);
        assert_int_equal(case_count(ptx.p, "fma.rn.ftz.f32 t"), exact ? 0 : 8);
        assert_int_equal(case_count(ptx.p, "neg.ftz.f32"), exact || sum ? 0 : 8);
        assert_int_equal(case_count(ptx.p, "mul.rn.ftz.f32 t"), exact ? 8 : 0);
        assert_int_equal(case_count(ptx.p, "shl.b32 t"), 8);
        case_assemble(c);
        buf_free(&ptx);
        case_free(c);
    }
}

/* What waits does not wait into a loop. */
static void test_chain_settles(void **state)
{
    (void)state;
    Case *c = case_new("lgr_settle");
    LirFn *fn = c->fn;
    Buf ptx = {0};
    fn->threads = 32;
    LirVal x = lir_op2(fn, LIR_MUL, lir_cast(fn, DT_F32, loaded(c, 0, DT_F16)), lir_cf(fn, DT_F32, 8, 3));
    LirVal i = case_op(c, LIR_VAR, DT_I32, 1, lir_ci(fn, DT_I32, 0), 0, 0);
    case_op(c, LIR_LOOP, 0, 0, 0, 0, 0);
    LirVal n = case_op(c, LIR_GET, DT_I32, 1, i, 0, 0);
    case_op(c, LIR_WHILE, 0, 0, lir_op2(fn, LIR_LT, n, lir_ci(fn, DT_I32, 1000)), 0, 0);
    case_mem(c, LIR_STG, 0, 0, case_at(c, case_ptr(c, 1), n, 16), lir_cast(fn, DT_BF16, lir_op2(fn, LIR_MUL, x, lir_splat(fn, lir_cast(fn, DT_F32, n), 8))), 0, 0, 16, 0);
    lir_set(fn, i, lir_op2(fn, LIR_ADD, n, lir_ci(fn, DT_I32, 1)));
    case_op(c, LIR_END, 0, 0, 0, 0, 0);
    case_ptx(c, TARGET_SM90A, &ptx);
    case_ordered(ptx.p, "cvt.f32.f16", "mul", "$L__BB0_", ":", "mul.ftz.f32", "cvt.rn.bf16x2.f32", "bra", NULL);
    assert_int_equal(case_count(ptx.p, "mul.ftz.f32"), 16);
    buf_free(&ptx);
    case_free(c);
}

/* ---- line tables ---- */

static void test_lines(void **state)
{
    (void)state;
    static const char text[] = "line one\nline two\nline three\n";
    Case *c = case_new("lgr_lines");
    Buf ptx = {0}, plain = {0};
    uint32_t f = diag_add_file(&c->d, "specs/x.tile", text, sizeof text - 1);
    copy_kernel(c, 0);
    for (uint32_t i = 1; i < c->fn->nops; i++)
        c->fn->ops[i].sp = (Span){f, i < c->fn->nops - 2 ? 9 : 18, 19};
    case_ptx(c, TARGET_SM90A, &plain);
    assert_null(strstr(plain.p, ".loc"));
    c->o.line_tables = true;
    case_ptx(c, TARGET_SM90A, &ptx);
    case_ordered(ptx.p, ".target sm_90a\n", ".loc\t1 2", ".loc\t1 3", "st.global", ".file\t1", "x.tile", NULL);
    buf_free(&ptx);
    buf_free(&plain);
    case_assemble(c);
    case_free(c);
}

/* Of 5 n operations: products of sums, known numbers added to an address, divisions by known numbers, comparisons, two floats rounded to f16. */
static void large_kernel(Case *c, int n)
{
    LirFn *fn = c->fn;
    fn->threads = 128;
    fn->smem = 512;
    LirVal tid = case_leaf(c, LIR_TID), at = case_at(c, case_ptr(c, 0), lir_op2(fn, LIR_DIV, tid, lir_ci(fn, DT_I32, 8)), 16), x = lir_cf(fn, DT_F32, 1, 1);
    for (int i = 0; i < n; i++) {
        LirVal v = case_mem(c, LIR_LDG, DT_F32, 1, lir_op2(fn, LIR_ADD, at, lir_ci(fn, DT_I64, 128 * i)), 0, 0, 0, 4, 0);
        x = lir_op2(fn, LIR_ADD, lir_op2(fn, LIR_MUL, x, v), v);
    }
    LirVal inside = lir_op2(fn, LIR_LT, lir_op2(fn, LIR_ADD, lir_op2(fn, LIR_MUL, tid, lir_ci(fn, DT_I32, 8)), lir_ci(fn, DT_I32, 8)), lir_ci(fn, DT_I32, 800));
    case_mem(c, LIR_STS, 0, 0, lir_op2(fn, LIR_MUL, tid, lir_ci(fn, DT_I32, 4)), x, 0, 0, 4, 0);
    case_mem(c, LIR_STGP, 0, 0, case_at(c, case_ptr(c, 1), tid, 4), x, inside, 0, 4, 0);
    LirVal pair = case_op(c, LIR_CAST, DT_F32, 2, case_op(c, LIR_CAST, DT_F16, 2, lir_splat(fn, x, 2), 0, 0), 0, 0);
    case_mem(c, LIR_STG, 0, 0, case_at(c, case_ptr(c, 1), tid, 8), pair, 0, 0, 8, 0);
}

static void test_large(void **state)
{
    (void)state;
    Case *c = case_new("lgr_large"), *small = case_new("lgr_small");
    Buf ptx = {0}, one = {0}, two = {0};
    large_kernel(c, 1000);
    ring_kernel(small);
    case_ptx(small, TARGET_SM90A, &one);
    case_ptx(c, TARGET_SM90A, &ptx);
    case_ptx(small, TARGET_SM90A, &two);
    assert_string_equal(one.p, two.p);
    case_ordered(ptx.p, "%tid.x", "shr.u32", "ld.global.b32", "+128]", "fma.rn", "+127872]", "fma.rn", "setp.lt.u32", ", 99;", "st.shared.b32 \t[%r", "st.global.b32", "cvt.rn.f16x2.f32", ".f32.f16", "st.global.v2.b32", NULL);
    assert_int_equal(case_count(ptx.p, "fma.rn"), 1000);
    assert_int_equal(case_count(ptx.p, "div") + case_count(ptx.p, "mul.rn"), 0);
    case_assemble(c);
    assert_int_equal(case_count(ptx.p, "st.shared.b32 \t[%rd"), 0);      /* shared memory has addresses of 32 bits */
    buf_free(&ptx);
    buf_free(&one);
    buf_free(&two);
    case_free(small);
    case_free(c);
}

/* Two emissions of the same function are byte for byte the same, whatever came between. */
static void test_same(void **state)
{
    (void)state;
    Case *c = case_new("lgr_same");
    Buf one = {0}, two = {0}, other = {0};
    ring_kernel(c);
    case_ptx(c, TARGET_SM90A, &one);
    case_ptx(c, TARGET_SM80, &other);
    case_ptx(c, TARGET_SM90A, &two);
    assert_int_equal(one.n, two.n);
    assert_memory_equal(one.p, two.p, one.n);
    buf_free(&one);
    buf_free(&two);
    buf_free(&other);
    case_free(c);
}

static void test_bad_ptx(void **state)
{
    (void)state;
    static const char bad[] = ".version 8.0\n.target sm_90a\n.address_size 64\n.visible .entry k() { nonsense; }\n";
    Case *c = case_new("lgr_bad");
    Buf cubin = {0};
    uint32_t n = 7;
    if (!ll_ptxas_path())
        printf("  skipped: 1 assembly, no ptxas on this machine\n");
    else {
        assert_false(ll_ptxas(bad, sizeof bad - 1, target_get(TARGET_SM90A), &cubin, NULL, 0, &n, &c->d));
        assert_int_equal(n, 0);
        assert_int_equal(c->d.items[0].code, LG_PTXAS);
        assert_non_null(strstr(c->d.items[0].msg, "ptxas for sm_90a"));
    }
    case_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy), cmocka_unit_test(test_hints), cmocka_unit_test(test_either), cmocka_unit_test(test_wait_is_late), cmocka_unit_test(test_again), cmocka_unit_test(test_row_sum), cmocka_unit_test(test_access),
        cmocka_unit_test(test_predicated), cmocka_unit_test(test_slide), cmocka_unit_test(test_ring), cmocka_unit_test(test_copies), cmocka_unit_test(test_ops), cmocka_unit_test(test_casts),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_exact), cmocka_unit_test(test_chain), cmocka_unit_test(test_chain_joins), cmocka_unit_test(test_chain_settles), cmocka_unit_test(test_lines), cmocka_unit_test(test_same), cmocka_unit_test(test_large),
        cmocka_unit_test(test_bad_ptx)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
