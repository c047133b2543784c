/* fuzz_compile.c: the entry that a fuzzer calls: any bytes as a spec; each of its kernels, under one binding, through the text of the tile
 * IR and back, the choice of schedules on one target, lowering and verification.
 *
 * A trap is: a form that its verifier refuses, a text that does not read back, a stage that gives nothing and does not say why. Which
 * binding, target and random schedules is told from the bytes.
 */
#include <stdio.h>
#include <string.h>

#include "lower.h"
#include "sema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RANDOM_SCHEDULES = 2 };

typedef struct Way { const TirFn *fn; const Target *t; Arena *a; Diag d; uint64_t seed; } Way;

static _Noreturn void trap(const Way *w, const char *what)
{
    Buf b = {0};
    diag_render_text(&w->d, &b, false);
    fprintf(stderr, "%s.%s [%s] on %s: %s\n%s", w->fn->op_name, w->fn->name, w->fn->binding, w->t->name, what, b.p ? b.p : "");
    __builtin_trap();
}

static bool has_bug(const Diag *d)
{
    for (uint32_t i = 0; i < d->n; i++)
        if (d->items[i].cls == DIAG_BUG)
            return true;
    return false;
}

static void text_and_back(Way *w)
{
    Buf once = {0}, again = {0};
    Diag d;
    diag_init(&d, w->a);
    tir_print(&once, w->fn);
    TirFn *back = tir_parse(diag_add_file(&d, "text", once.p, once.n), w->a, &d);
    if (back)
        tir_print(&again, back);
    if (!back || once.n != again.n || memcmp(once.p, again.p, once.n)) {
        fprintf(stderr, "%s\n%s\n", once.p, d.n ? d.items[0].msg : again.p);
        trap(w, "the text does not read back");
    }
    buf_free(&once);
    buf_free(&again);
}

static void lower(Way *w, const SchedFacts *f, const Sched *s)
{
    Buf line = {0};
    const char *why = sched_illegal(f, s, w->t);
    sched_print(&line, s);
    LowKernel *k = why ? NULL : low_run(w->fn, s, w->t, "k", w->a, &w->d);
    if (why || has_bug(&w->d) || (!k && !w->d.n)) {
        fprintf(stderr, "%s\n", line.p);
        trap(w, why ? why : "lowering failed");
    }
    for (uint32_t i = 0; k && i < k->nlaunch; i++)
        if (!lir_verify(k->launch[i].fn, &w->d)) {
            fprintf(stderr, "%s\n", line.p);
            trap(w, "the lowered form does not verify");
        }
    buf_free(&line);
}

static void schedules(Way *w)
{
    SchedFacts f;
    SchedList list = {0};
    if (!sched_facts(w->fn, &f, &w->d)) {
        if (!w->d.n || has_bug(&w->d))
            trap(w, "no row form");
        return;
    }
    sched_choose(&f, w->t, w->a, &list);
    if (!list.n)
        trap(w, "no schedule");
    lower(w, &f, &list.s[0]);
    lower(w, &f, &list.s[list.n - 1]);
    for (int i = 0; i < RANDOM_SCHEDULES; i++) {
        Sched s = sched_random(&f, w->t, &w->seed);
        lower(w, &f, &s);
    }
}

static SemaBinding some_binding(const SemaOp *op, uint64_t x)
{
    SemaBinding b = sema_binding_default(op);
    for (uint32_t i = 0; i < op->ntypes; i++, x = x * 31 + 7)
        b.type[i] = (uint8_t)((x >> 20) % op->types[i].n);
    for (uint32_t i = 0; i < op->noptions; i++, x = x * 31 + 7)
        b.option[i] = (uint8_t)((x >> 20) % op->options[i].n);
    return b;
}

static void kernel(const SemaOp *op, uint32_t k, uint64_t seed)
{
    Way w = {.a = arena_new(), .t = target_get((TargetId)(seed >> 40) % TARGET_COUNT), .seed = seed};
    SemaBinding b = some_binding(op, seed);
    diag_init(&w.d, w.a);
    w.fn = sema_kernel(op, k, &b, w.a, &w.d);
    if (w.fn) {
        if (!tir_verify(w.fn, &w.d))
            trap(&w, "the tile IR does not verify");
        text_and_back(&w);
        schedules(&w);
    }
    arena_free(w.a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena *a = arena_new();
    Diag d;
    uint64_t seed = 14695981039346656037u;
    for (size_t i = 0; i < size; i++)
        seed = (seed ^ data[i]) * 1099511628211u;
    diag_init(&d, a);
    AstSpec *ast = ast_parse(diag_add_file(&d, "input", (const char *)data, size), a, &d);
    SemaOp *op = d.nerrors ? NULL : sema_open(ast, a, &d);
    for (uint32_t k = 0; op && k < op->nkernels; k++)
        kernel(op, k, seed + k);
    arena_free(a);
    return 0;
}
