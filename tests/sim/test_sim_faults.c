/* test_sim_faults.c: faults planted one by one, each found and named; beside each the same code put right, which runs.
 *
 * Two warps of 32 threads, 4-byte elements.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "sim_case.h"

enum { THREADS = 64 };

static int32_t in[THREADS * 4] __attribute__((aligned(16))), out[THREADS * 4] __attribute__((aligned(16)));

static void begin(SimCase *c)
{
    case_begin(c, THREADS, 2048);
    for (int i = 0; i < THREADS * 4; i++)
        in[i] = i;
    case_buffer(c, in, sizeof in);
    case_buffer(c, out, sizeof out);
}

static void op0(SimCase *c, LirOpcode op, int64_t imm) { case_op(c, (LirOp){.op = (uint8_t)op, .ref = -1, .imm.i = imm}); }
static LirVal op2(SimCase *c, LirOpcode op, LirVal a, int64_t b) { return lir_op2(c->fn, op, a, case_i32(c, b)); }

static void sts(SimCase *c, LirVal index, LirVal v)
{
    case_op(c, (LirOp){.op = LIR_STS, .ref = -1, .a = {case_off(c, index, 4), v}, .imm.i = 4});
}

static LirVal lds(SimCase *c, LirVal index)
{
    return case_op(c, (LirOp){.op = LIR_LDS, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {case_off(c, index, 4)}, .imm.i = 4});
}

/* NULL: must run; else must fault with this in its text. */
static void expect(SimCase *c, uint32_t blocks, const char *text)
{
    bool ok = case_run(c, blocks);
    if (!text && !ok)
        fail_msg("%s", c->res.first);
    if (text && ok)
        fail_msg("no fault, wanted: %s", text);
    if (text && !strstr(c->res.first, text))
        fail_msg("\"%s\" is not in: %s", text, c->res.first);
    case_end(c);
}

/* Threads pass their number on through shared memory; what separates write and read differs. */
static void pass_on(int distance, LirOpcode between, const char *text)
{
    SimCase c;
    begin(&c);
    sts(&c, c.tid, c.tid);
    if (between)
        op0(&c, between, 0);
    case_store(&c, 1, lds(&c, op2(&c, LIR_XOR, c.tid, distance)));
    expect(&c, 1, text);
    if (!text)
        for (int t = 0; t < THREADS; t++)
            assert_int_equal(out[t], t ^ distance);
}

static void read_after_write(void **state)
{
    (void)state;
    pass_on(0, LIR_NOP, NULL);
    pass_on(1, LIR_NOP, "with no barrier between");
    pass_on(1, LIR_WARPSYNC, NULL);
    pass_on(1, LIR_BAR, NULL);
    pass_on(32, LIR_NOP, "with no barrier between");
    pass_on(32, LIR_WARPSYNC, "with no barrier between");
    pass_on(32, LIR_BAR, NULL);
}

static void write_after_read(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        SimCase c;
        int distance = i < 3 ? 1 : 32, sync = i % 3;
        begin(&c);
        sts(&c, c.tid, c.tid);
        op0(&c, LIR_BAR, 0);
        LirVal v = lds(&c, op2(&c, LIR_XOR, c.tid, distance));
        if (sync)
            op0(&c, sync == 1 ? LIR_WARPSYNC : LIR_BAR, 0);
        sts(&c, c.tid, v);
        bool fine = sync == 2 || (sync == 1 && distance == 1);
        expect(&c, 1, fine ? NULL : "read with no barrier between");
    }
}

static void double_write(void **state)
{
    (void)state;
    SimCase c;
    begin(&c);
    sts(&c, op2(&c, LIR_SHR, c.tid, 1), c.tid);
    expect(&c, 1, "wrote with no barrier between");
}

/* Readers in both warps: a writer must wait for all of them, not only for the last. */
static void several_readers(void **state)
{
    (void)state;
    for (int named = 0; named < 2; named++) {
        SimCase c;
        begin(&c);
        LirVal first = lir_op2(c.fn, LIR_EQ, c.tid, case_i32(&c, 0)), zero = case_off(&c, case_i32(&c, 0), 4);
        case_op(&c, (LirOp){.op = LIR_STSP, .ref = -1, .a = {zero, c.tid, first}, .imm.i = 4});
        op0(&c, LIR_BAR, 0);
        lds(&c, case_i32(&c, 0));
        if (named)
            case_op(&c, (LirOp){.op = LIR_BARN, .ref = -1, .a = {op2(&c, LIR_ADD, op2(&c, LIR_SHR, c.tid, 5), 1)}, .imm.i = 32});
        else
            op0(&c, LIR_BAR, 0);
        case_op(&c, (LirOp){.op = LIR_STSP, .ref = -1, .a = {zero, c.tid, first}, .imm.i = 4});
        expect(&c, 1, named ? "warp 1 read with no barrier between" : NULL);
    }
}

static void unwritten(void **state)
{
    (void)state;
    for (int used = 0; used < 2; used++) {
        SimCase c;
        begin(&c);
        LirVal v = op2(&c, LIR_ADD, lds(&c, c.tid), 1), none = lir_op2(c.fn, LIR_LT, c.tid, case_i32(&c, used ? THREADS - 1 : 0));
        case_store(&c, 1, lir_op3(c.fn, LIR_SELECT, none, v, c.tid));
        expect(&c, 1, used ? "made of shared memory that nobody wrote" : NULL);
    }
    SimCase c;
    begin(&c);
    LirVal v = lds(&c, c.tid);
    case_op(&c, (LirOp){.op = LIR_IF, .ref = -1, .a = {lir_op2(c.fn, LIR_LT, v, c.tid)}});
    op0(&c, LIR_END, 0);
    expect(&c, 1, "the condition is made of shared memory");
}

static void copies(void **state)
{
    (void)state;
    /* 0: no wait; 1: waited, own bytes; 2: waited, other's bytes; 3: and a barrier; 4: the second group still pending; 5: overwritten */
    static const char *const want[] = {"still writing", NULL, "with no barrier between", NULL, "still writing", "still writing"};
    for (int i = 0; i < 6; i++) {
        SimCase c;
        begin(&c);
        for (int g = 0; g < 2; g++) {
            LirVal at = case_off(&c, op2(&c, LIR_ADD, c.tid, g * THREADS), 4);
            case_op(&c, (LirOp){.op = LIR_CPA, .ref = -1, .a = {at, case_at(&c, 0, c.tid, 4), lir_ci(c.fn, DT_BOOL, 1)}, .imm.i = 4});
            op0(&c, LIR_CPCOMMIT, 0);
        }
        if (i > 0)
            op0(&c, LIR_CPWAIT, 1);
        if (i == 3)
            op0(&c, LIR_BAR, 0);
        if (i == 5)
            sts(&c, op2(&c, LIR_ADD, c.tid, THREADS), c.tid);
        LirVal index = i == 4 ? op2(&c, LIR_ADD, c.tid, THREADS) : i == 2 || i == 3 ? op2(&c, LIR_XOR, c.tid, 33) : c.tid;
        case_store(&c, 1, lds(&c, index));
        expect(&c, 1, want[i]);
        for (int t = 0; !want[i] && t < THREADS; t++)
            assert_int_equal(out[t], i == 3 ? t ^ 33 : t);
    }
}

static void bounds(void **state)
{
    (void)state;
    SimCase c;
    for (int past = 0; past < 2; past++) {
        begin(&c);
        LirVal at = case_at(&c, 0, op2(&c, LIR_ADD, c.tid, THREADS * 3 + past), 4);
        case_op(&c, (LirOp){.op = LIR_LDG, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {at}, .imm.i = 4});
        expect(&c, 1, past ? "thread 63: reads 4 bytes" : NULL);
    }
    begin(&c);
    case_op(&c, (LirOp){.op = LIR_STG, .ref = -1, .a = {case_at(&c, 1, op2(&c, LIR_SUB, c.tid, 1), 4), c.tid}, .imm.i = 4});
    expect(&c, 1, "thread 0: writes 4 bytes");
    begin(&c);
    sts(&c, op2(&c, LIR_ADD, c.tid, 512 - 63), c.tid);
    expect(&c, 1, "thread 63: writes 4 bytes at shared offset 2048 of 2048");
    begin(&c);
    lds(&c, op2(&c, LIR_SUB, c.tid, 1));
    expect(&c, 1, "thread 0: reads 4 bytes at shared offset -4");
}

static void alignment(void **state)
{
    (void)state;
    SimCase c;
    for (int off = 0; off < 2; off++) {
        begin(&c);
        LirVal at = case_at(&c, 0, op2(&c, LIR_ADD, op2(&c, LIR_MUL, c.tid, 2), off), 4);
        case_op(&c, (LirOp){.op = LIR_LDG, .dt = DT_I32, .lanes = 2, .ref = -1, .a = {at}, .imm.i = 8});
        expect(&c, 1, off ? "is no multiple of 8" : NULL);
    }
    begin(&c);
    case_op(&c, (LirOp){.op = LIR_LDS, .dt = DT_I32, .lanes = 4, .ref = -1, .a = {case_off(&c, c.tid, 4)}, .imm.i = 16});
    expect(&c, 1, "shared offset 4 is no multiple of 16");
}

static void open_if(SimCase *c, LirVal cond, int flags)
{
    case_op(c, (LirOp){.op = LIR_IF, .ref = -1, .flags = (uint8_t)flags, .a = {cond}});
}

static void divergence(void **state)
{
    (void)state;
    static const struct { LirOpcode op; int below; const char *text; } t[] = {
        {LIR_BAR, 32, "said to be uniform, but 32 of 64 threads enter"}, {LIR_BAR, 64, NULL}, {LIR_BAR, 0, NULL},
        {LIR_WARPSYNC, 32, "said to be uniform"},
    };
    SimCase c;
    for (int i = 0; i < 4; i++) {
        begin(&c);
        open_if(&c, lir_op2(c.fn, LIR_LT, c.tid, case_i32(&c, t[i].below)), LIR_F_UNIFORM);
        op0(&c, t[i].op, 0);
        op0(&c, LIR_END, 0);
        expect(&c, 1, t[i].text);
    }
    for (int below = 16; below <= 32; below += 16) {
        begin(&c);
        open_if(&c, lir_op2(c.fn, LIR_LT, c.tid, case_i32(&c, below)), 0);
        op0(&c, LIR_WARPSYNC, 0);
        op0(&c, LIR_END, 0);
        expect(&c, 1, below == 16 ? "part of warp 0 arrives" : NULL);
        begin(&c);
        open_if(&c, lir_op2(c.fn, LIR_LT, c.tid, case_i32(&c, below)), 0);
        case_op(&c, (LirOp){.op = LIR_BFLY, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {c.tid}, .imm.i = 16});
        op0(&c, LIR_END, 0);
        expect(&c, 1, below == 16 ? "takes the value of thread 16, which is not there" : NULL);
        begin(&c);
        open_if(&c, lir_op2(c.fn, LIR_LT, c.tid, case_i32(&c, below)), 0);
        lir_alike(c.fn, c.tid, 32);
        op0(&c, LIR_END, 0);
        expect(&c, 1, below == 16 ? "is compared with thread 16, which is not there" : NULL);
        begin(&c);
        open_if(&c, lir_op2(c.fn, LIR_LT, c.tid, case_i32(&c, below)), 0);
        case_op(&c, (LirOp){.op = LIR_WSUM, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {c.tid}});
        op0(&c, LIR_END, 0);
        expect(&c, 1, below == 16 ? "is added to thread 16, which is not there" : NULL);
    }
}

static void draw_outside(void **state)
{
    (void)state;
    SimCase c;
    begin(&c);
    case_op(&c, (LirOp){.op = LIR_DRAW, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {lir_ci(c.fn, DT_I64, 64), case_i32(&c, 1), lir_op2(c.fn, LIR_EQ, c.tid, case_i32(&c, 3))}});
    expect(&c, 1, "adds to 4 bytes at 0x40, outside every buffer");
}

static void mark_outside(void **state)
{
    (void)state;
    SimCase c;
    begin(&c);
    case_op(&c, (LirOp){.op = LIR_MARK, .ref = -1, .a = {lir_ci(c.fn, DT_I64, 64), case_i32(&c, 9), lir_op2(c.fn, LIR_EQ, c.tid, case_i32(&c, 3))}});
    expect(&c, 1, "marks 8 bytes at 0x40, outside every buffer");
}

static void loops_apart(void **state)
{
    (void)state;
    SimCase c;
    begin(&c);
    LirVal i = lir_op1(c.fn, LIR_VAR, c.tid);
    op0(&c, LIR_LOOP, 0);
    LirVal at = lir_op1(c.fn, LIR_GET, i);
    case_op(&c, (LirOp){.op = LIR_WHILE, .ref = -1, .a = {lir_op2(c.fn, LIR_LT, at, case_i32(&c, 63))}});
    lir_set(c.fn, i, op2(&c, LIR_ADD, at, 1));
    op0(&c, LIR_END, 0);
    expect(&c, 1, "threads leave the loop apart");
}

/* Warps leave a loop apart where that is said; threads of a warp do not. */
static void warps_apart(void **state)
{
    (void)state;
    for (int shift = 4; shift <= 5; shift++) {
        SimCase c;
        begin(&c);
        LirVal i = lir_op1(c.fn, LIR_VAR, case_i32(&c, 0));
        case_op(&c, (LirOp){.op = LIR_LOOP, .ref = -1, .flags = LIR_F_APART});
        LirVal at = lir_op1(c.fn, LIR_GET, i);
        case_op(&c, (LirOp){.op = LIR_WHILE, .ref = -1, .a = {lir_op2(c.fn, LIR_LE, at, op2(&c, LIR_SHR, c.tid, shift))}});
        lir_set(c.fn, i, op2(&c, LIR_ADD, at, 1));
        op0(&c, LIR_END, 0);
        case_store(&c, 1, lir_op1(c.fn, LIR_GET, i));
        expect(&c, 1, shift == 4 ? "threads of a group leave the loop apart" : NULL);
        for (int t = 0; t < THREADS && shift == 5; t++)
            assert_int_equal(out[t], t / 32 + 1);
    }
}

/* Two blocks of two warps send each other a word a warp, in a loop of three turns over two inboxes. */
typedef struct Mail { int bytes, armed, parity, threads; const char *text; } Mail;

static void send_words(SimCase *c, const Mail *m)
{
    LirVal turn = lir_op1(c->fn, LIR_VAR, case_i32(c, 0)), lane = op2(c, LIR_AND, c->tid, 31);
    LirVal rank = case_op(c, (LirOp){.op = LIR_CTARANK, .dt = DT_I32, .lanes = 1, .ref = -1});
    op0(c, LIR_INBOXES, 2);
    op0(c, LIR_CLBAR, 0);
    op0(c, LIR_LOOP, 0);
    LirVal at = lir_op1(c->fn, LIR_GET, turn), box = op2(c, LIR_AND, at, 1), parity = op2(c, LIR_SHR, at, 1);
    case_op(c, (LirOp){.op = LIR_WHILE, .ref = -1, .a = {op2(c, LIR_LT, at, 3)}});
    LirVal first = m->armed == 1 ? op2(c, LIR_EQ, c->tid, 0) : op2(c, LIR_EQ, lane, m->armed ? 0 : 32);
    case_op(c, (LirOp){.op = LIR_ARM, .ref = -1, .a = {box, first}, .imm.i = m->bytes});
    LirVal word = lir_op2(c->fn, LIR_ADD, op2(c, LIR_MUL, box, 4), lir_op2(c->fn, LIR_ADD, op2(c, LIR_MUL, rank, 2), op2(c, LIR_SHR, c->tid, 5)));
    case_op(c, (LirOp){.op = LIR_SEND, .ref = -1, .a = {case_off(c, word, 4), op2(c, LIR_ADD, op2(c, LIR_MUL, rank, 100), 0), box, lane}, .imm.i = 4});
    case_op(c, (LirOp){.op = LIR_TAKE, .ref = -1, .a = {box, m->parity ? parity : box}, .imm.i = m->threads});
    LirVal other = lir_op2(c->fn, LIR_ADD, op2(c, LIR_MUL, box, 4), op2(c, LIR_SUB, lir_op1(c->fn, LIR_NEG, op2(c, LIR_MUL, rank, 2)), -2));
    LirVal got = case_op(c, (LirOp){.op = LIR_LDS, .dt = DT_I32, .lanes = 1, .ref = -1, .a = {case_off(c, other, 4)}, .imm.i = 4});
    lir_set(c->fn, turn, op2(c, LIR_ADD, at, 1));
    case_op(c, (LirOp){.op = LIR_STG, .ref = -1, .a = {case_at(c, 1, lir_op2(c->fn, LIR_ADD, op2(c, LIR_MUL, rank, THREADS), c->tid), 4), lir_op2(c->fn, LIR_ADD, got, at)}, .imm.i = 4});
    op0(c, LIR_END, 0);
}

static void inboxes(void **state)
{
    (void)state;
    static const Mail t[] = {
        {16, 1, 1, THREADS, NULL}, {12, 1, 1, THREADS, "16 of 12 bytes have come"}, {16, 0, 1, THREADS, "16 of -1 bytes have come"},
        {16, 2, 1, THREADS, "armed twice"}, {16, 1, 0, THREADS, "other parity"}, {16, 1, 1, 32, "which is for 32 in each block"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        SimCase c;
        begin(&c);
        c.fn->cluster = 2;
        c.fn->inbox = 1024;
        send_words(&c, &t[i]);
        expect(&c, 2, t[i].text);
        for (int k = 0; k < 2 * THREADS && !t[i].text; k++)
            assert_int_equal(out[k], (k < THREADS ? 100 : 0) + 2);
    }
}

static void named_barriers(void **state)
{
    (void)state;
    static const struct { int shift, threads; const char *text; } t[] = {
        {5, 32, NULL}, {6, 64, NULL}, {6, 32, "64 threads arrive at barrier 1, which is for 32"}, {4, 32, "arrives at two barriers"},
        {5, 64, "32 threads arrive at barrier 1, which is for 64"},
    };
    for (int i = 0; i < 5; i++) {
        SimCase c;
        begin(&c);
        case_op(&c, (LirOp){.op = LIR_BARN, .ref = -1, .a = {op2(&c, LIR_ADD, op2(&c, LIR_SHR, c.tid, t[i].shift), 1)}, .imm.i = t[i].threads});
        expect(&c, 1, t[i].text);
    }
}

static void global_races(void **state)
{
    (void)state;
    SimCase c;
    begin(&c);
    case_op(&c, (LirOp){.op = LIR_STG, .ref = -1, .a = {case_at(&c, 1, op2(&c, LIR_SHR, c.tid, 1), 4), c.tid}, .imm.i = 4});
    expect(&c, 1, "thread 1: writes what thread 0 of block 0 has written");
    begin(&c);
    case_store(&c, 1, c.tid);
    expect(&c, 2, "block 1, thread 0: writes what thread 0 of block 0 has written");
    for (int barrier = 0; barrier < 2; barrier++) {
        begin(&c);
        LirVal v = case_load(&c, 0, DT_I32, 1);
        if (barrier)
            op0(&c, LIR_BAR, 0);
        case_op(&c, (LirOp){.op = LIR_STG, .ref = -1, .a = {case_at(&c, 0, op2(&c, LIR_XOR, c.tid, 1), 4), v}, .imm.i = 4});
        expect(&c, 1, barrier ? NULL : "writes what another thread of the block has read, with no barrier between");
    }
}

/* What is asked for is there, but for the unit that it begins in. */
static void asked(void **state)
{
    (void)state;
    static const struct { int64_t from, bytes; bool nobody; const char *text; } rows[] = {
        {0, sizeof in, false, NULL}, {16, sizeof in, false, "outside every buffer"}, {8, 32, false, "outside every buffer"}, {0, 40, false, "outside every buffer"}, {16, sizeof in, true, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        SimCase c;
        begin(&c);
        LirVal at = lir_op2(c.fn, LIR_ADD, case_at(&c, 0, case_i32(&c, 0), 4), lir_ci(c.fn, DT_I64, rows[i].from));
        case_op(&c, (LirOp){.op = LIR_ASK, .ref = -1, .a = {at, op2(&c, LIR_EQ, c.tid, rows[i].nobody ? THREADS : 0), case_i32(&c, rows[i].bytes)}});
        case_store(&c, 1, c.tid);
        expect(&c, 1, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_after_write), cmocka_unit_test(write_after_read), cmocka_unit_test(double_write),
        cmocka_unit_test(several_readers), cmocka_unit_test(unwritten), cmocka_unit_test(copies), cmocka_unit_test(bounds),
        cmocka_unit_test(alignment), cmocka_unit_test(divergence), cmocka_unit_test(draw_outside), cmocka_unit_test(mark_outside), cmocka_unit_test(loops_apart), cmocka_unit_test(warps_apart), cmocka_unit_test(inboxes), cmocka_unit_test(named_barriers),
        cmocka_unit_test(global_races), cmocka_unit_test(asked),
    };
    return cmocka_run_group_tests_name("sim_faults", tests, NULL, NULL);
}
