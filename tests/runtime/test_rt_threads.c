/* Many threads on one context, from before anything is loaded: every launch right, every error its own thread's.
 * usage: test_runtime_threads [THREADS LAUNCHES]; the same program is built with the thread sanitizer as well. */
#include "toy_pack.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum { MOST = 256, TENSOR = 1 << 20 };

typedef struct Job { lgr_context *ctx; const lgr_kernel *k; pthread_barrier_t *start; int launches, bad; } Job;

static int threads = 8, launches = 1000;

/* One launch in ten is refused, one in ten is large enough for the pool. */
static bool one(Job *j, char *mine, int i)
{
    ToyCall c;
    int64_t m = i % 10 == 5 ? 1500 : 1 + i * 37 % 200;
    int32_t *s = (int32_t *)(mine + TOY_S * TENSOR);
    size_t bytes;
    toy_call(&c, j->k, kDLCPU, mine, m, 64);
    c.shape[TOY_W][0] = i % 10 ? 64 : 63;
    s[m - 1] = 0;
    if (i % 7 == 0 && i % 10 && (lgr_workspace_size(j->ctx, &c.call, &bytes) != LGR_OK || lgr_prepare(j->ctx, &c.call) != LGR_OK))
        return false;
    lgr_status st = lgr_launch(j->ctx, &c.call);
    return i % 10 ? st == LGR_OK && s[m - 1] == m : st == LGR_ERROR_SHAPE && lgr_last_error()->status == st;
}

static void *work(void *arg)
{
    Job *j = arg;
    char *mine = aligned_alloc(256, TOY_TENSORS * TENSOR);
    memset(mine, 0, TOY_TENSORS * TENSOR);
    pthread_barrier_wait(j->start);
    for (int i = 0; i < j->launches; i++)
        j->bad += !one(j, mine, i);
    free(mine);
    return NULL;
}

static void all_at_once(void **state)
{
    (void)state;
    static Job job[MOST];
    pthread_t id[MOST];
    pthread_barrier_t start;
    lgr_config config = LGR_CONFIG_INIT;
    const lgr_kernel *k;
    Toy t = toy_pack();
    config.host_threads = 4;
    lgr_context *ctx = toy_context(&config, t, &k);
    pthread_barrier_init(&start, NULL, (unsigned)threads);
    for (int i = 0; i < threads; i++) {
        job[i] = (Job){ctx, k, &start, launches, 0};
        assert_int_equal(pthread_create(&id[i], NULL, work, &job[i]), 0);
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(id[i], NULL);
        assert_int_equal(job[i].bad, 0);
    }
    pthread_barrier_destroy(&start);
    lgr_context_destroy(ctx);
    free(t.bytes);
}

int main(int argc, char **argv)
{
#if defined(__x86_64__)
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_at_once)};
    if (argc > 2) {
        threads = atoi(argv[1]) < MOST ? atoi(argv[1]) : MOST;
        launches = atoi(argv[2]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
#else
    return 77;
#endif
}
