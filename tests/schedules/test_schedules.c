/* test_schedules.c [COUNT [SEED]]: random legal schedules of small kernels on the sim.
 *
 * A failure prints the schedule, the shape after shrinking, and the seed that repeats it alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"
#include "plain.h"

/* ---- shrinking and reporting ---- */

static bool still_fails(const Job *j, Buf *why)
{
    Buf now = {0};
    bool fails = job_run(j, &now) == FAIL;
    if (fails) {
        why->n = 0;
        buf_puts(why, now.p ? now.p : "");
    }
    buf_free(&now);
    return fails;
}

static void shrink(Job *j, Buf *why)
{
    for (bool smaller = true; smaller;) {
        const int64_t less[][2] = {{1, j->n}, {j->m / 2, j->n}, {j->m - 1, j->n}, {j->m, 1}, {j->m, j->n / 2}, {j->m, j->n - j->s.vec}, {j->m, j->n - 1}};
        smaller = false;
        for (int i = 0; i < 7 && !smaller; i++) {
            Job t = *j;
            t.m = less[i][0];
            t.n = less[i][1];
            if (t.m < 0 || t.n < 0 || t.m * 100000 + t.n >= j->m * 100000 + j->n || !still_fails(&t, why))
                continue;
            *j = t;
            smaller = true;
        }
    }
}

static void report(Job *j, uint64_t seed, Buf *why)
{
    Buf line = {0};
    shrink(j, why);
    sched_print(&line, &j->s);
    printf("FAILED %s %s, %lld rows of %lld, layout %d, `test_schedules 1 %llu`\n    %s\n    %s\n", plain_kernels[j->kernel].name, dt_name(j->dt),
           (long long)j->m, (long long)j->n, j->how, (unsigned long long)seed, line.p, why->p ? why->p : "");
    fflush(stdout);
    buf_free(&line);
}

int main(int argc, char **argv)
{
    long count = argc > 1 ? atol(argv[1]) : 2000, ran = 0, failed = 0;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    Buf why = {0};
    for (uint64_t at = seed; ran < count && failed < 10 && at < seed + (uint64_t)count * 4; at++) {
        Job j;
        if (!job_draw(&j, at)) {
            printf("FAILED seed %llu: no row form\n", (unsigned long long)at);
            return 1;
        }
        Verdict v = job_run(&j, &why);
        ran += v != SKIP;
        if (v == FAIL) {
            failed++;
            report(&j, at, &why);
        }
    }
    printf("%ld schedules run, %ld failed\n", ran, failed);
    buf_free(&why);
    return failed || ran < count / 2;
}
