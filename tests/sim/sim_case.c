/* sim_case.c: see sim_case.h. */
#include "sim_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

void case_begin(SimCase *c, uint32_t threads, uint32_t smem)
{
    memset(c, 0, sizeof *c);
    c->a = arena_new();
    c->fn = lir_new(c->a, "case");
    c->fn->threads = threads;
    c->fn->smem = smem;
    c->tid = lir_add(c->fn, (LirOp){.op = LIR_TID, .dt = DT_I32, .lanes = 1, .ref = -1});
}

void case_end(SimCase *c) { arena_free(c->a); }

uint32_t case_buffer(SimCase *c, void *p, size_t bytes)
{
    uint32_t w = lir_word_index(c->fn, (LirWord){LIR_W_PTR, (uint16_t)c->nbuf, 0});
    c->words[w] = (uint64_t)(uintptr_t)p;
    c->buf[c->nbuf++] = (SimBuffer){(uint64_t)(uintptr_t)p, bytes};
    return w;
}

LirVal case_i32(SimCase *c, int64_t v) { return lir_ci(c->fn, DT_I32, v); }
LirVal case_op(SimCase *c, LirOp o) { return lir_add(c->fn, o); }

LirVal case_at(SimCase *c, uint32_t buf, LirVal index, int bytes)
{
    LirVal e = lir_op2(c->fn, LIR_MUL, lir_cast(c->fn, DT_I64, index), lir_ci(c->fn, DT_I64, bytes));
    return lir_op2(c->fn, LIR_ADD, lir_word(c->fn, DT_I64, (LirWord){LIR_W_PTR, (uint16_t)buf, 0}), e);
}

LirVal case_off(SimCase *c, LirVal index, int bytes) { return lir_op2(c->fn, LIR_MUL, index, case_i32(c, bytes)); }

LirVal case_load(SimCase *c, uint32_t buf, DType dt, int lanes)
{
    LirVal at = case_at(c, buf, c->tid, lanes * dt_bytes(dt));
    return case_op(c, (LirOp){.op = LIR_LDG, .dt = (uint8_t)dt, .lanes = (uint8_t)lanes, .ref = -1, .a = {at}, .imm.i = dt_bytes(dt)});
}

void case_store(SimCase *c, uint32_t buf, LirVal v)
{
    int bytes = dt_bytes(lir_dt(c->fn, v));
    LirVal at = case_at(c, buf, c->tid, lir_lanes(c->fn, v) * bytes);
    case_op(c, (LirOp){.op = LIR_STG, .ref = -1, .a = {at, v}, .imm.i = bytes});
}

bool case_run(SimCase *c, uint32_t blocks)
{
    Diag d;
    Buf text = {0};
    diag_init(&d, c->a);
    if (!lir_verify(c->fn, &d)) {
        diag_render_text(&d, &text, false);
        fail_msg("%s", text.p);
    }
    return sim_run(c->fn, c->words, blocks, c->buf, c->nbuf, &c->res);
}
