/* test_spec_schedules.c [COUNT [SEED [FOLDER]]]: the kernels of specs/, or of another folder, under random bindings and random legal schedules on the sim, at random
 * sizes and layouts, against the oracle.
 *
 * A failure prints spec, kernel, binding, schedule, the shape after shrinking, and the seed that repeats it alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec_job.h"

enum { MAX_FAILURES = 10 };

static bool still_fails(const SpecJob *j, Buf *why)
{
    Buf now = {0};
    bool fails = spec_job_run(j, &now) == SPEC_FAIL;
    if (fails) {
        why->n = 0;
        buf_puts(why, now.p ? now.p : "");
    }
    buf_free(&now);
    return fails;
}

static bool smaller(SpecJob *j, int dim, int64_t to, Buf *why)
{
    SpecJob t = *j;
    t.dims[dim] = to;
    if (to < 0 || to >= j->dims[dim] || !still_fails(&t, why))
        return false;
    *j = t;
    return true;
}

static void shrink(SpecJob *j, Buf *why)
{
    int n = (int)j->spec->op->kernels[j->kernel].ndims;
    for (bool any = true; any;) {
        any = false;
        for (int i = 0; i < n; i++)
            any |= smaller(j, i, 1, why) || smaller(j, i, j->dims[i] / 2, why) || smaller(j, i, j->dims[i] - j->s.vec, why) || smaller(j, i, j->dims[i] - 1, why);
    }
}

static void report(SpecJob *j, Buf *why)
{
    Buf line = {0};
    shrink(j, why);
    spec_job_print(&line, j);
    printf("FAILED %s\n    %s\n    `test_spec_schedules 1 %llu`\n", line.p, why->p ? why->p : "", (unsigned long long)j->seed);
    fflush(stdout);
    buf_free(&line);
}

typedef struct Tally { long ran, skipped, failed, no_row; } Tally;

static void one(const SpecSet *set, uint64_t seed, Tally *t, Buf *why)
{
    SpecJob j;
    SpecVerdict v = spec_job_draw(&j, set, seed, why);
    if (v == SPEC_PASS)
        v = spec_job_run(&j, why);
    t->ran += v == SPEC_PASS || v == SPEC_FAIL;
    t->skipped += v == SPEC_SKIP;
    t->no_row += v == SPEC_NO_ROW;
    t->failed += v == SPEC_FAIL;
    if (v == SPEC_FAIL)
        report(&j, why);
}

int main(int argc, char **argv)
{
    long count = argc > 1 ? atol(argv[1]) : 2000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    Buf why = {0};
    Tally t = {0};
    SpecSet set;
    if (!spec_set_open(&set, argc > 3 ? argv[3] : LGR_SOURCE_DIR "/specs")) {
        printf("the specs: %s\n", set.d.n ? set.d.items[0].msg : "no files");
        return 1;
    }
    for (uint64_t at = seed; t.ran < count && t.failed < MAX_FAILURES && at < seed + (uint64_t)count * 4; at++)
        one(&set, at, &t, &why);
    printf("%ld schedules run, %ld failed (%ld drawn whose conditions do not hold, %ld of kernels without a row form)\n", t.ran, t.failed, t.skipped, t.no_row);
    buf_free(&why);
    spec_set_close(&set);
    return t.failed || t.ran < count / 2;
}
