/* ll_case.c: see ll_case.h. */
#include "ll_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

Case *case_new(const char *symbol)
{
    Case *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->a = arena_new();
    diag_init(&c->d, c->a);
    c->s = ll_open();
    assert_non_null(c->s);
    case_next(c, symbol);
    c->o.opt_level = 3;
    return c;
}

void case_next(Case *c, const char *symbol)
{
    assert_true(c->nfns < CASE_FNS);
    c->fn = lir_new(c->a, arena_strf(c->a, "%s", symbol));
    c->fns[c->nfns++] = c->fn;
}

void case_free(Case *c)
{
    ll_close(c->s);
    arena_free(c->a);
    free(c);
}

LirVal case_op(Case *c, LirOpcode op, DType dt, int lanes, LirVal x, LirVal y, int64_t imm)
{
    return lir_add(c->fn, (LirOp){.op = op, .dt = dt, .lanes = (uint8_t)lanes, .ref = -1, .a = {x, y}, .imm.i = imm});
}

LirVal case_leaf(Case *c, LirOpcode op) { return case_op(c, op, DT_I32, 1, 0, 0, 0); }
LirVal case_ptr(Case *c, int tensor) { return lir_word(c->fn, DT_I64, (LirWord){LIR_W_PTR, (uint16_t)tensor, 0}); }

LirVal case_at(Case *c, LirVal base, LirVal index, int bytes)
{
    LirVal at = lir_op2(c->fn, LIR_MUL, lir_cast(c->fn, DT_I64, index), lir_ci(c->fn, DT_I64, bytes));
    return lir_op2(c->fn, LIR_ADD, base, at);
}

LirVal case_mem(Case *c, LirOpcode op, DType dt, int lanes, LirVal addr, LirVal b, LirVal x, LirVal y, int64_t align, int flags)
{
    return lir_add(c->fn, (LirOp){.op = op, .dt = dt, .lanes = (uint8_t)lanes, .flags = (uint8_t)flags, .ref = -1, .a = {addr, b, x, y}, .imm.i = align});
}

void case_print_errors(Case *c)
{
    for (uint32_t i = 0; i < c->d.n; i++)
        fprintf(stderr, "  %s\n", c->d.items[i].msg);
}

void case_ptx(Case *c, TargetId t, Buf *ptx)
{
    bool good = ll_emit_ptx(c->s, c->fns, c->nfns, target_get(t), &c->o, ptx, &c->d);
    if (!good)
        case_print_errors(c);
    assert_true(good);
    if (getenv("LGR_SHOW"))
        fputs(ptx->p, stderr);
}

static void check_info(Case *c, const LlAsmInfo *info, uint32_t n)
{
    assert_int_equal(n, c->nfns);
    for (uint32_t i = 0; i < n; i++) {
        bool known = false;
        for (uint32_t k = 0; k < c->nfns; k++)
            known |= !strcmp(info[i].symbol, c->fns[k]->name);
        assert_true(known);
        if (info[i].spill_stores || info[i].spill_loads || info[i].stack)
            fail_msg("%s: %d bytes spilled, %d on the stack", info[i].symbol, info[i].spill_stores, info[i].stack);
        assert_true(info[i].regs > 0 && info[i].regs <= 255);
    }
}

int case_assemble(Case *c)
{
    int done = 0;
    for (int t = TARGET_SM80; t < TARGET_COUNT; t++) {
        Buf ptx = {0}, cubin = {0};
        LlAsmInfo info[CASE_FNS];
        uint32_t n = 0;
        case_ptx(c, (TargetId)t, &ptx);
        assert_null(strstr(ptx.p, ".local"));
        if (ll_ptxas_path()) {
            bool good = ll_ptxas(ptx.p, ptx.n, target_get((TargetId)t), &cubin, info, CASE_FNS, &n, &c->d);
            if (!good)
                case_print_errors(c);
            assert_true(good);
            check_info(c, info, n);
            assert_true(cubin.n > 64 && !memcmp(cubin.p, "\x7f" "ELF", 4));
            done += (int)n;
        }
        buf_free(&ptx);
        buf_free(&cubin);
    }
    if (!done)
        printf("  skipped: %u assemblies, no ptxas on this machine\n", 6 * c->nfns);
    return done;
}

int case_count(const char *text, const char *what)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, what)); p++)
        n++;
    return n;
}

void case_ordered(const char *text, ...)
{
    va_list ap;
    va_start(ap, text);
    for (const char *what; (what = va_arg(ap, const char *));) {
        const char *at = strstr(text, what);
        if (!at)
            fail_msg("not found (in this order): %s", what);
        text = at + strlen(what);
    }
    va_end(ap);
}

CaseCode case_host(Case *c)
{
    Buf blob = {0};
    uint32_t entry[CASE_FNS];
    bool good = ll_emit_host(c->s, c->fns, c->nfns, &c->o, &blob, entry, &c->d);
    if (!good)
        case_print_errors(c);
    assert_true(good);
    CaseCode code = {.size = blob.n};
    code.map = mmap(NULL, blob.n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(code.map != MAP_FAILED);
    memcpy(code.map, blob.p, blob.n);
    assert_int_equal(mprotect(code.map, blob.n, PROT_READ | PROT_EXEC), 0);
    for (uint32_t i = 0; i < c->nfns; i++) {
        void *at = (char *)code.map + entry[i];
        memcpy(&code.entry[i], &at, sizeof at);
    }
    code.run = code.entry[0];
    buf_free(&blob);
    return code;
}

void case_unmap(CaseCode *code) { munmap(code->map, code->size); }
