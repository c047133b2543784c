/* sema_all.c: every kernel under every binding, within bounds.
 *
 * In: a SemaOp.  Out: errors, each once.  Invariant: the work is bounded whatever the spec; the plainest binding comes
 * first, so that an error of every binding is told for that one.  Keeps nothing of what it builds.
 */
#include "sema_in.h"

enum { ALL_BINDINGS = 4096, ALL_WORK = 2000000 };

typedef struct Sweep { const SemaOp *op; uint32_t kernel; Arena *a; Diag *d; int64_t work, most; } Sweep;

static bool spent(const Sweep *s) { return s->work > s->most; }

static void try(Sweep *s, const SemaBinding *b)
{
    if (spent(s)) return;
    sema_build(s->op, s->kernel, b, s->a, s->d, &s->work);
    arena_reset(s->a);
}

static uint64_t bindings(const SemaOp *op, uint32_t kernel)
{
    uint64_t n = 1;
    for (uint32_t i = 0; i < op->ntypes; i++)
        if (op->kernels[kernel].types >> i & 1) n *= op->types[i].n;
    for (uint32_t i = 0; i < op->noptions && n <= ALL_BINDINGS; i++)
        if (op->kernels[kernel].options >> i & 1) n *= op->options[i].n;
    return n;
}

static void every(Sweep *s)
{
    SemaBinding b = sema_binding_first(s->op, s->kernel);
    do try(s, &b); while (!spent(s) && sema_binding_next(s->op, s->kernel, &b));
}

/* Choice c of all types' and options' choices counted through; false past the last. */
static bool choose(const SemaOp *op, SemaBinding *b, uint32_t c)
{
    for (uint32_t i = 0; i < op->ntypes; c -= op->types[i++].n)
        if (c < op->types[i].n) return b->type[i] = (uint8_t)c, true;
    for (uint32_t i = 0; i < op->noptions; c -= op->options[i++].n)
        if (c < op->options[i].n) return b->option[i] = (uint8_t)c, true;
    return false;
}

static void pairs(Sweep *s)
{
    SemaBinding plain = sema_binding_default(s->op), b = plain;
    for (uint32_t i = 0; choose(s->op, &b, i); i++, b = plain) try(s, &b);
    for (uint32_t i = 0; b = plain, choose(s->op, &b, i) && !spent(s); i++)
        for (uint32_t j = 0; j < i && !spent(s); j++) {
            b = plain;
            choose(s->op, &b, i);
            choose(s->op, &b, j);
            try(s, &b);
        }
}

bool sema_check_all(const SemaOp *op, Diag *d)
{
    uint32_t before = d->nerrors;
    Arena *a = arena_child(d->arena);
    for (uint32_t k = 0; k < op->nkernels; k++) {
        Sweep s = { op, k, a, d, 0, ALL_WORK / op->nkernels };
        SemaBinding plain = sema_binding_default(op);
        try(&s, &plain);
        if (bindings(op, k) <= ALL_BINDINGS) every(&s);
        else pairs(&s);
    }
    arena_free(a);
    return d->nerrors == before;
}
