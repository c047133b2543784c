/* test_plants.c [COUNT [SEED]]: faults planted in lowered kernels: does the sim, or the comparison, see them?
 *
 * Each kind changes one random operation.  A change may be harmless (a barrier that another one covers, a wait for copies that have
 * landed), so each kind has a share of its plants that must be found; the shares are a little below what is measured.
 */
#include <stdio.h>
#include <stdlib.h>

#include "job.h"

/* A random operation of the first launch for which `is` holds. */
static LirOp *pick(const LowKernel *k, uint64_t seed, bool (*is)(const LirOp *))
{
    LirFn *fn = k->launch[0].fn;
    uint32_t n = 0;
    for (uint32_t i = 0; i < fn->nops; i++)
        n += is(&fn->ops[i]);
    uint32_t left = n ? rnd_below(&seed, n) : 0;
    for (uint32_t i = 0; n && i < fn->nops; i++)
        if (is(&fn->ops[i]) && !left--)
            return &fn->ops[i];
    return NULL;
}

static bool is_barrier(const LirOp *o) { return o->op == LIR_BAR || o->op == LIR_BARN; }
static bool is_wait(const LirOp *o) { return o->op == LIR_CPWAIT && o->imm.i > 0; }
static bool is_shuffle(const LirOp *o) { return o->op == LIR_BFLY; }
static bool is_guarded(const LirOp *o) { return o->op == LIR_STGP; }
static bool is_masked(const LirOp *o) { return o->op == LIR_LDGP; }
static bool is_float_add(const LirOp *o) { return o->op == LIR_ADD && o->dt == DT_F32; }
static bool is_shared_store(const LirOp *o) { return o->op == LIR_STS || o->op == LIR_STSP; }

static bool drop(LirOp *o)
{
    if (o)
        *o = (LirOp){.op = LIR_NOP, .ref = -1};
    return o != NULL;
}

static bool drop_barrier(const LowKernel *k, uint64_t seed) { return drop(pick(k, seed, is_barrier)); }
static bool drop_shared_store(const LowKernel *k, uint64_t seed) { return drop(pick(k, seed, is_shared_store)); }

static bool wait_less(const LowKernel *k, uint64_t seed)
{
    LirOp *o = pick(k, seed, is_wait);
    if (o)
        o->imm.i++;
    return o != NULL;
}

static bool other_lane(const LowKernel *k, uint64_t seed)
{
    LirOp *o = pick(k, seed, is_shuffle);
    if (o)
        o->imm.i = 0;
    return o != NULL;
}

static bool no_guard(const LowKernel *k, uint64_t seed)
{
    LirOp *o = pick(k, seed, is_guarded);
    if (o)
        o->op = LIR_STG;
    return o != NULL;
}

static bool no_mask(const LowKernel *k, uint64_t seed)
{
    LirOp *o = pick(k, seed, is_masked);
    if (o)
        o->op = LIR_LDG;
    return o != NULL;
}

static bool subtract(const LowKernel *k, uint64_t seed)
{
    LirOp *o = pick(k, seed, is_float_add);
    if (o)
        o->op = LIR_SUB;
    return o != NULL;
}

typedef struct Kind { const char *name; bool (*change)(const LowKernel *k, uint64_t seed); int percent; } Kind;
static const Kind kinds[] = {
    {"barrier dropped", drop_barrier, 93}, {"wait for fewer copies", wait_less, 98}, {"shuffle from the own lane", other_lane, 85},
    {"guard of a store dropped", no_guard, 80}, {"guard of a load dropped", no_mask, 60}, {"sum turned", subtract, 80},
    {"store to shared memory dropped", drop_shared_store, 90},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static bool run_kind(const Kind *k, long count, uint64_t seed)
{
    long found = 0, planted = 0;
    Buf why = {0};
    for (uint64_t at = seed; planted < count && at < seed + (uint64_t)count * 50; at++) {
        Job j;
        if (!job_draw(&j, at) || j.m < 2 || j.n < 2)
            continue;
        j.change = k->change;
        Verdict v = job_run(&j, &why);
        planted += v != SKIP;
        found += v == FAIL;
    }
    buf_free(&why);
    printf("%-32s %ld of %ld found, %d%% wanted\n", k->name, found, planted, k->percent);
    return planted && found * 100 >= planted * k->percent;
}

int main(int argc, char **argv)
{
    long count = argc > 1 ? atol(argv[1]) : 300;      /* few enough to be quick, many enough that a percent or two is no chance */
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    bool ok = true;
    for (int i = 0; i < KINDS; i++)
        ok = run_kind(&kinds[i], count, seed) && ok;
    return !ok;
}
