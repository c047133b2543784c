/* test_ptx.c: kernels to PTX: ordered lines and counts, and ptxas for all six GPU targets without a spilled byte. */
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
    case_assemble(c);
    case_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_copy), cmocka_unit_test(test_hints)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
