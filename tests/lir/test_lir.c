/* test_lir.c: the builder folds exactly what it says, the verifier finds each broken rule, the printer's text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lir.h"
#include "lir_share.h"

static LirFn *fresh(Arena *a)
{
    LirFn *fn = lir_new(a, "k");
    fn->threads = 64;
    fn->smem = 256;
    return fn;
}

static LirVal tid(LirFn *fn) { return lir_add(fn, (LirOp){.op = LIR_TID, .dt = DT_I32, .lanes = 1, .ref = -1}); }
static LirVal op0(LirFn *fn, LirOpcode op, LirVal a) { return lir_add(fn, (LirOp){.op = (uint8_t)op, .ref = -1, .a = {a}}); }
static LirVal i32(LirFn *fn, int64_t v) { return lir_ci(fn, DT_I32, v); }

static LirOpcode op_of(const LirFn *fn, LirVal v) { return fn->ops[v].op; }

static void is_const(const LirFn *fn, LirVal v, DType dt, int64_t want)
{
    assert_int_equal(op_of(fn, v), LIR_CONST);
    assert_int_equal(fn->ops[v].dt, dt);
    assert_int_equal(fn->ops[v].imm.i, want);
}

static void folds_constants(void **state)
{
    (void)state;
    static const struct { LirOpcode op; DType dt; int64_t x, y; DType rt; int64_t r; } t[] = {
        {LIR_ADD, DT_I32, 2147483647, 1, DT_I32, -2147483648ll}, {LIR_SUB, DT_I64, 3, 5, DT_I64, -2}, {LIR_MUL, DT_I32, 65536, 65536, DT_I32, 0},
        {LIR_DIV, DT_I32, -7, 2, DT_I32, -3}, {LIR_DIV, DT_I32, 7, 0, DT_I32, 0}, {LIR_DIV, DT_I32, -2147483648ll, -1, DT_I32, -2147483648ll},
        {LIR_REM, DT_I32, -7, 2, DT_I32, -1}, {LIR_REM, DT_I64, INT64_MIN, -1, DT_I64, 0}, {LIR_MIN, DT_I32, -1, 2, DT_I32, -1},
        {LIR_MAX, DT_U8, 255, 2, DT_U8, 255}, {LIR_ADD, DT_U8, 255, 2, DT_U8, 1}, {LIR_SHL, DT_I32, 1, 33, DT_I32, 2},
        {LIR_SHR, DT_I32, -8, 1, DT_I32, -4}, {LIR_LT, DT_I32, -1, 0, DT_BOOL, 1}, {LIR_GE, DT_I64, 4, 5, DT_BOOL, 0},
        {LIR_XOR, DT_I32, 6, 3, DT_I32, 5}, {LIR_AND, DT_BOOL, 1, 0, DT_BOOL, 0}, {LIR_NE, DT_I32, 4, 4, DT_BOOL, 0},
    };
    Arena *a = arena_new();
    LirFn *fn = fresh(a);
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        is_const(fn, lir_op2(fn, t[i].op, lir_ci(fn, t[i].dt, t[i].x), lir_ci(fn, t[i].dt, t[i].y)), t[i].rt, t[i].r);
    LirVal v = lir_op2(fn, LIR_ADD, lir_splat(fn, i32(fn, 2), 4), i32(fn, 3));
    is_const(fn, v, DT_I32, 5);
    assert_int_equal(lir_lanes(fn, v), 4);
    is_const(fn, lir_cast(fn, DT_I32, lir_ci(fn, DT_I64, 1ll << 32 | 7)), DT_I32, 7);
    LirVal three = lir_cast(fn, DT_F32, i32(fn, 3));
    assert_true(op_of(fn, three) == LIR_CONST && fn->ops[three].imm.f == 3.0);
    assert_int_equal(op_of(fn, lir_cast(fn, DT_F32, i32(fn, (1 << 24) + 1))), LIR_CAST);
    is_const(fn, lir_op1(fn, LIR_NOT, lir_ci(fn, DT_BOOL, 1)), DT_BOOL, 0);
    arena_free(a);
}

static void folds_identities(void **state)
{
    (void)state;
    Arena *a = arena_new();
    LirFn *fn = fresh(a);
    LirVal x = tid(fn), b = lir_op2(fn, LIR_LT, x, i32(fn, 5)), v = lir_splat(fn, x, 4);
    static const struct { LirOpcode op; int64_t k; bool left; } same[] = {
        {LIR_ADD, 0, true}, {LIR_MUL, 1, true}, {LIR_OR, 0, true}, {LIR_AND, -1, true}, {LIR_SUB, 0, false}, {LIR_DIV, 1, false}, {LIR_SHL, 0, false},
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_int_equal(lir_op2(fn, same[i].op, x, i32(fn, same[i].k)), x);
        assert_int_equal(lir_op2(fn, same[i].op, v, i32(fn, same[i].k)), v);
        if (same[i].left)
            assert_int_equal(lir_op2(fn, same[i].op, i32(fn, same[i].k), x), x);
        else
            assert_int_equal(op_of(fn, lir_op2(fn, same[i].op, i32(fn, same[i].k), x)), same[i].op);
    }
    is_const(fn, lir_op2(fn, LIR_MUL, x, i32(fn, 0)), DT_I32, 0);
    is_const(fn, lir_op2(fn, LIR_REM, x, i32(fn, 1)), DT_I32, 0);
    is_const(fn, lir_op2(fn, LIR_SUB, x, x), DT_I32, 0);
    is_const(fn, lir_op2(fn, LIR_LE, x, x), DT_BOOL, 1);
    assert_int_equal(lir_op2(fn, LIR_MIN, x, x), x);
    assert_int_equal(lir_op2(fn, LIR_AND, b, lir_ci(fn, DT_BOOL, 1)), b);
    is_const(fn, lir_op2(fn, LIR_OR, b, lir_ci(fn, DT_BOOL, 1)), DT_BOOL, 1);
    assert_int_equal(lir_op3(fn, LIR_SELECT, lir_ci(fn, DT_BOOL, 0), x, v), v);
    assert_int_equal(lir_op3(fn, LIR_SELECT, b, x, x), x);
    LirVal f = lir_cast(fn, DT_F32, x);
    assert_int_equal(op_of(fn, lir_op2(fn, LIR_ADD, f, lir_cf(fn, DT_F32, 1, 0.0))), LIR_ADD);   /* -0 + 0 is 0 */
    assert_int_equal(op_of(fn, lir_op2(fn, LIR_MUL, f, lir_cf(fn, DT_F32, 1, 0.0))), LIR_MUL);
    arena_free(a);
}

static void words_are_interned(void **state)
{
    (void)state;
    Arena *a = arena_new();
    LirFn *fn = fresh(a);
    assert_int_equal(lir_word_index(fn, (LirWord){LIR_W_STRIDE, 1, 0}), 0);
    assert_int_equal(lir_word_index(fn, (LirWord){LIR_W_STRIDE, 1, 1}), 1);
    assert_int_equal(lir_word_index(fn, (LirWord){LIR_W_STRIDE, 1, 0}), 0);
    assert_int_equal(fn->nwords, 2);
    arena_free(a);
}

/* ---- the verifier: one broken rule each; the text that names it ---- */

static void not_before(LirFn *fn) { lir_add(fn, (LirOp){.op = LIR_NEG, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {9}}); }
static void no_value(LirFn *fn) { lir_add(fn, (LirOp){.op = LIR_NEG, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {op0(fn, LIR_BAR, 0)}}); }
static void other_type(LirFn *fn) { lir_add(fn, (LirOp){.op = LIR_ADD, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {tid(fn), lir_ci(fn, DT_I64, 1)}}); }
static void other_lanes(LirFn *fn) { lir_add(fn, (LirOp){.op = LIR_ADD, .dt = DT_I32, .lanes = 4, .ref = -1, .a = {tid(fn), tid(fn)}}); }
static void float_bits(LirFn *fn) { lir_op2(fn, LIR_AND, lir_cf(fn, DT_F32, 1, 1), lir_cf(fn, DT_F32, 1, 1)); }
static void int_exp(LirFn *fn) { lir_op1(fn, LIR_EXP, tid(fn)); }
static void var_as_value(LirFn *fn) { lir_op1(fn, LIR_NEG, lir_op1(fn, LIR_VAR, tid(fn))); }
static void get_of_value(LirFn *fn) { lir_op1(fn, LIR_GET, tid(fn)); }
static void set_other(LirFn *fn) { lir_set(fn, lir_op1(fn, LIR_VAR, tid(fn)), lir_ci(fn, DT_I64, 1)); }
static void no_element(LirFn *fn) { lir_add(fn, (LirOp){.op = LIR_EXTRACT, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {tid(fn)}, .imm.i = 1}); }
static void no_word(LirFn *fn) { lir_add(fn, (LirOp){.op = LIR_WORD, .dt = DT_I32, .lanes = 1, .ref = -1, .imm.i = 3}); }
static void narrow_address(LirFn *fn) { lir_add(fn, (LirOp){.op = LIR_LDG, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {tid(fn)}, .imm.i = 4}); }
static void odd_alignment(LirFn *fn) { lir_add(fn, (LirOp){.op = LIR_LDG, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {lir_ci(fn, DT_I64, 0)}, .imm.i = 2}); }
static void copy_size(LirFn *fn) { lir_add(fn, (LirOp){.op = LIR_CPA, .ref = -1, .a = {tid(fn), lir_ci(fn, DT_I64, 0), lir_ci(fn, DT_BOOL, 1)}, .imm.i = 12}); }
static void no_lane(LirFn *fn) { lir_add(fn, (LirOp){.op = LIR_BFLY, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {tid(fn)}, .imm.i = 32}); }
static void alike_wide(LirFn *fn) { lir_alike(fn, lir_ci(fn, DT_I64, 0), 8); }
static void alike_nothing(LirFn *fn) { lir_alike(fn, tid(fn), 0); }
static void wide_sum(LirFn *fn) { lir_add(fn, (LirOp){.op = LIR_WSUM, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {lir_ci(fn, DT_I64, 0)}}); }
static void draw_wide(LirFn *fn) { lir_add(fn, (LirOp){.op = LIR_DRAW, .dt = DT_I64, .lanes = 1, .ref = -1, .a = {lir_ci(fn, DT_I64, 0), tid(fn), lir_ci(fn, DT_BOOL, 1)}}); }
static void mark_wide(LirFn *fn) { lir_add(fn, (LirOp){.op = LIR_MARK, .ref = -1, .a = {lir_ci(fn, DT_I64, 0), lir_ci(fn, DT_I64, 9), lir_ci(fn, DT_BOOL, 1)}}); }
static void lone_while(LirFn *fn) { op0(fn, LIR_WHILE, lir_ci(fn, DT_BOOL, 0)); }
static void lone_end(LirFn *fn) { op0(fn, LIR_END, 0); }
static void open_loop(LirFn *fn) { op0(fn, LIR_LOOP, 0); }

static void while_in_if(LirFn *fn)
{
    LirVal b = lir_op2(fn, LIR_LT, tid(fn), i32(fn, 3));
    op0(fn, LIR_LOOP, 0);
    op0(fn, LIR_IF, b);
    op0(fn, LIR_WHILE, b);
    op0(fn, LIR_END, 0);
    op0(fn, LIR_END, 0);
}

static void divergent_barrier(LirFn *fn)
{
    op0(fn, LIR_IF, lir_op2(fn, LIR_LT, tid(fn), i32(fn, 3)));
    op0(fn, LIR_BAR, 0);
    op0(fn, LIR_END, 0);
}

static void barrier_apart(LirFn *fn)
{
    lir_add(fn, (LirOp){.op = LIR_LOOP, .ref = -1, .flags = LIR_F_APART});
    op0(fn, LIR_BAR, 0);
    op0(fn, LIR_END, 0);
}

static void inbox_alone(LirFn *fn) { lir_add(fn, (LirOp){.op = LIR_INBOXES, .ref = -1, .imm.i = 1}); }

static void inbox_outside(LirFn *fn)
{
    fn->cluster = 2;
    fn->inbox = 64;
    lir_add(fn, (LirOp){.op = LIR_INBOXES, .ref = -1, .imm.i = 32});
}

static void out_of_scope(LirFn *fn)
{
    LirVal x = tid(fn);
    op0(fn, LIR_IF, lir_op2(fn, LIR_LT, x, i32(fn, 3)));
    LirVal y = lir_op1(fn, LIR_NEG, x);
    op0(fn, LIR_ELSE, 0);
    lir_op1(fn, LIR_ABS, y);
    op0(fn, LIR_END, 0);
}

static void verifier(void **state)
{
    (void)state;
    static const struct { void (*build)(LirFn *); const char *text; } t[] = {
        {not_before, "does not come before"}, {no_value, "has no value"}, {other_type, "different types"}, {other_lanes, "different lanes"},
        {float_bits, "bits of floats"}, {int_exp, "wants floats"}, {var_as_value, "read by get"}, {get_of_value, "not a variable"},
        {set_other, "another type"}, {no_element, "no such element"}, {no_word, "no such parameter word"}, {narrow_address, "not one i64"},
        {odd_alignment, "alignment out of range"}, {copy_size, "4, 8 or 16 bytes"}, {no_lane, "no such lane"}, {alike_wide, "wants one i32, and gives one"}, {alike_nothing, "compares 1 to 32 bits"}, {wide_sum, "wants one i32, and gives one"}, {draw_wide, "wants an i64, an i32 and a bool, and gives one i32"}, {mark_wide, "wants an i64, an i32 and a bool"}, {lone_while, "not directly in a loop"},
        {lone_end, "nothing is open"}, {open_loop, "never closed"}, {while_in_if, "not directly in a loop"},
        {divergent_barrier, "threads may enter apart"}, {barrier_apart, "that warps leave apart"}, {inbox_alone, "wants a cluster"},
        {inbox_outside, "outside shared memory"}, {out_of_scope, "region that is closed"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        Arena *a = arena_new();
        Diag d;
        diag_init(&d, a);
        LirFn *fn = fresh(a);
        t[i].build(fn);
        assert_false(lir_verify(fn, &d));
        if (!d.n || !strstr(d.items[0].msg, t[i].text))
            fail_msg("case %zu: \"%s\" is not in: %s", i, t[i].text, d.n ? d.items[0].msg : "");
        assert_int_equal(d.items[0].cls, DIAG_BUG);
        arena_free(a);
    }
}

/* ---- the text ---- */

static const char text[] =
    "kernel k threads=64 warp=32 smem=256\n"
    "  word 0: ptr 1\n"
    "  word 1: rowlen\n"
    "  %1 = i32 tid\n"
    "  %2 = i32 word 1\n"
    "  %3 = bool lt %1, %2\n"
    "  %4 = i64 word 0\n"
    "  if %3 uniform\n"
    "    %6 = <4 x bf16> ldg %4 tensor=1 align=8 const stream\n"
    "    %7 = <4 x f32> const 0.5\n"
    "    %8 = <4 x f32> cast %6\n"
    "    %9 = <4 x f32> mul %8, %7\n"
    "    %10 = f32 hsum %9\n"
    "    sts %1, %10 align=4\n"
    "    bar 0\n"
    "  else uniform\n"
    "    cpwait 1\n"
    "  end\n";

static void printer(void **state)
{
    (void)state;
    Arena *a = arena_new();
    Buf b = {0};
    Diag d;
    diag_init(&d, a);
    LirFn *fn = fresh(a);
    LirVal t = tid(fn), p = lir_word_index(fn, (LirWord){LIR_W_PTR, 1, 0});
    LirVal in = lir_op2(fn, LIR_LT, t, lir_word(fn, DT_I32, (LirWord){LIR_W_ROWLEN, 0, 0}));
    LirVal at = lir_add(fn, (LirOp){.op = LIR_WORD, .dt = DT_I64, .lanes = 1, .ref = -1, .imm.i = p});
    lir_add(fn, (LirOp){.op = LIR_IF, .ref = -1, .flags = LIR_F_UNIFORM, .a = {in}});
    LirVal v = lir_add(fn, (LirOp){.op = LIR_LDG, .dt = DT_BF16, .lanes = 4, .ref = 1, .flags = LIR_F_CONST | LIR_F_STREAM, .a = {at}, .imm.i = 8});
    LirVal half = lir_cf(fn, DT_F32, 4, 0.5);
    v = lir_op1(fn, LIR_HSUM, lir_op2(fn, LIR_MUL, lir_cast(fn, DT_F32, v), half));
    lir_add(fn, (LirOp){.op = LIR_STS, .ref = -1, .a = {t, v}, .imm.i = 4});
    op0(fn, LIR_BAR, 0);
    lir_add(fn, (LirOp){.op = LIR_ELSE, .ref = -1, .flags = LIR_F_UNIFORM});
    lir_add(fn, (LirOp){.op = LIR_CPWAIT, .ref = -1, .imm.i = 1});
    op0(fn, LIR_END, 0);
    lir_print(&b, fn);
    assert_string_equal(b.p, text);
    assert_true(lir_verify(fn, &d));
    buf_free(&b);
    arena_free(a);
}

static LirVal get(LirFn *fn, LirVal var) { return lir_add(fn, (LirOp){.op = LIR_GET, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {var}}); }

/* A value is shared with an earlier one of an open region; a variable's until it is set or control joins; what nothing reads is not wanted. */
static void shares_and_drops(void **state)
{
    (void)state;
    Arena *a = arena_new();
    LirFn *fn = fresh(a);
    LirVal t = tid(fn), x = lir_op2(fn, LIR_ADD, t, i32(fn, 3)), again = lir_op2(fn, LIR_ADD, tid(fn), i32(fn, 3)), other = lir_op2(fn, LIR_ADD, t, i32(fn, 4));
    LirVal unread = lir_op2(fn, LIR_MUL, x, other), var = lir_add(fn, (LirOp){.op = LIR_VAR, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {again}});
    LirVal cond = lir_op2(fn, LIR_LT, x, other), g0 = get(fn, var);
    op0(fn, LIR_IF, cond);
    LirVal g1 = get(fn, var), inner = lir_op2(fn, LIR_SUB, g1, t);
    lir_set(fn, var, inner);
    LirVal g2 = get(fn, var);
    lir_set(fn, var, lir_op2(fn, LIR_XOR, g2, t));
    op0(fn, LIR_ELSE, 0);
    LirVal g3 = get(fn, var), outer = lir_op2(fn, LIR_SUB, g3, t);
    lir_set(fn, var, outer);
    op0(fn, LIR_END, 0);
    LirVal g4 = get(fn, var), g5 = get(fn, var), sum = lir_op2(fn, LIR_SUB, g5, t);
    lir_set(fn, var, lir_op2(fn, LIR_ADD, lir_op2(fn, LIR_ADD, g4, sum), g0));
    LirVal *rep = lir_share(fn, a);
    assert_int_equal(rep[again], x);
    assert_int_equal(rep[other], other);
    assert_int_equal(rep[unread], 0);
    assert_int_equal(rep[g1], g0);
    assert_int_equal(rep[g2], g2);
    assert_int_equal(rep[g3], g3);
    assert_int_equal(rep[inner], inner);
    assert_int_equal(rep[outer], outer);
    assert_int_equal(rep[g4], g4);
    assert_int_equal(rep[g5], g4);
    assert_int_equal(rep[sum], sum);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_and_drops), cmocka_unit_test(folds_constants), cmocka_unit_test(folds_identities), cmocka_unit_test(words_are_interned),
        cmocka_unit_test(verifier), cmocka_unit_test(printer),
    };
    return cmocka_run_group_tests_name("lir", tests, NULL, NULL);
}
